-- An epoch for each start of the server; rows that were put back, and numbers that were overtaken, show
-- depends: 0014-service-credentials

-- migrate: apply

-- A row that comes from a dump was written by another transaction than the one that it names. COPY and INSERT keep what
-- the dump says; only an UPDATE, which the release before makes, too, is noted here.
ALTER TABLE epochs ADD COLUMN written_in xid8 NOT NULL DEFAULT pg_current_xact_id();

COMMENT ON COLUMN epochs.written_in IS 'the transaction that wrote the row; if another one did, the row was put back';

CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_in = pg_current_xact_id();
    RETURN NEW;
END
$$;

CREATE TRIGGER note_transaction BEFORE UPDATE ON epochs FOR EACH ROW EXECUTE FUNCTION note_transaction();

UPDATE epochs SET seen_at = seen_at; -- notes it for the rows that are there

-- UUIDs of version 7 (RFC 9562, 5.7): the id of an epoch says when it began, also where a restore took the row away.
ALTER TABLE epochs ALTER COLUMN id SET DEFAULT encode(
    set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6
    ), 52, 1), 53, 1),
    'hex'
)::uuid;

CREATE OR REPLACE FUNCTION is_data_in_place(guarded text) RETURNS boolean STABLE
RETURN coalesce((
    SELECT server_started_at = pg_postmaster_start_time()
        AND database_id = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND table_id = to_regclass(guarded)
        AND file_node = coalesce(pg_relation_filenode(to_regclass(guarded)), 0)
        AND ids_from <= coalesce(pg_sequence_last_value(pg_get_serial_sequence(guarded, 'id')::regclass), 0)
        AND epochs.xmin = written_in::xid
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

-- Where the feeds ended in an epoch whose data has moved: the first entry notes it that is written before anybody has
-- looked and begun the next epoch.
ALTER TABLE feed_starts
    ADD COLUMN user_changes_end bigint,
    ADD COLUMN revocations_end bigint;

COMMENT ON COLUMN feed_starts.user_changes_end IS
    'the last number of the epoch, where its data moved and numbers were given before the next one began';
COMMENT ON COLUMN feed_starts.revocations_end IS 'likewise';

CREATE FUNCTION note_end_of_user_changes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT is_data_in_place('users') THEN
        UPDATE feed_starts SET user_changes_end = coalesce((SELECT max(id) FROM user_changes), 0)
        WHERE epoch = (SELECT max(number) FROM epochs) AND user_changes_end IS NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER note_end BEFORE INSERT ON user_changes FOR EACH ROW EXECUTE FUNCTION note_end_of_user_changes();

CREATE FUNCTION note_end_of_revocations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT is_data_in_place('users') THEN
        UPDATE feed_starts SET revocations_end = coalesce((SELECT max(id) FROM revocations), 0)
        WHERE epoch = (SELECT max(number) FROM epochs) AND revocations_end IS NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER note_end BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION note_end_of_revocations();

-- migrate: rollback

DROP TRIGGER keep_newest ON revocations;
DROP FUNCTION keep_newest_revocation();
DROP TRIGGER note_end ON revocations;
DROP FUNCTION note_end_of_revocations();
DROP TRIGGER note_end ON user_changes;
DROP FUNCTION note_end_of_user_changes();
ALTER TABLE feed_starts DROP COLUMN user_changes_end, DROP COLUMN revocations_end;

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
DROP TRIGGER note_transaction ON epochs;
DROP FUNCTION note_transaction();
ALTER TABLE epochs DROP COLUMN written_in;
