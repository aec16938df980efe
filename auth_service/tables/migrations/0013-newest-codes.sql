-- Find a browser's newest code whichever key its hash was made by: an order that no other index has, so that it is taken
-- depends: 0012-imported-hashes

-- migrate: apply

DROP INDEX codes_by_flow;
CREATE INDEX codes_by_flow ON codes (flow_mac, purpose, (id + 0)) WHERE flow_mac IS NOT NULL;

-- By id, for a clock may step back. Of a browser with many codes it reads one for each key.
CREATE FUNCTION find_newest_code(sought text, flow_macs bytea[]) RETURNS bigint STABLE
RETURN (
    SELECT max(newest.id) FROM unnest(flow_macs) AS mac, LATERAL (
        SELECT id FROM codes WHERE flow_mac = mac AND purpose = sought ORDER BY id + 0 DESC LIMIT 1
    ) AS newest
);

-- migrate: rollback

DROP FUNCTION find_newest_code(text, bytea[]);
DROP INDEX codes_by_flow;
CREATE INDEX codes_by_flow ON codes (flow_mac, purpose, id) WHERE flow_mac IS NOT NULL;
