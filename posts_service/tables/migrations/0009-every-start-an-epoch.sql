-- Rows of the table of epochs that were put back show
-- depends: 0008-imported-posts

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

-- migrate: rollback

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
