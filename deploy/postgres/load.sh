#!/bin/bash
# Put a dump, from standard input, in the place of all that a database's role owns there, newer tables too. Usage: load.sh
# auth|posts, in the container; restore.sh and drill.sh do. Exit status 0: done. Another: it is all as it was, because
# nothing but the COMMIT at the end of the whole dump ends the transaction.
set -euo pipefail
[ $# -eq 1 ] || { echo "Usage: load.sh auth|posts, with a dump from standard input" >&2; exit 2; }
# Where the standby is away no COMMIT would ever end, and hold every table meanwhile.
export PGOPTIONS="-c client_min_messages=warning -c synchronous_commit=local"

{
    cat <<SQL
BEGIN;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();
SET LOCAL lock_timeout = '30s';
DROP OWNED BY "$1" CASCADE;
CREATE SCHEMA IF NOT EXISTS public AUTHORIZATION pg_database_owner;
SQL
    pg_restore --file -
    echo "COMMIT;"
} | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname "$1" --output /dev/null
