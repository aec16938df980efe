-- Copies of users, how far the auth service's feed of them was taken, and which of them were deleted
-- depends:

-- migrate: apply

-- The posts service had these tables before other services could have them: what is there is taken over as it is.

CREATE TABLE IF NOT EXISTS authors (
    id bigint PRIMARY KEY,
    name text,
    email text,
    as_of timestamptz NOT NULL,
    told_in timestamptz,
    deleted_at timestamptz,
    CHECK ((name IS NULL) = (email IS NULL))
);

COMMENT ON TABLE authors IS 'copies of the auth service''s users, made when one writes and kept up to date by its feed';
COMMENT ON COLUMN authors.name IS
    'null: the user was deleted, or is unknown to an auth service whose database was put back; no late word brings them back';
COMMENT ON COLUMN authors.as_of IS
    'when the auth service said so: an older word never replaces a newer one; infinity: by the feed, which alone changes it';
COMMENT ON COLUMN authors.told_in IS 'which reading of the whole feed last told of the author: when it began';
COMMENT ON COLUMN authors.deleted_at IS
    'when the feed first told that the user was deleted; stays when a backup of the auth service brings them back';

CREATE TABLE IF NOT EXISTS followed_feeds (
    feed text PRIMARY KEY,
    position bigint NOT NULL,
    epoch uuid,
    highest_id bigint NOT NULL DEFAULT 0,
    reading_since timestamptz
);

COMMENT ON TABLE followed_feeds IS 'how far feeds of other services were taken, written with what they told';
COMMENT ON COLUMN followed_feeds.epoch IS 'of the other service''s database, as the feed last said';
COMMENT ON COLUMN followed_feeds.highest_id IS 'the highest user id that the feed ever told of';
COMMENT ON COLUMN followed_feeds.reading_since IS 'not null: the feed is being read anew from its beginning';

INSERT INTO followed_feeds (feed, position) VALUES ('user_changes', 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS removals (
    author_id bigint PRIMARY KEY
);

COMMENT ON TABLE removals IS 'authors who were deleted, as long as something of theirs is left: no statement shows it';

-- migrate: rollback

-- Nothing: whether they were here before, these tables do not say.
