-- Users are followed: how far, and which of them are no more
-- depends: 0001-posts

-- migrate: apply

ALTER TABLE authors
    ALTER COLUMN name DROP NOT NULL,
    ALTER COLUMN email DROP NOT NULL,
    ADD CHECK ((name IS NULL) = (email IS NULL));

COMMENT ON COLUMN authors.name IS 'null: the user was deleted; the id is kept so that no late word brings them back';
COMMENT ON COLUMN authors.as_of IS
    'when the auth service said so: an older word never replaces a newer one; infinity: by the feed, which alone changes it';

CREATE TABLE followed_feeds (
    feed text PRIMARY KEY,
    position bigint NOT NULL
);

COMMENT ON TABLE followed_feeds IS 'how far feeds of other services were taken, written with what they told';

INSERT INTO followed_feeds (feed, position) VALUES ('user_changes', 0);

-- migrate: rollback

COMMENT ON COLUMN authors.name IS NULL;
COMMENT ON COLUMN authors.as_of IS 'when the auth service said so: an older word never replaces a newer one';
DROP TABLE followed_feeds;
DELETE FROM authors WHERE name IS NULL;
UPDATE authors SET as_of = now() WHERE as_of = 'infinity';
ALTER TABLE authors
    DROP CONSTRAINT authors_check,
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN email SET NOT NULL;
