#!/bin/bash
# Put the standby in the primary's place: stop the primary for good, then let the standby take writes. Needs the same
# COMPOSE_FILE as the running stack. The services find the new primary by themselves. Exit status: 0 done; 1 not done, the
# sentence says whether the primary was stopped.
#
# The primary is stopped first, so that it never serves anybody again by accident. Where it can't be reached any more,
# nothing is lost by that: without a follower it acknowledges no write. But nothing is stopped before there is a standby
# that can lead.
set -euo pipefail
cd "$(dirname "$0")/../.."

DEADLINE=30 # seconds
compose=deploy/compose.sh

fail() {
    echo "$1" >&2
    exit 1
}

leads() {
    [ "$($compose exec -T postgres_standby psql --no-psqlrc --username postgres --tuples-only --no-align --command "SELECT pg_is_in_recovery()" 2>/dev/null)" = f ]
}

# Its volume is the witness, for its container may not run: a copy that was cut off has no PG_VERSION (follow.sh). One that
# leads already, because a way back was cut off, need only be started.
look='[ -s "$PGDATA/PG_VERSION" ] || { echo =empty; exit; }
    [ -e "$PGDATA/standby.signal" ] && echo =follows || echo =leads'
said=$($compose run --rm --no-deps -T --entrypoint sh postgres_standby -c "$look" 2>&1) || true
case $said in
    *=follows* | *=leads*) ;;
    *=empty*) fail "postgres_standby has no whole copy of the primary, so it can't take its place. Nothing was stopped." ;;
    *) fail "Nobody can tell what postgres_standby has: $said
Nothing was stopped." ;;
esac
$compose up --detach --no-deps --no-recreate postgres_standby >/dev/null 2>&1 || true
begun=$SECONDS
until $compose exec -T postgres_standby pg_isready --quiet; do
    [ $((SECONDS - begun)) -lt $DEADLINE ] || fail "postgres_standby does not answer; look at its log: deploy/compose.sh logs postgres_standby. Nothing was stopped."
    sleep 1
done

$compose stop --timeout 5 postgres || echo "the primary could not be stopped; make sure that it stays away" >&2
tries=0
until leads || $compose exec -T postgres_standby pg_ctl promote --wait --timeout=$DEADLINE; do
    [ $((tries += 1)) -lt 5 ] || fail "postgres_standby could not be promoted; look at its log: deploy/compose.sh logs postgres_standby. The primary is stopped; make up starts it again, if postgres_standby does not lead by then."
    sleep 2
done
echo "postgres_standby is the primary now. The way back, once the machine of the old one is well: deploy/postgres/fail_back.sh"
