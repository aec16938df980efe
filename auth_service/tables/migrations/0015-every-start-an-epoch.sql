-- An epoch for each start of the server; rows that were put back, and numbers that were overtaken, show
-- depends: 0014-service-credentials

-- migrate: apply

-- A row that comes from a dump was written by another transaction than the one that it names. COPY and INSERT keep what
-- the dump says; noted here is an UPDATE, which the release before makes, too, and an INSERT that leaves it to the
-- default. After a savepoint it is a transaction within another that writes: only the row itself tells its number.
ALTER TABLE epochs ADD COLUMN written_in xid NOT NULL DEFAULT pg_current_xact_id()::xid;

COMMENT ON COLUMN epochs.seen_at IS 'when the service last found all as it was, to ten seconds';
COMMENT ON COLUMN epochs.written_in IS 'the transaction that wrote the row; if another one did, the row was put back';

CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE epochs SET written_in = xmin WHERE number = NEW.number AND written_in <> xmin;
    RETURN NULL;
END
$$;

CREATE TRIGGER note_update AFTER UPDATE ON epochs FOR EACH ROW EXECUTE FUNCTION note_transaction();
CREATE TRIGGER note_insert AFTER INSERT ON epochs FOR EACH ROW
WHEN (NEW.written_in = pg_current_xact_id()::xid) EXECUTE FUNCTION note_transaction();

-- UUIDs of version 7 (RFC 9562, 5.7): the id of an epoch says when it began, also where a restore took the row away.
ALTER TABLE epochs ALTER COLUMN id SET DEFAULT encode(
    set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1),
    'hex'
)::uuid;

UPDATE epochs SET seen_at = seen_at; -- notes it for the rows that are there

CREATE OR REPLACE FUNCTION is_data_in_place(guarded text) RETURNS boolean STABLE
RETURN coalesce((
    SELECT server_started_at = pg_postmaster_start_time()
        AND database_id = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND table_id = to_regclass(guarded)
        AND file_node = coalesce(pg_relation_filenode(to_regclass(guarded)), 0)
        AND ids_from <= coalesce(pg_sequence_last_value(pg_get_serial_sequence(guarded, 'id')::regclass), 0)
        AND epochs.xmin = written_in
    FROM epochs ORDER BY number DESC LIMIT 1
), false);

-- The newest revocation stays, so that the table itself says how far the feed has come. The sequence doesn't: on a standby
-- that took over, and after a crash, it is up to 32 ahead. A trigger, so that it also holds for the release before.
INSERT INTO revocations (session_id, until)
SELECT gen_random_uuid(), now() WHERE pg_sequence_last_value('revocations_id_seq') IS NOT NULL;

CREATE FUNCTION keep_newest_revocation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RETURN CASE WHEN OLD.id < (SELECT max(id) FROM revocations) THEN OLD END;
END
$$;

CREATE TRIGGER keep_newest BEFORE DELETE ON revocations FOR EACH ROW EXECUTE FUNCTION keep_newest_revocation();

-- Where a feed ended in an epoch whose data has moved: the first statement notes it that writes entries before anybody
-- has looked and begun the next epoch. A row for each feed: one transaction may write to both, another the other way.
CREATE TABLE feed_ends (
    epoch integer NOT NULL REFERENCES feed_starts (epoch) ON DELETE CASCADE,
    feed text NOT NULL,
    last bigint,
    PRIMARY KEY (epoch, feed)
);

COMMENT ON TABLE feed_ends IS
    'the last number of a feed in an epoch, where its data moved and numbers were given before the next one began';
COMMENT ON COLUMN feed_ends.last IS 'NULL: not known, for the release before may have given later entries in this epoch';

-- The release before may run until all its replicas are replaced. It gives entries in the epoch that it knows.
INSERT INTO feed_ends (epoch, feed)
SELECT epoch, feed FROM feed_starts, unnest(ARRAY['revocations', 'user_changes']) AS feed
WHERE epoch = (SELECT max(number) FROM epochs) AND EXISTS (SELECT FROM users);

-- In its turn, which the statement takes anyway: no epoch begins, and nobody else writes to the feed, meanwhile.
CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    newest bigint;
BEGIN
    IF NOT is_data_in_place('users') THEN
        PERFORM pg_advisory_xact_lock(TG_ARGV[0]::bigint);
        EXECUTE format('SELECT max(id) FROM %I', TG_TABLE_NAME) INTO newest;
        INSERT INTO feed_ends (epoch, feed, last)
        SELECT epoch, TG_TABLE_NAME, coalesce(newest, 0) FROM feed_starts
        WHERE epoch = (SELECT max(number) FROM epochs) AND NOT is_data_in_place('users')
        ON CONFLICT (epoch, feed) DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER note_end BEFORE INSERT ON user_changes FOR EACH STATEMENT EXECUTE FUNCTION note_end('4709202');
CREATE TRIGGER note_end BEFORE INSERT ON revocations FOR EACH STATEMENT EXECUTE FUNCTION note_end('4709203');

-- After a start of the server the release before goes on with the epoch: where that ends is no longer what was noted.
CREATE FUNCTION forget_ends() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO feed_ends (epoch, feed)
    SELECT epoch, feed FROM feed_starts, unnest(ARRAY['revocations', 'user_changes']) AS feed
    WHERE epoch = NEW.number
    ON CONFLICT (epoch, feed) DO UPDATE SET last = NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER forget_ends AFTER UPDATE ON epochs FOR EACH ROW
WHEN (NEW.server_started_at <> OLD.server_started_at AND NEW.server_started_at = pg_postmaster_start_time())
EXECUTE FUNCTION forget_ends();

-- migrate: rollback

DROP TRIGGER keep_newest ON revocations;
DROP FUNCTION keep_newest_revocation();
DROP TRIGGER forget_ends ON epochs;
DROP FUNCTION forget_ends();
DROP TRIGGER note_end ON revocations;
DROP TRIGGER note_end ON user_changes;
DROP FUNCTION note_end();
DROP TABLE feed_ends;

CREATE OR REPLACE FUNCTION is_data_in_place(guarded text) RETURNS boolean STABLE
RETURN coalesce((
    SELECT server_started_at = pg_postmaster_start_time()
        AND database_id = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND table_id = to_regclass(guarded)
        AND file_node = coalesce(pg_relation_filenode(to_regclass(guarded)), 0)
        AND ids_from <= coalesce(pg_sequence_last_value(pg_get_serial_sequence(guarded, 'id')::regclass), 0)
    FROM epochs ORDER BY number DESC LIMIT 1
), false);

ALTER TABLE epochs ALTER COLUMN id SET DEFAULT gen_random_uuid();
DROP TRIGGER note_insert ON epochs;
DROP TRIGGER note_update ON epochs;
DROP FUNCTION note_transaction();
ALTER TABLE epochs DROP COLUMN written_in;
COMMENT ON COLUMN epochs.seen_at IS 'when the service last found all as it was, to the minute';
