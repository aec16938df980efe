#!/bin/bash
# Put the standby in the primary's place: stop the primary for good, then let the standby take writes. Needs the same
# COMPOSE_FILE as the running stack. The services find the new primary by themselves.
#
# The primary is stopped first, so that it never serves anybody again by accident. Where it can't be reached any more,
# nothing is lost by that: without a follower it acknowledges no write.
set -euo pipefail
cd "$(dirname "$0")/../.."

DEADLINE=30 # seconds
compose=deploy/compose.sh

$compose stop --timeout 5 postgres || echo "the primary could not be stopped; make sure that it stays away" >&2
# It does not run where a way back was cut off.
$compose up --detach --no-deps --no-recreate postgres_standby >/dev/null 2>&1 || true
tries=0
until $compose exec -T postgres_standby pg_ctl promote --wait --timeout=$DEADLINE; do
    [ $((tries += 1)) -lt 5 ] || exit 1
    sleep 2
done
echo "postgres_standby is the primary now. The way back, once the machine of the old one is well: deploy/postgres/fail_back.sh"
