-- What users are, beside themselves: rules of the gateway may ask for a role
-- depends: 0002-attempts

-- migrate: apply

ALTER TABLE users ADD COLUMN roles text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN users.roles IS 'as they stand in access tokens, from the next one on';

-- migrate: rollback

ALTER TABLE users DROP COLUMN roles;
