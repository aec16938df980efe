-- Credentials of external services, by which they learn which sessions were ended
-- depends: 0013-newest-codes

-- migrate: apply

CREATE TABLE service_credentials (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    credential_mac bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);

COMMENT ON TABLE service_credentials IS 'a hundred at most; one that is revoked is deleted';
COMMENT ON COLUMN service_credentials.credential_mac IS 'a keyed hash: nothing here opens anything';
COMMENT ON COLUMN service_credentials.last_used_at IS 'to the minute';

-- migrate: rollback

DROP TABLE service_credentials;
