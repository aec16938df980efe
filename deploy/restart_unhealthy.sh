#!/bin/bash
# Restart the containers whose process is frozen, which compose leaves alone: those that are unhealthy and don't answer
# /livez either. One that answers there waits for something else, such as its database, and a restart would not bring
# that back. PostgreSQL is never restarted, nor what somebody paused or stopped.
#
#   deploy/restart_unhealthy.sh              look once, for cron or a timer
#   deploy/restart_unhealthy.sh --every 30   look every 30 seconds, until it is ended
#
# Exit status: 1 when one could not be restarted, or not be looked at. With --every it is tried again at the next look.
set -euo pipefail
cd "$(dirname "$0")/.."

PATIENCE=5 # seconds for an answer
ASK="import http.client, os, sys; gate = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=$PATIENCE); gate.request('GET', '/livez'); sys.exit(gate.getresponse().status != 200)"

main() {
    if [ "${1:-}" = --every ]; then
        while :; do look || true; sleep "$2"; done
    fi
    look
}

look() {
    local service ids id health running paused name status=0
    for service in gateway auth_service posts_service; do
        ids=$(deploy/compose.sh ps --quiet "$service") || { status=1; continue; } # which has said why
        for id in $ids; do
            read -r health running paused name < <(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.Running}} {{.State.Paused}} {{.Name}}' "$id") || continue # it has gone since
            if [ "$health $running $paused" != "unhealthy true false" ]; then continue; fi
            if timeout $((PATIENCE + 5)) docker exec "$id" python -S -c "$ASK" >/dev/null 2>&1; then continue; fi
            echo "$(date -u +%FT%TZ) ${name#/} is frozen: it is restarted"
            docker restart --time 1 "$id" >/dev/null || # it would not end by itself
                { echo "$(date -u +%FT%TZ) ${name#/} could not be restarted" >&2; status=1; }
        done
    done
    return "$status"
}

main "$@"
