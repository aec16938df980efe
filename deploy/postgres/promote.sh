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
$compose exec -T postgres_standby pg_ctl promote --wait --timeout=$DEADLINE
echo "postgres_standby is the primary now. Remove the volume of the old one before it may follow."
