-- Refresh tokens that are used once, and users who are disabled
-- depends: 0004-feeds

-- migrate: apply

ALTER TABLE refresh_tokens
    ADD COLUMN used_at timestamptz,
    ADD COLUMN salt bytea CHECK (octet_length(salt) = 32),
    ADD CHECK ((used_at IS NULL) = (salt IS NULL));

COMMENT ON COLUMN refresh_tokens.salt IS 'what its successor was derived with: only who has the token can do so again';

ALTER TABLE users
    ADD COLUMN password_set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN disabled_at timestamptz;

COMMENT ON COLUMN users.password_set_at IS 'when the user chose it; hashing it anew with other parameters does not count';
COMMENT ON COLUMN users.disabled_at IS 'from here on the user can not sign in';

-- migrate: rollback

ALTER TABLE users DROP COLUMN disabled_at, DROP COLUMN password_set_at;
ALTER TABLE refresh_tokens DROP COLUMN used_at, DROP COLUMN salt;
