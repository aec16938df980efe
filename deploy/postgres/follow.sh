#!/bin/bash
# Start the standby: at first with a copy of the primary's data, afterwards with what it has. Once it was promoted it
# starts as what it is then, a primary. Arguments are further options of the server. For the way back (fail_back.sh),
# without starting anything:
#
#   follow.sh copy   in the old primary's container: replace its files by a copy of postgres_standby's, which it follows
#   follow.sh again  in the standby's container: with what it has it is to follow postgres again
#   follow.sh no     there, too: it is to lead, after all
set -euo pipefail

bash /etc/gatepost/refuse_sample.sh

# copy HOST NAME: as this name it follows that host. What is cut off leaves no PG_VERSION in place, and begins anew.
copy() {
    chmod 700 "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete
    PGPASSWORD=$REPLICATION_PASSWORD pg_basebackup --dbname "host=$1 user=standby application_name=$2" \
        --pgdata "$PGDATA/copying" --write-recovery-conf --wal-method=stream --checkpoint=fast
    find "$PGDATA/copying" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv --target-directory "$PGDATA" {} +
    mv "$PGDATA/copying/PG_VERSION" "$PGDATA"
    rmdir "$PGDATA/copying"
}

case ${1:-} in
    copy)
        copy postgres_standby back ;;
    again)
        echo "primary_conninfo = 'host=postgres user=standby application_name=standby password=$REPLICATION_PASSWORD'" \
            >>"$PGDATA/postgresql.auto.conf"
        touch "$PGDATA/standby.signal" ;;
    no)
        rm -f "$PGDATA/standby.signal" ;;
    *)
        [ -s "$PGDATA/PG_VERSION" ] || copy postgres standby
        exec postgres -c log_checkpoints=off -c listen_addresses='*' -c hot_standby=on -c wal_keep_size=1GB "$@" ;;
esac
