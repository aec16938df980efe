#!/bin/bash
# The way back after promote.sh: give the old primary a copy of what postgres_standby has, while that goes on, and then let
# it lead and be followed again. Writes are refused for some seconds at the end. The old primary's own files are removed.
set -euo pipefail
cd "$(dirname "$0")/../.."

DEADLINE=300 # seconds for each step
compose=deploy/compose.sh
. deploy/env_file.sh
. deploy/compose_turn.sh

fail() {
    echo "$2" >&2
    exit "$1"
}

ask() {
    $compose exec -T "$1" psql --no-psqlrc --username postgres --tuples-only --no-align --command "$2" 2>/dev/null || true
}

# wait_for_follower SERVER NAME
wait_for_follower() {
    local begun=$SECONDS
    until [ "$(ask "$1" "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 1000000 FROM pg_stat_replication WHERE application_name = '$2' AND state = 'streaming'")" = t ]; do
        [ $((SECONDS - begun)) -lt $DEADLINE ] || return 1
        sleep 0.5
    done
}

# follow WORD: says to the standby, which does not run, whom to follow from its next start on. Out of the reach of Ctrl-C,
# which compose does not ignore.
follow() {
    setsid --wait $compose run --rm --no-deps -T --entrypoint "bash /etc/gatepost/follow.sh $1" postgres_standby >/dev/null 2>&1
}

put_back() {
    $compose stop postgres >/dev/null 2>&1 || true
    [ -z "$told" ] || follow no || fail 1 "$1, and nobody leads: deploy/postgres/promote.sh lets postgres_standby lead"
    $compose up --detach --no-deps postgres_standby >/dev/null 2>&1 || fail 1 "$1, and postgres_standby, which leads, could not be started: make up"
    fail 1 "$1. postgres_standby goes on as the primary."
}

take_turn
told= # what the standby was told last
[ "$(ask postgres_standby "SELECT pg_is_in_recovery()")" = f ] ||
    fail 1 "postgres_standby is not the primary, or does not answer: there is no way back to go"
$compose stop postgres >/dev/null 2>&1 || true
$compose run --rm --no-deps -T --entrypoint "bash /etc/gatepost/follow.sh copy" postgres 2>&1 ||
    put_back "The data could not be copied"
$compose up --detach --no-deps postgres >/dev/null 2>&1 || put_back "postgres does not start"
wait_for_follower postgres_standby back || put_back "postgres does not follow; its log says why"
standby=$($compose ps --quiet postgres_standby) || put_back "compose does not say which container is postgres_standby's"
trap '' HUP INT TERM # cut off from here on, it would leave nobody who leads
# It ends once its follower has everything.
setsid --wait $compose stop --timeout $DEADLINE postgres_standby >/dev/null 2>&1 || put_back "postgres_standby could not be stopped"
[ "$(docker inspect --format '{{.State.ExitCode}}' "$standby")" = 0 ] || put_back "postgres_standby did not end as it should"
# From here to the promotion nobody leads, and after it nobody else can: cut off by a crash, that is what make up finds.
told=again
follow again || put_back "postgres_standby could not be told to follow"
setsid --wait $compose exec -T postgres pg_ctl promote --wait --timeout=30 >/dev/null || put_back "postgres could not be promoted"
{ setsid --wait $compose up --detach --no-deps postgres_standby >/dev/null 2>&1 && wait_for_follower postgres standby; } ||
    fail 1 "postgres leads, but postgres_standby does not follow, and writes are refused: remove its container and its volume, and then make up copies it anew"
echo "postgres is the primary again, and postgres_standby follows."
