#!/bin/bash
# Try a backup of backup.sh: put it back into a PostgreSQL of its own, beside the running stack, and say what is in it.
# Usage: deploy/postgres/drill.sh FOLDER. What runs, and its data, is not touched; the trial is removed at the end.
set -euo pipefail
[ $# -eq 1 ] && [ -d "$1" ] || { echo "Usage: deploy/postgres/drill.sh FOLDER, with a folder that backup.sh made" >&2; exit 2; }
from=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
export COMPOSE_PROJECT_NAME=gatepost-drill COMPOSE_FILE=docker-compose.yml
compose=deploy/compose.sh

trap '$compose down --volumes >/dev/null 2>&1' EXIT
$compose down --volumes >/dev/null 2>&1
$compose up --detach postgres >/dev/null 2>&1
for _ in $(seq 60); do
    ! $compose exec -T postgres pg_isready --quiet --host 127.0.0.1 || break
    sleep 1
done
for database in auth posts; do
    $compose exec -T postgres /etc/gatepost/load.sh "$database" <"$from/$database.dump"
    echo "$database is as it was in $from"
done
count() {
    $compose exec -T postgres psql --no-psqlrc --username postgres --dbname "$1" --tuples-only --no-align --command "$2"
}
count auth "SELECT 'users ' || count(*) || ', the newest of ' || coalesce(to_char(max(created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '-') FROM users"
count posts "SELECT 'posts ' || count(*) || ', the newest of ' || coalesce(to_char(max(created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '-') FROM posts"
