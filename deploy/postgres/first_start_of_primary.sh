#!/bin/bash
# Let a standby in, and nobody else (standby.yml). Run once by the image after first_start.sh, or by add_standby.sh in a
# server that runs. Nobody follows yet, so nothing here waits for being followed.
set -euo pipefail
export PGOPTIONS="-c synchronous_commit=local"

bash /etc/gatepost/refuse_sample.sh
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv password REPLICATION_PASSWORD
SELECT 'CREATE ROLE standby' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'standby') \gexec
ALTER ROLE standby LOGIN REPLICATION PASSWORD :'password';
SQL
line="host replication standby all scram-sha-256"
grep -qx "$line" "$PGDATA/pg_hba.conf" || echo "$line" >>"$PGDATA/pg_hba.conf"
psql --no-psqlrc --quiet --username postgres --dbname postgres --output /dev/null --command "SELECT pg_reload_conf()"
