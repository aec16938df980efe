#!/bin/bash
# Build the images (unless --no-build), start the containers, and return when all are healthy. On a running stack this is
# an upgrade, and safe: migrations come first, then a new container of each service is started beside the old one, and
# only when all new ones are healthy do the old ones drain and end. Whatever fails before leaves the old version serving.
#
# What is done in which order, the labels in docker-compose.yml say: 0 comes first; "beside" is replaced as above, by as
# many replicas as the file asks for; "migrated" has migrations; "kept" stays as it is unless its port has changed; what
# has no label comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/compose_why.sh
. deploy/compose_databases.sh
. deploy/compose_turn.sh
. deploy/env_file.sh

DEADLINE=120 # seconds
compose=deploy/compose.sh
new=() # the containers that this run has put beside others, or started
anew=  # the services for which it could not do that
ended= # whether the old ones have ended

main() {
    check_recovery
    docker info >/dev/null 2>&1 || fail 1 "Docker does not answer; is it running, and may you use it?"
    read_plan
    take_turn
    check_recovery
    [ "${1:-}" = --no-build ] || build
    check_port
    trap 'give_up "It was interrupted."' HUP INT TERM
    start_first absent
    find_changed
    [ -z "$changed" ] || migrate
    start_first changed
    hold_port
    [ -z "$changed" ] || start_new
    trap '' HUP INT TERM
    [ -z "$changed" ] || end_old
    trap - HUP INT TERM
    hold_port
    start_rest
    wait_for_all
    greet
}

check_recovery() {
    [ ! -e .recovering ] || fail 1 "A recovery has begun here and not ended, so nothing is started: repeat deploy/postgres/recover.sh, or say --undo"
}

build() {
    local said commit
    commit=$([ ! -e .git ] || git rev-parse HEAD 2>/dev/null || true)
    said=$($compose build --quiet --build-arg COMMIT="$commit" 2>&1) || fail 1 "$(why_compose "The images could not be built" "$said")"
}

# Reads what compose makes of its files: a line "SERVICE WORDS" for each active service, and what hash each would have.
read_plan() {
    local said
    said=$($compose config 2>&1) || fail 1 "$(why_compose "docker-compose.yml can't be used" "$said")"
    plan=$(awk -v active=",$(given COMPOSE_PROFILES)${MAIL:+,$MAIL}," -f deploy/compose_plan.awk <<<"$said")
    hashes=$($compose config --hash '*')
    project=$(find_project "$said")
}

# Which services have a word in their label; those that are started beside others in their order.
services_with() {
    awk -v word="$1" '{ for (i = 3; i <= NF; i++) if ($i == word) print $2, $1 }' <<<"$plan" | sort -n | cut -d ' ' -f 2
}

services_at() {
    awk -v step="$1" '$2 == step { print $1 }' <<<"$plan"
}

# The port's holder stays. An earlier release had none, and the gateway that it left has the port until it ends.
hold_port() {
    local service id wanted has
    for service in $(services_with kept); do
        if [ -n "$(bindings "$(running gateway)")" ]; then return; fi
        id=$(running "$service") wanted=$(awk -v service="$service" '$1 == service { print $4 }' <<<"$plan") has=$(bindings "$id")
        if [ -z "$id" ]; then
            up "$service"
        elif [ "$has" != "$wanted" ]; then
            echo "$service gets another port: $wanted"
            up "$service" --force-recreate
        fi
    done
}

# A port that somebody else has is noticed before anything is replaced, the present holder above all.
check_port() {
    local service wanted address
    for service in $(services_with kept); do
        wanted=$(awk -v service="$service" '$1 == service { print $4 }' <<<"$plan")
        if [ "$wanted" = "$(bindings "$(running "$service")")" ] || [ "$wanted" = "$(bindings "$(running gateway)")" ]; then continue; fi
        address=${wanted%:*}
        if [ -n "$address" ] && (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; then
            give_up "$(why_taken "$service could not be started" "$address")"
        fi
    done
}

find_changed() {
    local service
    changed=
    for service in $(services_with beside); do
        remove_ended "$service"
        if is_changed "$service" || [ "$(running "$service" | wc -l)" -ne "$(wanted_of "$service")" ]; then changed+="$service "; fi
    done
}

# How many replicas the file asks for.
wanted_of() {
    local wanted
    wanted=$(sed -nE "s/^$1 .*replicas=([0-9]+).*/\1/p" <<<"$plan")
    echo "${wanted:-1}"
}

# What a run that was cut off has left.
remove_ended() {
    local id
    for id in $(list --all --filter status=created --filter status=exited --filter status=dead --filter "label=com.docker.compose.service=$1"); do
        docker rm --force "$id" >/dev/null
    done
}

is_changed() {
    local service=$1 id ids wanted hash image name health
    ids=$(running "$service")
    [ -n "$ids" ] || return 0
    wanted=$(awk -v service="$service" '$1 == service { print $2 }' <<<"$hashes")
    for id in $ids; do
        read -r hash image name health < <(docker inspect --format '{{index .Config.Labels "com.docker.compose.config-hash"}} {{.Image}} {{.Config.Image}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$id")
        [ "$hash" = "$wanted" ] || [ "$hash" = "$(hash_as_begun "$id" "$service")" ] || return 0
        [ "$image" = "$(docker image inspect --format '{{.Id}}' "$name")" ] && [ "$health" != unhealthy ] || return 0
    done
    return 1
}

# Whether a single file that is mounted into a service was changed since: its containers go on with the old one.
has_new_file() {
    local id made path
    for id in $(running "$1"); do
        made=$(docker inspect --format '{{.Created}}' "$id")
        while read -r path; do
            [ -z "$(find "$path" -prune -type f -newermt "$made" 2>/dev/null)" ] || return 0
        done < <(docker inspect --format '{{range .Mounts}}{{if eq .Type "bind"}}{{println .Source}}{{end}}{{end}}' "$id")
    done
    return 1
}

migrate() {
    local service said
    for service in $(services_with migrated); do
        if grep -qw "$service" <<<"$changed"; then
            said=$($compose run --rm --no-deps -T "$service" python -m "$service" migrate 2>&1) || give_up "$(why_said "$service" <<<"$said")"
        fi
    done
}

start_new() {
    local service id before after said
    old=()
    for service in $changed; do
        before=$(running "$service")
        for id in $(containers "$service"); do
            if ! grep -q "$id" <<<"$before"; then docker rm --force "$id" >/dev/null; fi
        done
        said=$($compose up --detach --no-deps --no-recreate --scale "$service=$(($(grep -c . <<<"$before") + $(wanted_of "$service")))" "$service" 2>&1) ||
            { take_new "$service" "$before"; give_up "$(why_compose "$service could not be started" "$said")"; }
        take_new "$service" "$before"
        [ -z "$before" ] || mapfile -t -O ${#old[@]} old <<<"$before"
        for id in $after; do wait_until_healthy "$id" "$service"; done
    done
}

# Notes the new containers of a service in "after" and "new".
take_new() {
    after=$(containers "$1" | grep -vxF "${2:-none}" || true)
    [ -z "$after" ] || mapfile -t -O ${#new[@]} new <<<"$after"
}

end_old() {
    local id
    for id in ${old[@]+"${old[@]}"}; do
        echo "$(name_of "$id") drains and ends"
        docker stop "$id" >/dev/null
        docker rm "$id" >/dev/null
    done
    new=() ended=yes
}

start_rest() {
    local service id known
    for service in $(services_at -); do
        if is_changed "$service"; then
            up "$service"
        elif has_new_file "$service"; then
            echo "$service starts anew with its changed files"
            up "$service" --force-recreate
        fi
    done
    # What the file no longer has.
    for id in $(list --all); do
        service=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
        if grep -q "^$service " <<<"$hashes"; then continue; fi
        known=$(COMPOSE_PROFILES=mailbox,observe $compose config --services)
        if ! grep -qx "$service" <<<"$known"; then
            docker stop "$id" >/dev/null
            docker rm "$id" >/dev/null
        fi
    done
}

# up SERVICE [OPTION]: as compose does it, and wait.
up() {
    local said id
    said=$($compose up --detach --no-deps "${@:2}" "$1" 2>&1) || give_up "$(why_compose "$1 could not be started" "$said")"
    for id in $(containers "$1"); do wait_until_healthy "$id" "$1"; done
}

# What this run has left as it was may be starting itself, after a reboot for one.
wait_for_all() {
    local service id health restarts
    ended=yes # or there was none to replace
    for service in $(services_with beside); do
        for id in $(running "$service"); do
            read -r health restarts < <(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}} {{.RestartCount}}' "$id")
            [ "$health" = healthy ] || is_well "$id" || wait_until_healthy "$id" "$service" "$restarts"
        done
    done
}

# wait_until_healthy ID SERVICE [RESTARTS]: after so many restarts, another one is a failure.
wait_until_healthy() {
    local begun=$SECONDS state health restarts before=""
    while :; do
        read -r state health restarts < <(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}} {{.RestartCount}}' "$1")
        if is_copying "$1" "$2"; then
            health=copying begun=$SECONDS # which takes as long as it takes
        elif [ "$health" != healthy ] && is_well "$1"; then
            health=healthy
        fi
        if [ "$state $health" != "$before" ]; then
            echo "$(name_of "$1") $([ "$state" = running ] && echo "$health" || echo "$state")"
            [ "$state $health" != "running unhealthy" ] || why_container "$1" "$2" # it may yet come, on a busy machine
        fi
        before="$state $health"
        [ "$restarts" -le "${3:-0}" ] || state=restarting
        case $state/$health in
            running/healthy) return ;;
            exited/* | dead/* | restarting/*) give_up "$(why_container "$1" "$2")" ;;
        esac
        [ $((SECONDS - begun)) -lt $DEADLINE ] || give_up "$2 is still $health after $DEADLINE s. $(why_container "$1" "$2")"
        sleep 0.5
    done
}

# Asks as Docker does, which only looks every few seconds.
is_well() {
    local question
    mapfile -t question < <(docker inspect --format '{{range .Config.Healthcheck.Test}}{{println .}}{{end}}' "$1")
    [ "${question[0]}" = CMD ] && timeout 5 docker exec "$1" "${question[@]:1:${#question[@]}-2}" >/dev/null 2>&1
}

# Ends with a sentence, and without what was started beside what runs.
give_up() {
    trap '' HUP INT TERM
    [ ${#new[@]} -eq 0 ] || { docker stop "${new[@]}" >/dev/null; docker rm --force "${new[@]}" >/dev/null; }
    if [ -n "${project:-}" ] && [ -z "$ended" ] && [ -n "$(running gateway)" ]; then
        fail 1 "$1
$([ -n "$anew" ] && echo "But for ${anew% }, nothing" || echo Nothing) was replaced; the old version goes on serving."
    fi
    fail 1 "$1"
}

greet() {
    local port url mailbox
    port=$(bindings "$(running port_holder)")
    port=${port%:*}
    url=$(docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$(running gateway | head -1)" | sed -n 's/^NEXTAUTH_URL=//p')
    url=${url:-http://localhost:3000} # what the services take in development
    mailbox=$([ "${MAIL:-}" != mailbox ] || $compose port mailbox 8025)
    echo
    echo "Gatepost runs at $url (make logs, make down)"
    echo "  in a browser   $url/userposts   leads to the sign-in page; sign up there"
    echo "  the API        $url/docs"
    [ "${url##*:}" = "${port##*:}" ] || [ -z "$port" ] || [ -n "$(running caddy)" ] || echo "  published at   $port, where a proxy for $url has to lead"
    [ -z "$mailbox" ] || echo "  letters        http://$mailbox   shows all that are sent to this mailbox"
}

# Ids of the project's containers, by docker's filters.
list() {
    docker ps --quiet --no-trunc --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.oneoff=False" "$@"
}

containers() {
    list --all --filter "label=com.docker.compose.service=$1"
}

running() {
    list --filter status=running --filter "label=com.docker.compose.service=$1"
}

# ADDRESS:PORT:PORT-INSIDE of what a container publishes.
bindings() {
    [ -z "$1" ] || docker inspect --format '{{range $inside, $each := .HostConfig.PortBindings}}{{range $each}}{{.HostIp}}:{{.HostPort}}:{{$inside}}{{println}}{{end}}{{end}}' $1 | sed 's/\/tcp$//' | grep . | sort | paste -sd , || true
}

name_of() {
    local name
    name=$(docker inspect --format '{{.Name}}' "$1")
    echo "${name#/}"
}

fail() {
    echo "$2" >&2
    exit "$1"
}

main "$@"
