#!/bin/bash
# Run once by the image, on an empty volume, while the server answers only on its own socket: makes a database and its
# role for each <SERVICE>_DATABASE_URL there is, with the password of that URL, and lets nobody in but them. With "passwords"
# the roles that are there get those of the URLs, and nothing else is done: after a recovery (recover.sh).
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

making="\include /etc/gatepost/databases.sql"
[ "${1:-}" != passwords ] ||
    making="SELECT format('ALTER ROLE %I PASSWORD %L', :'role', :'password') FROM pg_roles WHERE rolname = :'role' \gexec"
for name in $(compgen -e | grep '_DATABASE_URL$'); do
    service=${name%_DATABASE_URL}
    PASSWORD=$(password_of "${!name}")
    ROLE=${service,,} PASSWORD=$PASSWORD run_sql <<SQL
\getenv role ROLE
\getenv password PASSWORD
$making
SQL
done
[ "${1:-}" != passwords ] || exit 0
run_sql <<'SQL'
ALTER ROLE postgres PASSWORD NULL;
SQL
cp /etc/gatepost/pg_hba.conf "$PGDATA/pg_hba.conf"
