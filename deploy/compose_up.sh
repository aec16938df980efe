#!/bin/bash
# Build the images (unless --no-build), start the containers, and return when all are healthy: compose 1.29 knows no
# --wait.
set -euo pipefail
cd "$(dirname "$0")/.."

DEADLINE=120 # seconds
compose=deploy/compose.sh

main() {
    docker info >/dev/null 2>&1 || fail "Docker does not answer; is it running, and may you use it?"
    [ "${1:-}" = --no-build ] || $compose build --quiet || fail "The images could not be built. Where no image registry can be reached, run deploy/stand_in_images.sh first."
    $compose up --detach --remove-orphans
    wait_until_healthy
    local port mailbox
    port=$($compose port gateway 3000)
    mailbox=$([ "${MAIL:-}" != mailbox ] || $compose port mailbox 8025)
    echo
    echo "Gatepost runs at http://localhost:${port##*:} (make logs, make down)"
    echo "  in a browser   http://localhost:${port##*:}/userposts   leads to the sign-in page; sign up there"
    echo "  the API        http://localhost:${port##*:}/docs"
    [ -z "$mailbox" ] || echo "  letters        http://$mailbox   shows all that are sent to this mailbox"
}

wait_until_healthy() {
    local begun=$SECONDS id status before=""
    for id in $($compose ps --quiet); do
        while :; do
            status=$(docker inspect --format '{{.Name}} {{if eq .State.Status "running"}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$id")
            [ "$status" = "$before" ] || echo "${status#/}"
            before=$status
            case $status in
                *" healthy") break ;;
                *" starting" | *" created" | *" restarting") ;;
                *) give_up "$id" "${status#/}" ;;
            esac
            [ $((SECONDS - begun)) -lt $DEADLINE ] || give_up "$id" "still ${status#/} after $DEADLINE s"
            sleep 0.3
        done
    done
}

give_up() {
    docker logs --tail 20 "$1" >&2
    fail "$2"
}

fail() {
    echo "$1" >&2
    exit 1
}

main "$@"
