#!/bin/bash
# Run once by the image after first_start.sh, where a standby follows (standby.yml): lets it in, and nobody else.
# Nobody follows yet, so nothing here waits for being followed.
set -euo pipefail
export PGOPTIONS="-c synchronous_commit=local"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv password REPLICATION_PASSWORD
CREATE ROLE standby LOGIN REPLICATION PASSWORD :'password';
SQL
echo "host replication standby all scram-sha-256" >>"$PGDATA/pg_hba.conf"
