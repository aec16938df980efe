-- Invitations: links by which an operator lets people sign up
-- depends: 0016-identities

-- migrate: apply

CREATE TABLE invitations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_mac bytea NOT NULL UNIQUE,
    note text NOT NULL,
    uses_left integer NOT NULL CHECK (uses_left >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

COMMENT ON TABLE invitations IS 'of limited life and count; what is past is deleted, what is revoked at once';
COMMENT ON COLUMN invitations.token_mac IS 'a keyed hash: nothing here lets anybody in';
COMMENT ON COLUMN invitations.note IS 'whom or what it is for, in the operator''s words';

CREATE INDEX invitations_by_end ON invitations (expires_at);

-- migrate: rollback

DROP TABLE invitations;
