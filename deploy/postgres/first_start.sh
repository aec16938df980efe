#!/bin/bash
# Run once by the image, on an empty volume, while the server answers only on its own socket: makes a database and its
# role for each <SERVICE>_DATABASE_URL there is, with the password of that URL, and lets nobody in but them.
set -euo pipefail

# postgresql://user:password@host... -> password, with %XX decoded
password_of() {
    local rest=${1#*://}
    rest=${rest%%@*}
    rest=${rest#*:}
    printf '%b' "${rest//%/\\x}"
}

# Where a standby is to follow (standby.yml), none does yet, and none is waited for.
export PGOPTIONS="-c synchronous_commit=local"

run_sql() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres
}

for name in $(compgen -e | grep '_DATABASE_URL$'); do
    service=${name%_DATABASE_URL}
    PASSWORD=$(password_of "${!name}")
    ROLE=${service,,} PASSWORD=$PASSWORD run_sql <<'SQL'
\getenv role ROLE
\getenv password PASSWORD
\include /etc/gatepost/databases.sql
SQL
done
run_sql <<'SQL'
ALTER ROLE postgres PASSWORD NULL;
SQL
cp /etc/gatepost/pg_hba.conf "$PGDATA/pg_hba.conf"
