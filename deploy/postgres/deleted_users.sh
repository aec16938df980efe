#!/bin/bash
# Print the ids of all users who were deleted, as far as either database remembers (DELETION_RETENTION_DAYS), one a line:
# for "python -m auth_service user delete-again" once the databases were put back to an earlier state.
# Usage: deploy/postgres/deleted_users.sh >FILE. Exit status: 0 done, or one of the two could not be asked, which is said;
# 1 neither could.
set -euo pipefail
cd "$(dirname "$0")/../.."

postgres=$(deploy/compose.sh find postgres)
[ -n "$postgres" ] || { echo "PostgreSQL does not run" >&2; exit 1; }

ask() {
    docker exec "$postgres" psql --no-psqlrc --username postgres --dbname "$1" --tuples-only --no-align --command "$2" ||
        { echo "the database $1 could not be asked who was deleted" >&2; return 1; }
}

status=0
deleted=$(ask auth "SELECT user_id FROM user_changes WHERE kind = 'deleted'") || status=1
deleted+=$'\n'$(ask posts "SELECT id FROM authors WHERE deleted_at IS NOT NULL") || [ $status = 0 ] || exit 1
sort --numeric-sort --unique <<<"$deleted" | grep . || true
