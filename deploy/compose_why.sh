# The one sentence that matters, out of what compose, Docker or a service said. Read by compose_up.sh.

# why_compose WHAT OUTPUT: why compose or Docker did not do something.
why_compose() {
    local what=$1 said=$2 port
    case $said in
        *"no space left on device"*)
            echo "$what: the disk that Docker uses is full. 'docker system df' says what takes the space." ;;
        *"port is already allocated"* | *"address already in use"*)
            port=$(grep -oE '[0-9.]+:[0-9]+(: bind| failed)' <<<"$said" | grep -oE '[0-9.]+:[0-9]+' | head -1)
            why_taken "$what" "${port:-its port}" ;;
        *"non-overlapping IPv4 address pool"* | *"fully subnetted"*)
            echo "$what: Docker has no addresses left for a network. 'docker network prune' removes networks that nothing uses." ;;
        *"overlaps with other one"* | *"overlapping IPv4"*)
            echo "$what: another network on this machine has the addresses that one of Gatepost's is to have. Choose others: CADDY_NETWORK in .env, or a copy of deploy/proxy.yml." ;;
        *"pull access denied"* | *"failed to resolve"* | *"no such host"* | *"connection refused"* | *"manifest unknown"* | *"request canceled"* | *"i/o timeout"*)
            echo "$what: no image registry answers. Where none can be reached, run deploy/stand_in_images.sh first." 
            tail -3 <<<"$said" ;;
        *)
            echo "$what:"
            grep -iE 'error|invalid|fail|no such' <<<"$said" | tail -5 || tail -5 <<<"$said" ;;
    esac
}

# why_taken WHAT ADDRESS:PORT
why_taken() {
    echo "$1: $2 is taken on this machine. End what listens there, or choose another port: GATEWAY_PORT=3001 make up"
}

# why_container ID SERVICE: why a container ended or is not healthy.
why_container() {
    if [ "$(docker inspect --format '{{.State.OOMKilled}}' "$1")" = true ]; then
        echo "$2 was ended, for it took more memory than its mem_limit in docker-compose.yml."
        return
    fi
    docker logs --tail 200 "$1" 2>&1 | why_said "$2"
}

# why_said SERVICE: the sentence in a log on standard input; without any, its last lines.
why_said() {
    local log line sentence
    log=$(cat)
    line=$(grep -E ' does not (start|migrate): ' <<<"$log" | tail -1) ||
        line=$(grep -E '"level": ?"(error|critical)"|(FATAL|PANIC): ' <<<"$log" | tail -1) ||
        line=$(grep -E '"level": ?"warning"|ERROR: |Error: ' <<<"$log" | tail -1) || true
    case $line in
        "")
            echo "$1 does not start, and does not say why. Its last lines:"
            tail -20 <<<"$log" ;;
        *{*'"event"'*)
            # Of a line in JSON its sentence, or the event and whatever says more of it.
            sentence=$(member error "$line")
            case $sentence in
                *" "*) echo "$1: $sentence" ;;
                *)
                    echo "$1: $(member event "$line")$(for name in error reason migration lacks; do
                        value=$(member "$name" "$line")
                        [ -z "$value" ] || printf ', %s: %s' "$name" "$value"
                    done)" ;;
            esac ;;
        *)
            echo "$line" ;;
    esac
}

# member NAME LINE: a member of a JSON object whose value is a string.
member() {
    sed -nE "s/.*\"$1\": ?\"(([^\"\\\\]|\\\\.)*)\".*/\1/p" <<<"$2" | sed 's/\\"/"/g'
}
