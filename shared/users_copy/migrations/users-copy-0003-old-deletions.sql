-- Authors who were deleted long ago are forgotten altogether
-- depends: users-copy-0002-by-email

-- migrate: apply

CREATE INDEX deleted_authors_by_time ON authors (deleted_at) WHERE name IS NULL;

-- migrate: rollback

DROP INDEX deleted_authors_by_time;
