-- What other services follow: how users change, and which sessions were ended
-- depends: 0003-roles

-- migrate: apply

CREATE TABLE user_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('created', 'renamed', 'deleted')),
    user_id bigint NOT NULL,
    name text,
    email text,
    happened_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'deleted') = (name IS NULL)),
    CHECK ((name IS NULL) = (email IS NULL))
);

COMMENT ON TABLE user_changes IS 'written in the transaction that makes the change, with ids in the order of commits';

INSERT INTO user_changes (kind, user_id, name, email) SELECT 'created', id, name, email FROM users ORDER BY id;

CREATE TABLE revocations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id uuid NOT NULL,
    until timestamptz NOT NULL
);

COMMENT ON COLUMN revocations.until IS 'from here on no access token of the session can be valid any more';

CREATE INDEX revocations_by_end ON revocations (until);

-- Tokens live for a day at most.
INSERT INTO revocations (session_id, until)
SELECT id, revoked_at + interval '1 day' FROM sessions WHERE revoked_at > now() - interval '1 day' ORDER BY revoked_at;

-- migrate: rollback

DROP TABLE revocations;
DROP TABLE user_changes;
