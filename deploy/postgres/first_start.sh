#!/bin/bash
# Run once by the image, on an empty volume, while the server answers only on its own socket: makes the databases and
# their roles, with the passwords of the services' own URLs, and lets nobody in but them.
set -euo pipefail

# postgresql://user:password@host... -> password, with %XX decoded
password_of() {
    local rest=${1#*://}
    rest=${rest%%@*}
    rest=${rest#*:}
    printf '%b' "${rest//%/\\x}"
}

AUTH_PASSWORD=$(password_of "$AUTH_DATABASE_URL")
POSTS_PASSWORD=$(password_of "$POSTS_DATABASE_URL")
export AUTH_PASSWORD POSTS_PASSWORD
# Where a standby is to follow (standby.yml), none does yet, and none is waited for.
export PGOPTIONS="-c synchronous_commit=local"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv auth_password AUTH_PASSWORD
\getenv posts_password POSTS_PASSWORD
\include /etc/gatepost/databases.sql
ALTER ROLE postgres PASSWORD NULL;
SQL
cp /etc/gatepost/pg_hba.conf "$PGDATA/pg_hba.conf"
