-- Refresh tokens that were given out a second time, long after the first
-- depends: 0008-pending-attempts

-- migrate: apply

ALTER TABLE refresh_tokens ADD COLUMN is_repeated boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN refresh_tokens.is_repeated IS 'given again after the grace, to a client that had lost the answer, or to a thief';

-- migrate: rollback

ALTER TABLE refresh_tokens DROP COLUMN is_repeated;
