-- Users, their sessions and refresh tokens, and the audit
-- depends:

-- migrate: apply

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN users.email IS 'as typed';
COMMENT ON COLUMN users.email_key IS 'NFKC and case folded: what makes two addresses the same';

CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    idle_ends_at timestamptz NOT NULL,
    user_agent text NOT NULL,
    address inet,
    revoked_at timestamptz,
    revoked_because text,
    CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);

COMMENT ON COLUMN sessions.ends_at IS 'however much it is used';
COMMENT ON COLUMN sessions.idle_ends_at IS 'unless it is used before';

CREATE INDEX sessions_by_user ON sessions (user_id, created_at DESC);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN refresh_tokens.token_hash IS 'SHA-256 of the token, which is stored nowhere';

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL,
    user_id bigint,
    session_id uuid,
    address inet,
    user_agent text NOT NULL,
    request_id text NOT NULL
);

COMMENT ON TABLE audit IS 'outlives the users and sessions that it names, so it has no foreign keys';

CREATE INDEX audit_by_user ON audit (user_id, happened_at DESC);
CREATE INDEX audit_by_time ON audit (happened_at DESC);

-- migrate: rollback

DROP TABLE audit;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
