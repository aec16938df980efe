#!/bin/bash
# Let a second PostgreSQL follow the first (standby.yml): writes into .env what that needs, and lets it in at the server
# that runs. Then make up, for which PostgreSQL restarts. Usage: deploy/postgres/add_standby.sh; it may be repeated.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/env_file.sh

fail() {
    echo "$1" >&2
    exit 2
}

# with_standby NAME DATABASE: the URL, which then leads to whichever server takes writes.
with_standby() {
    local url
    url=$(in_env_file "$1")
    case $url in
        *@postgres:5432,postgres_standby:5432/*) echo "$url" ;;
        *@postgres:5432/"$2") echo "${url%%@*}@postgres:5432,postgres_standby:5432/$2?target_session_attrs=read-write" ;;
        *) fail "$1 in .env does not lead to @postgres:5432/$2: this standby follows the PostgreSQL of docker-compose.yml alone" ;;
    esac
}

[ -f .env ] || fail "there is no .env here"
[ -z "${COMPOSE_FILE:-}" ] || fail "COMPOSE_FILE is set in the environment, which goes before .env: unset it"
auth=$(with_standby AUTH_DATABASE_URL auth)
posts=$(with_standby POSTS_DATABASE_URL posts)
password=$(in_env_file REPLICATION_PASSWORD)
password=${password:-$(head -c 36 /dev/urandom | base64 | tr '+/' '-_')}
if deploy/compose.sh exec -T postgres true 2>/dev/null; then
    deploy/compose.sh exec -T postgres bash -c \
        'read -r REPLICATION_PASSWORD; export REPLICATION_PASSWORD; exec bash /etc/gatepost/first_start_of_primary.sh' <<<"$password"
else
    echo "PostgreSQL does not run. If it has data already, start it (make up) and repeat this." >&2
fi
begin_env_file
put_into "$new" AUTH_DATABASE_URL "$auth"
put_into "$new" POSTS_DATABASE_URL "$posts"
[ -n "$(in_env_file POSTS_REPLICA_URL)" ] || put_into "$new" POSTS_REPLICA_URL "${posts%%@*}@postgres_standby:5432/posts"
put_into "$new" REPLICATION_PASSWORD "$password"
add_compose_files deploy/postgres/standby.yml
replace_env_file
