#!/bin/bash
# Start the standby: at first with a copy of the primary's data, afterwards with what it has. Once it was promoted it
# starts as what it is then, a primary.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    chmod 700 "$PGDATA"
    export PGPASSWORD=$REPLICATION_PASSWORD
    pg_basebackup --dbname "host=postgres user=standby application_name=standby" --pgdata "$PGDATA" \
        --write-recovery-conf --wal-method=stream --checkpoint=fast
fi
exec postgres -c log_checkpoints=off -c listen_addresses='*' -c hot_standby=on
