# The servers of databases, which compose_up.sh starts before all else and replaces as seldom as it can. Read by that.

# Databases: those that don't run at first, and what is to be replaced only once migrations have gone well.
start_first() {
    local service
    for service in $(services_at 0); do
        if grep -qx "$service" <<<"$(services_with kept)"; then continue; fi
        if [ -z "$(running "$service")" ]; then
            if [ "$service" != postgres ] || ! is_replaced; then up "$service"; fi
        elif [ "$1" = changed ] && is_changed "$service"; then
            echo "$service is started anew: until it is back, what needs it is answered 503"
            anew+="$service "
            up "$service"
        fi
    done
}

# Tells whether the standby has taken the place of the primary (deploy/postgres/promote.sh): its volume is the witness.
# Started beside it the old primary would give old answers.
is_replaced() {
    local said look='[ -s "$PGDATA/PG_VERSION" ] || echo =empty
        [ -e "$PGDATA/standby.signal" ] || [ -e "$PGDATA/backup_label" ] && echo =follows || echo =leads'
    grep -q '^postgres_standby ' <<<"$plan" || return 1
    said=$($compose run --rm --no-deps -T --entrypoint sh postgres_standby -c "$look" 2>&1) || true
    case $said in
        *=empty* | *=follows*) return 1 ;;
        *=leads*) echo "postgres stays off: postgres_standby has taken its place (docs/operations.md, \"The way back\")" ;;
        *) give_up "$(why_compose "Nobody can tell which PostgreSQL is the primary, so none is started" "$said")" ;;
    esac
}

# is_copying ID SERVICE: tells whether it is a standby that still copies its primary (follow.sh).
is_copying() {
    [ "$2" = postgres_standby ] && docker exec "$1" sh -c '[ -e "$PGDATA/copying" ] && [ ! -e "$PGDATA/PG_VERSION" ]' 2>/dev/null
}

# The hash that a server of databases would have with the passwords that it began with: it has read them once, when its
# volume was empty, and is not started anew because they are others now.
hash_as_begun() {
    local begun
    grep -qx "$2" <<<"$(services_at 0)" || return 0
    mapfile -t begun < <(docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1" | grep -E '^([A-Z_]+_DATABASE_URL|REPLICATION_PASSWORD)=')
    [ ${#begun[@]} -eq 0 ] || (export "${begun[@]}" && $compose config --hash "$2") | awk '{ print $2 }'
}
