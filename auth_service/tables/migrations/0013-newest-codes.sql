-- Find a browser's newest code whichever key its hash was made by: an order that no other index has, so that it is taken
-- depends: 0012-imported-hashes

-- migrate: apply

DROP INDEX codes_by_flow;
CREATE INDEX codes_by_flow ON codes (flow_mac, purpose, created_at) WHERE flow_mac IS NOT NULL;

-- migrate: rollback

DROP INDEX codes_by_flow;
CREATE INDEX codes_by_flow ON codes (flow_mac, purpose, id) WHERE flow_mac IS NOT NULL;
