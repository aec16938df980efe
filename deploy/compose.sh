#!/bin/bash
# docker compose as it is here (the plugin, or the older docker-compose; COMPOSE names another), on this project's file.
# With a GATEWAY_PORT and no NEXTAUTH_URL, the public URL follows the port. With MAIL=mailbox there is a mailbox, which
# takes all letters unless an SMTP_URL names another server. Both look at the environment first, then at .env.
set -euo pipefail
cd "$(dirname "$0")/.."

. deploy/env_file.sh

if [ -n "${COMPOSE:-}" ]; then
    read -ra compose <<<"$COMPOSE"
elif docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
else
    echo "Docker with compose is needed here; without Docker there is 'make run'." >&2
    exit 1
fi
port=$(given GATEWAY_PORT)
if [ -n "$port" ] && [ -z "$(given NEXTAUTH_URL)" ]; then
    export NEXTAUTH_URL=http://localhost:$port
fi
if [ "${MAIL:-}" = mailbox ]; then
    profiles=$(given COMPOSE_PROFILES)
    export COMPOSE_PROFILES=${profiles:+$profiles,}mailbox
    if [ -z "$(given SMTP_URL)" ]; then
        export SMTP_URL=smtp://mailbox:2525?tls=none
        from=$(given MAIL_FROM)
        export MAIL_FROM=${from:-Gatepost <no-reply@localhost>}
    fi
fi
# The container of a service, and whether it runs.
container_of() {
    "${compose[@]}" ps --quiet "$1" 2>/dev/null | head -1 || true
}

is_running() {
    [ -n "$1" ] && [ "$(docker inspect --format '{{.State.Running}}' "$1")" = true ]
}

# Where "exec" is to run a command: without a number the older compose takes a service's first container, which an upgrade
# has replaced. What is meant for postgres goes to its standby, where that has taken its place.
find_container() {
    index=()
    for ((at = 1; at <= $#; at++)); do
        case ${!at} in
            --index | --index=*) return ;;
            -u | --user | -e | --env | -w | --workdir) at=$((at + 1)) ;;
            -*) ;;
            *) service=${!at}; break ;;
        esac
    done
    id=$(container_of "${service:-}")
    if [ "${service:-}" = postgres ] && ! is_running "$id" && is_running "$(container_of postgres_standby)"; then
        service=postgres_standby
        id=$(container_of postgres_standby)
    fi
    [ -z "$id" ] || index=("$(docker inspect --format '--index={{index .Config.Labels "com.docker.compose.container-number"}}' "$id")")
}

# "find SERVICE" is not compose's: where "exec" would run a command, the container's id; none if it does not run.
if [ "${1:-}" = find ]; then
    find_container "$2"
    ! is_running "$id" || echo "$id"
    exit
fi
if [ "${1:-}" = exec ]; then
    shift
    find_container "$@"
    if [ -n "${service:-}" ]; then set -- "${@:1:at-1}" "$service" "${@:at+1}"; fi
    exec "${compose[@]}" exec ${index[@]+"${index[@]}"} "$@"
fi
exec "${compose[@]}" "$@"
