-- When was the data put back from a backup? And what a follower needs to notice the same of the auth service
-- depends: 0005-removals

-- migrate: apply

-- A table says where the data lay when it was last looked at. Data that is put back from a backup lies somewhere else, or
-- in a server with another past, and so shows itself: see shared/postgres/epochs.py.
CREATE TABLE epochs (
    number integer PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_loss boolean NOT NULL,
    told_by uuid,
    ids_from bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    server_started_at timestamptz NOT NULL,
    system_id bigint NOT NULL,
    timeline text NOT NULL,
    database_id oid NOT NULL,
    table_id oid NOT NULL,
    file_node oid NOT NULL
);

COMMENT ON TABLE epochs IS 'one row for each stretch of time in which the data was not put back; the last one is now';
COMMENT ON COLUMN epochs.is_loss IS 'something that had been written is gone: sessions that began before are over';
COMMENT ON COLUMN epochs.told_by IS 'the epoch, unknown here, of the follower that told of it';
COMMENT ON COLUMN epochs.ids_from IS 'ids of this epoch are greater';
COMMENT ON COLUMN epochs.seen_at IS 'when the service last found all as it was, to the minute';
COMMENT ON COLUMN epochs.file_node IS 'changes with TRUNCATE, and with VACUUM FULL; 0: a partitioned table';

-- Asked in the statement that gives out an id, so it reads no file.
CREATE FUNCTION is_data_in_place(guarded text) RETURNS boolean STABLE
RETURN coalesce((
    SELECT server_started_at = pg_postmaster_start_time()
        AND database_id = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND table_id = to_regclass(guarded)
        AND file_node = coalesce(pg_relation_filenode(to_regclass(guarded)), 0)
        AND ids_from <= coalesce(pg_sequence_last_value(pg_get_serial_sequence(guarded, 'id')::regclass), 0)
    FROM epochs ORDER BY number DESC LIMIT 1
), false);

-- Whether a database that has posts already was just put back, from a backup of a release before, nobody can tell: so the
-- next id is far from all that were given: it is the time in milliseconds.
INSERT INTO epochs
    (number, is_loss, ids_from, server_started_at, system_id, timeline, database_id, table_id, file_node)
SELECT 1, false,
    CASE WHEN EXISTS (SELECT FROM posts)
        THEN setval(pg_get_serial_sequence('posts', 'id'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint) ELSE 0 END,
    pg_postmaster_start_time(), (SELECT system_identifier FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database()),
    to_regclass('posts'), coalesce(pg_relation_filenode(to_regclass('posts')), 0);

ALTER TABLE followed_feeds
    ADD COLUMN epoch uuid,
    ADD COLUMN highest_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN reading_since timestamptz;

COMMENT ON COLUMN followed_feeds.epoch IS 'of the other service''s database, as the feed last said';
COMMENT ON COLUMN followed_feeds.highest_id IS 'the highest user id that the feed ever told of';
COMMENT ON COLUMN followed_feeds.reading_since IS 'not null: the feed is being read anew from its beginning';

UPDATE followed_feeds SET highest_id = coalesce((SELECT max(id) FROM authors WHERE as_of = 'infinity'), 0);

ALTER TABLE authors
    ADD COLUMN told_in timestamptz,
    ADD COLUMN deleted_at timestamptz;

COMMENT ON COLUMN authors.told_in IS 'which reading of the whole feed last told of the author: when it began';
COMMENT ON COLUMN authors.deleted_at IS
    'when the feed first told that the user was deleted; stays when a backup of the auth service brings them back';
COMMENT ON COLUMN authors.name IS
    'null: the user was deleted, or is unknown to an auth service whose database was put back; no late word brings them back';

UPDATE authors SET deleted_at = now() WHERE name IS NULL;

-- migrate: rollback

COMMENT ON COLUMN authors.name IS 'null: the user was deleted; the id is kept so that no late word brings them back';
ALTER TABLE authors DROP COLUMN told_in, DROP COLUMN deleted_at;
ALTER TABLE followed_feeds DROP COLUMN epoch, DROP COLUMN highest_id, DROP COLUMN reading_since;
DROP FUNCTION is_data_in_place(text);
DROP TABLE epochs;
