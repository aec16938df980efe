-- Who somebody is to another provider, when the user of a session last proved who they are, and by whom, in the audit
-- depends: 0015-every-start-an-epoch

-- migrate: apply

-- A user has few, by a limit, so their deletion may cascade.
CREATE TABLE identities (
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email text,
    linked_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, subject)
);

COMMENT ON TABLE identities IS 'who a user is to other providers; nothing else of theirs is stored';
COMMENT ON COLUMN identities.issuer IS 'who the provider of that id was when it was linked; another one is not believed';
COMMENT ON COLUMN identities.subject IS 'the provider''s name for somebody, which never changes and is never given to another';
COMMENT ON COLUMN identities.email IS 'the address that the provider gave last, to show to the user; it names nobody here';

CREATE INDEX identities_by_user ON identities (user_id);

ALTER TABLE audit ADD COLUMN provider text;

COMMENT ON COLUMN audit.provider IS 'the other provider that it happened by; null: none';

ALTER TABLE sessions ADD COLUMN authenticated_at timestamptz;

COMMENT ON COLUMN sessions.authenticated_at IS 'when another provider says that its user proved who they are; null: here, when it began';

CREATE OR REPLACE VIEW live_sessions AS
SELECT id, user_id, created_at, last_used_at, ends_at, idle_ends_at, user_agent, address, authenticated_at
FROM sessions
WHERE revoked_at IS NULL AND now() < least(ends_at, idle_ends_at)
    AND NOT EXISTS (
        SELECT FROM session_cutoffs AS cutoff
        WHERE cutoff.user_id = sessions.user_id AND sessions.created_at <= cutoff.began_by
            AND sessions.id IS DISTINCT FROM cutoff.spared
    )
    AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity');

-- migrate: rollback

DROP VIEW live_sessions;

CREATE OR REPLACE VIEW live_sessions AS
SELECT id, user_id, created_at, last_used_at, ends_at, idle_ends_at, user_agent, address
FROM sessions
WHERE revoked_at IS NULL AND now() < least(ends_at, idle_ends_at)
    AND NOT EXISTS (
        SELECT FROM session_cutoffs AS cutoff
        WHERE cutoff.user_id = sessions.user_id AND sessions.created_at <= cutoff.began_by
            AND sessions.id IS DISTINCT FROM cutoff.spared
    )
    AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity');

ALTER TABLE sessions DROP COLUMN authenticated_at;
ALTER TABLE audit DROP COLUMN provider;
DROP TABLE identities;
