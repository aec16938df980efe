-- When was the data put back from a backup? And user changes: only the last of each user is kept
-- depends: 0006-bounds

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

-- Whether a database that has users already was just put back, from a backup of a release before, nobody can tell: so the
-- next id is far from all that were given: it is the time in milliseconds.
INSERT INTO epochs
    (number, is_loss, ids_from, server_started_at, system_id, timeline, database_id, table_id, file_node)
SELECT 1, false,
    CASE WHEN EXISTS (SELECT FROM users)
        THEN setval('users_id_seq', (extract(epoch FROM clock_timestamp()) * 1000)::bigint) ELSE 0 END,
    pg_postmaster_start_time(), (SELECT system_identifier FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database()),
    to_regclass('users'), pg_relation_filenode(to_regclass('users'));

CREATE TABLE feed_starts (
    epoch integer PRIMARY KEY REFERENCES epochs (number),
    user_changes bigint NOT NULL,
    revocations bigint NOT NULL
);

COMMENT ON TABLE feed_starts IS 'the last numbers that the feeds had given when an epoch began';

INSERT INTO feed_starts (epoch, user_changes, revocations)
SELECT 1, coalesce((SELECT max(id) FROM user_changes), 0),
    coalesce(pg_sequence_last_value('revocations_id_seq'), 0);

-- Who follows from the beginning needs of each user the last change only; and of one who was deleted nothing else may
-- stay. A trigger, so that it also holds for what the release before writes while replicas are being replaced.
CREATE INDEX user_changes_by_user ON user_changes (user_id);

DELETE FROM user_changes AS older WHERE EXISTS (
    SELECT FROM user_changes AS newer WHERE newer.user_id = older.user_id AND newer.id > older.id
);

CREATE FUNCTION delete_older_user_changes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM user_changes WHERE user_id = NEW.user_id AND id < NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER delete_older AFTER INSERT ON user_changes
FOR EACH ROW EXECUTE FUNCTION delete_older_user_changes();

-- The one place that says which sessions are live. What is updated through it is asked again once its row is locked.
CREATE VIEW live_sessions AS
SELECT id, user_id, created_at, last_used_at, ends_at, idle_ends_at, user_agent, address
FROM sessions
WHERE revoked_at IS NULL AND now() < least(ends_at, idle_ends_at)
    AND NOT EXISTS (
        SELECT FROM session_cutoffs AS cutoff
        WHERE cutoff.user_id = sessions.user_id AND sessions.created_at <= cutoff.began_by
            AND sessions.id IS DISTINCT FROM cutoff.spared
    )
    AND created_at >= coalesce((SELECT max(began_at) FROM epochs WHERE is_loss), '-infinity');

-- migrate: rollback

-- The release before knows of no epochs: what the last loss ended must say so itself.
UPDATE sessions SET revoked_at = now(), revoked_because = 'database_put_back'
WHERE revoked_at IS NULL AND created_at < (SELECT max(began_at) FROM epochs WHERE is_loss);

DROP VIEW live_sessions;
DROP TRIGGER delete_older ON user_changes;
DROP FUNCTION delete_older_user_changes();
DROP INDEX user_changes_by_user;
DROP TABLE feed_starts;
DROP FUNCTION is_data_in_place(text);
DROP TABLE epochs;
