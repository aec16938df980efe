#!/bin/bash
# Put databases back from a backup of backup.sh: both, or the one that is named.
# Usage: deploy/postgres/restore.sh [--without-backup] FOLDER [auth|posts]
#
# The services of these databases stop; until they are back, what needs them is answered 503. What is there now is dumped
# into "replaced" beside FOLDER, with a list of the users who were deleted. Then each database is put back in one
# transaction, whole or as it was, and migrated to this release before its service starts again. Where a database can't be
# dumped any more, --without-backup replaces it all the same. Services notice by themselves that data was put back
# (docs/reliability.md, "After a restore"). Exit status: 0 done; 1 not done, or not all; 2 the usage is wrong.
set -euo pipefail

DEADLINE=120 # seconds for a service to become healthy
compose=deploy/compose.sh
. "$(dirname "$0")/../env_file.sh"
. "$(dirname "$0")/../compose_turn.sh"
stopped=() # the containers that this run has stopped, each as "SERVICE ID"

main() {
    local backup=yes from database postgres
    [ "${1:-}" != --without-backup ] || { backup=; shift; }
    [[ $# -ge 1 && $# -le 2 && -d $1 && ${2:-auth} =~ ^(auth|posts)$ ]] ||
        fail 2 "Usage: deploy/postgres/restore.sh [--without-backup] FOLDER [auth|posts], with a folder that backup.sh made"
    from=$(cd "$1" && pwd)
    cd "$(dirname "$0")/../.."
    for database in ${2:-auth posts}; do
        [ -s "$from/$database.dump" ] || fail 2 "$from/$database.dump is not there"
    done

    take_turn
    postgres=$($compose find postgres)
    [ -n "$postgres" ] || fail 1 "PostgreSQL does not run: make up"
    trap 'exit 1' HUP INT TERM
    trap start EXIT
    for database in ${2:-auth posts}; do stop "${database}_service"; done
    keep "$(dirname "$from")/replaced" "$backup" ${2:+"$2"}
    for database in ${2:-auth posts}; do
        docker exec --interactive "$postgres" /etc/gatepost/load.sh "$database" <"$from/$database.dump" ||
            fail 1 "$database was not put back; it is as it was"
        $compose run --rm --no-deps -T "${database}_service" python -m "${database}_service" migrate ||
            fail 1 "$database was put back, but not migrated: until it is, ${database}_service does not serve"
        echo "$database is as it was in $from"
    done
}

# keep FOLDER BACKUP [auth|posts]: before anything is replaced.
keep() {
    local replaced ids
    umask 077
    if [ -n "$2" ]; then
        replaced=$(deploy/postgres/backup.sh "$1" "${@:3}") ||
            fail 1 "Nothing was replaced. If it can't be read any more: deploy/postgres/restore.sh --without-backup ..."
        echo "what was there is in $replaced"
    else
        replaced=$1/$(date --utc +%Y%m%dT%H%M%SZ)
        mkdir -p "$replaced"
    fi
    ids=$replaced/deleted-users
    deploy/postgres/deleted_users.sh >"$ids" || echo "nobody knows who was deleted since the backup; the log and the audit may, where they were shipped to" >&2
    [ ! -s "$ids" ] || echo "who was deleted is in $ids; to delete again who is back:
    deploy/compose.sh exec -T auth_service python -m auth_service user delete-again - <$(printf %q "$ids")"
}

running() {
    local id
    for id in $($compose ps --quiet "$1"); do
        [ "$(docker inspect --format '{{.State.Running}}' "$id")" != true ] || echo "$id"
    done
}

stop() {
    local id ids
    ids=$(running "$1")
    [ -n "$ids" ] || return 0
    for id in $ids; do stopped+=("$1 $id"); done
    $compose stop "$1" >/dev/null 2>&1 || fail 1 "$1 could not be stopped, so nothing was replaced"
}

# What this run has stopped, by its id: compose would also start what it depends on, even an old primary whose place the
# standby has taken.
start() {
    local each id begun failed=""
    trap '' HUP INT TERM
    for each in ${stopped[@]+"${stopped[@]}"}; do
        docker start "${each#* }" >/dev/null || failed+=" ${each#* }"
    done
    for each in ${stopped[@]+"${stopped[@]}"}; do
        id=${each#* } begun=$SECONDS
        [[ $failed != *"$id"* ]] || { echo "${each% *} could not be started: make up" >&2; continue; }
        until [ "$(docker inspect --format '{{.State.Health.Status}}' "$id")" = healthy ]; do
            [ $((SECONDS - begun)) -lt $DEADLINE ] || fail 1 "${each% *} is not healthy yet; look at its log: deploy/compose.sh logs ${each% *}"
            sleep 0.5
        done
    done
    [ -z "$failed" ] || exit 1
}

fail() {
    echo "$2" >&2
    exit "$1"
}

main "$@"
