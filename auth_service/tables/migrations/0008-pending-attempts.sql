-- Tries that are let in and not decided yet
-- depends: 0007-epochs

-- migrate: apply

ALTER TABLE attempts ADD COLUMN pending integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN attempts.pending IS 'tries, counted as failed, whose outcome is not known yet';

-- migrate: rollback

ALTER TABLE attempts DROP COLUMN pending;
