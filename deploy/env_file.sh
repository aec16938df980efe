# The one reader and writer of .env here, by compose's rules: NAME=value, spaces and "export" before the name, quotes
# around the value, " # ..." after it; the last line of a name counts. Read by the scripts that look into .env.

# in_env_file NAME: its value, empty where it is not set.
in_env_file() {
    local line
    [ -f .env ] || return 0
    line=$(grep -E "^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=" .env | tail -1) || return 0
    line=${line#*=}
    line=${line%$'\r'}
    line=${line%%[[:space:]]#*}
    sed -E "s/^[[:space:]]*//; s/[[:space:]]*$//; s/^(['\"])(.*)\1$/\2/" <<<"$line"
}

# given NAME: from the environment, else from .env; empty is not set.
given() {
    [ -n "${!1:-}" ] && echo "${!1}" || in_env_file "$1"
}

# put_into FILE NAME VALUE: sets a name where it stood, or at the end; without a value it is removed.
put_into() {
    VALUE=$3 awk -v name="$2" '
        $0 ~ "^[[:space:]]*(export[[:space:]]+)?" name "[[:space:]]*=" {
            if (!done && ENVIRON["VALUE"] != "") print name "=" ENVIRON["VALUE"]
            done = 1
            next
        }
        { print }
        END { if (!done && ENVIRON["VALUE"] != "") print name "=" ENVIRON["VALUE"] }' "$1" >"$1.next"
    mv "$1.next" "$1"
}

# begin_env_file: a copy beside .env, in $new, that nobody else can read. replace_env_file puts it in the place of .env,
# which so is whole at any moment: as before, or as after. Where .env is a link, the file is replaced that it leads to.
begin_env_file() {
    umask 077
    env_file=$(readlink -f .env) || { echo ".env is a link to a folder that is not there" >&2; exit 2; }
    new=$(mktemp "$env_file.XXXXXX")
    trap 'rm -f "$new" "$new.next"' EXIT
    [ ! -f .env ] || cat .env >"$new"
}

replace_env_file() {
    if [ -f .env ]; then
        chmod --reference=.env "$new"
        chown --reference=.env "$new" 2>/dev/null || true
    fi
    sync "$new"
    mv "$new" "$env_file"
}

# What compose reads where COMPOSE_FILE is not set.
default_compose_files() {
    local file
    for file in {docker-,}compose.override.{yml,yaml}; do
        if [ -f "$file" ]; then
            echo "docker-compose.yml:$file"
            return
        fi
    done
    echo docker-compose.yml
}

# add_compose_files FILE ...: to COMPOSE_FILE in $new, those that are not there.
add_compose_files() {
    local files file here=deploy/postgres both=:deploy/postgres/archive_and_standby.yml
    files=$(in_env_file COMPOSE_FILE)
    files=${files:-$(default_compose_files)}
    for file in "$@"; do
        file=${file#./}
        case :$files: in
            *:"$file":*) ;;
            *) files+=:$file ;;
        esac
    done
    # Of these two the last one's options of PostgreSQL would count; so a third file with those of both comes after them.
    if [[ :$files: == *:$here/archive.yml:* && :$files: == *:$here/standby.yml:* ]] &&
        [[ :${files##*$both}: =~ :$here/(archive|standby)\.yml: ]]; then
        files=${files/$both/}$both
    fi
    put_into "$new" COMPOSE_FILE "$files"
}
