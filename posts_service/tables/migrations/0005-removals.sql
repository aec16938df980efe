-- Who is deleted is gone for every reader at once; housekeeping deletes what they wrote, in small bites
-- depends: 0004-post-json-sooner

-- migrate: apply

CREATE TABLE removals (
    author_id bigint PRIMARY KEY
);

COMMENT ON TABLE removals IS 'authors who were deleted, as long as something of theirs is left: no statement shows it';

-- migrate: rollback

DELETE FROM posts WHERE author_id IN (SELECT author_id FROM removals);
DELETE FROM idempotency_keys WHERE author_id IN (SELECT author_id FROM removals);
DROP TABLE removals;
