#!/bin/bash
# Put all databases back as they were at a moment (archive.yml), and serve again. Usage:
#
#   deploy/postgres/recover.sh [--without-list] TIME|latest [latest|current|NUMBER]
#   deploy/postgres/recover.sh --undo
#
# A TIME has a time zone: 2026-11-24T11:03:34Z. The timeline is the one to follow where an earlier recovery has left several:
# the latest, that of the base backup, or a number. Everything stops, so that nothing else changes; what was there is put
# aside, in the volume itself, and --undo puts it back. Before, the ids of the users who were deleted are written into
# backups/deleted-users-TIME; --without-list goes on where no database answers any more. PostgreSQL starts alone, and when it
# has recovered, the roles get the passwords that .env has now, both services are told that data may be lost, a standby loses
# its copy, and all start. Until then .recovering is there, which names the list, and make up starts nothing; whatever is
# called then is about the same recovery.
# Exit status: 0 done; 1 not done, the sentence says what runs; 2 the usage is wrong, or there is nothing to begin with.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/compose_why.sh
. deploy/compose_databases.sh
. deploy/compose_turn.sh
. deploy/env_file.sh

compose=deploy/compose.sh
begun=.recovering
psql="psql --no-psqlrc --quiet --tuples-only --no-align --username postgres"

main() {
    local list=yes ids="" standby="" undoes=""
    [ "${1:-}" != --without-list ] || { list=; shift; }
    check_usage "$@"
    [ "$1" != --undo ] || undoes=yes
    take_turn
    check_standby
    [ ! -e $begun ] || ids=$(cat $begun)
    [ -z "$list" ] || [ -n "$ids" ] || write_list "$1"
    trap interrupted HUP INT TERM
    stop_all
    replace "$@"
    start_alone
    wait_until_recovered
    make_ready || stay_stopped "The databases are back, but not ready for the services."
    rm $begun
    trap - HUP INT TERM
    docker exec "$id" sh -c 'rm -f "$PGDATA/original"' || true # the next recovery removes it, too
    say_what_follows "$1"
    start_all "The recovery has ended, and the databases are as asked for. But not all runs: make up. Don't repeat this, which would be another recovery."
}

say_what_follows() {
    local timeline
    timeline=$(docker exec "$id" $psql --command "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int") || timeline=current
    [ "$1" != --undo ] || echo "The archive also has a newer timeline, which was abandoned. Until the next recovery, name the current one: recover.sh TIME $timeline"
    [ ! -s "$ids" ] || echo "Users who had been deleted are in $ids; once all runs, this deletes again who is back:
    deploy/compose.sh exec -T auth_service python -m auth_service user delete-again - <$ids"
}

# start_all SENTENCE: which is said where not all can be started.
start_all() {
    leave_turn
    deploy/compose_up.sh --no-build || fail 1 "$1"
}

check_usage() {
    [ "$*" != --undo ] || return 0
    [[ $# -ge 1 && $# -le 2 && $1 =~ ^latest$|:[0-9.]+\ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$ && ${2:-latest} =~ ^(latest|current|[0-9]+)$ ]] &&
        date --utc --date "${1/#latest/now}" >/dev/null 2>&1 ||
        fail 2 "Usage: deploy/postgres/recover.sh [--without-list] TIME|latest [latest|current|NUMBER], or --undo; with a time such as 2026-11-24T11:03:34Z"
}

check_standby() {
    plan=$($compose config --services) || fail 1 "Nothing was stopped."
    plan=$(sed 's/$/ -/' <<<"$plan") # as compose_databases.sh reads it
    ! grep '^postgres_standby ' <<<"$plan" >/dev/null || standby=postgres_standby
    ! is_replaced || fail 1 "Only postgres is recovered, so nothing was stopped: let it lead again (deploy/postgres/fail_back.sh), then repeat this"
}

write_list() {
    umask 077
    mkdir -p backups
    ids=backups/deleted-users-$(date --utc +%Y%m%dT%H%M%SZ)
    deploy/postgres/deleted_users.sh >"$ids" || {
        rm -f "$ids"
        ids=
        [ "$1" != --undo ] || return 0
        fail 1 "Nobody says who was deleted since that moment, so they would be back. Start PostgreSQL; or, if it is lost, say --without-list (docs/operations.md, \"Who is to be deleted again\")"
    }
}

stop_all() {
    local id volume
    id=$($compose ps --all --quiet postgres | head -1)
    stop gateway auth_service posts_service
    stop postgres $standby
    [ -n "$id" ] || return 0
    volume=$(docker inspect --format '{{range .Mounts}}{{if eq .Destination "/var/lib/postgresql/data"}}{{.Name}}{{end}}{{end}}' "$id")
    [ -z "$(docker ps --quiet --filter "volume=$volume")" ] || fail 1 "another container uses $volume; stop it. Until then everything is stopped"
}

stop() {
    local said
    said=$($compose stop "$@" 2>&1) || fail 1 "$(why_compose "Nothing was replaced, because not all could be stopped" "$said")"
}

# recover_files.sh says with 1 and 2 that the files are as they were: that is what make up would start, but for those of an
# earlier try. With 4, that no try has replaced any.
replace() {
    local status=0 new=--new
    [ "$1" = --undo ] || set -- "$1" "${2:-latest}"
    [ ! -e $begun ] || new=
    echo "$ids" >$begun
    sync $begun .
    $compose run --rm --no-deps -T postgres bash /etc/gatepost/recover_files.sh $new "$@" || status=$?
    case $status$new in
        0*) ;;
        1--new | 2--new | 4) start_as_it_was $((status % 4)) ;;
        1 | 2) stay_stopped "Nothing was replaced by this call." ;;
        *) stay_stopped "The files could not be replaced, or not all of them." ;;
    esac
}

# start_as_it_was STATUS: and end with that.
start_as_it_was() {
    rm $begun
    trap - HUP INT TERM
    echo "nothing was replaced; all starts again as it was" >&2
    start_all "Not all runs: make up"
    exit "$1"
}

start_alone() {
    local said
    echo "PostgreSQL starts alone and recovers; that takes as long as replaying what was written since the copy"
    said=$($compose up --detach --no-deps postgres 2>&1) || stay_stopped "$(why_compose "PostgreSQL could not be started" "$said")"
    id=$($compose ps --quiet postgres | head -1)
}

# Says how far it is, and ends with what PostgreSQL says if it does not go on.
wait_until_recovered() {
    local state told="" before=""
    until [ "$(docker exec "$id" $psql --command "SELECT pg_is_in_recovery()" 2>/dev/null)" = f ]; do
        state=$(docker inspect --format '{{.State.Status}} {{.RestartCount}}' "$id" || true)
        [ "$state" = "running 0" ] || not_recovered
        told=$(docker exec "$id" $psql --command "SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')" 2>/dev/null || true)
        [ "$told" = "$before" ] || echo "it is at $told UTC"
        before=$told
        sleep 2
    done
}

# Both databases are of the same moment, so neither shows what the other has lost. A standby has followed another
# timeline, and nobody waits for it: it copies anew at its next start. Without its PG_VERSION, which goes first, it never
# passes for one that leads.
make_ready() {
    local database lost="SELECT 'UPDATE epochs SET table_id = 0' WHERE to_regclass('epochs') IS NOT NULL"
    docker exec "$id" bash /etc/gatepost/first_start.sh passwords || return 1
    for database in auth posts; do
        docker exec --interactive "$id" $psql --dbname "$database" --set ON_ERROR_STOP=1 <<<"SET synchronous_commit = local; $lost \gexec" || return 1
    done
    [ -n "$standby" ] || return 0
    docker exec "$id" bash /etc/gatepost/first_start_of_primary.sh &&
        $compose run --rm --no-deps -T --entrypoint sh postgres_standby -c 'rm -f "$PGDATA/PG_VERSION" && find "$PGDATA" -mindepth 1 -delete'
}

not_recovered() {
    local said
    said=$(docker logs --tail 100 "$id" 2>&1 | grep -E 'FATAL|PANIC' | grep -v 'the database system is' | tail -1 || true)
    $compose stop postgres >/dev/null 2>&1 || true
    case $said in
        *"ended before configured recovery target"*) said+=$'\n'"Nothing was written after that time, or the archive lacks it: recover to latest. After an --undo, the latest timeline is the abandoned one: give the number of the current one after TIME." ;;
        *"is not a child of"*) said+=$'\n'"The base backup is not of the latest timeline: give the number of its timeline after TIME, or current." ;;
    esac
    stay_stopped "PostgreSQL does not recover: ${said:-look at deploy/compose.sh logs postgres}"
}

interrupted() {
    trap '' HUP INT TERM
    [ -e $begun ] || fail 1 "It was interrupted before anything was replaced: make up starts what was stopped."
    stay_stopped "It was interrupted."
}

stay_stopped() {
    local ways="deploy/postgres/recover.sh --undo leads back to the files that were there at first; another try keeps them, too."
    [ -z "$undoes" ] || ways="Repeat the --undo, or recover to a moment."
    fail 1 "$1
The services are stopped, and make up starts nothing. $ways"
}

# What compose_databases.sh ends with.
give_up() {
    fail 1 "$1"
}

fail() {
    echo "$2" >&2
    exit "$1"
}

main "$@"
