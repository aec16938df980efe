#!/bin/bash
# Let a service read its files again: the gateway its policy, the auth service its keys. Usage: deploy/reload.sh SERVICE
#
# SIGHUP comes from inside of each container. Docker takes a signal that it sends itself for a stop by hand, and would not
# restart the container when its process ends later (moby issue 41302).
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 1 ] || { echo "Usage: deploy/reload.sh SERVICE, such as gateway" >&2; exit 2; }
ids=$(deploy/compose.sh ps --quiet "$1")
[ -n "$ids" ] || { echo "$1 does not run" >&2; exit 1; }
status=0
for id in $ids; do
    docker exec "$id" bash -c 'kill -HUP 1' || status=1
done
exit $status
