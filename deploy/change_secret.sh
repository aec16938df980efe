#!/bin/bash
# Change secrets in .env, step by step; after each step "make up" (docs/operations.md, "Changing a secret").
#
#   deploy/change_secret.sh announce NAME ...   a new one, which is accepted but not yet used
#   deploy/change_secret.sh use NAME ...        it is used, and the old one still accepted
#   deploy/change_secret.sh retire NAME ...     the old one is gone
#   deploy/change_secret.sh database ROLE ...   a new password for auth, posts or standby, in the PostgreSQL of
#                                               docker-compose.yml and in .env
#
# .env is replaced as a whole: it is either as before or as after. A step that is repeated changes nothing more; which was
# the last, a comment in .env says. A password is changed in the server first and then in .env, for one role after the
# other: what was cut off in between is put right by repeating it. No secret is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/env_file.sh

fail() {
    echo "$1" >&2
    exit 2
}

secret() {
    head -c 36 /dev/urandom | base64 | tr '+/' '-_'
}

# written NAME: its value in .env, as it can be written again.
written() {
    local value
    value=$(in_env_file "$1")
    case $value in
        *[\$\\\"\'\ ]*) fail "$1 in .env has a character that compose may read as another; change it by hand" ;;
    esac
    echo "$value"
}

note_step() {
    sed -i "/^# change_secret.sh: $1 /d" "$new"
    [ -z "$2" ] || echo "# change_secret.sh: $1 $2" >>"$new"
}

step() {
    local verb=$1 name=$2 counterpart=$2_PREVIOUS now previous last=
    [ "$name" != AUTH_SECRET ] || counterpart=AUTH_SECRET_1
    now=$(written "$name")
    previous=$(written "$counterpart")
    [ -z "$previous" ] || last=$(sed -n "s/^# change_secret.sh: $name //p" .env | tail -1)
    [ -n "$now" ] || fail "$name does not stand in .env"
    case $verb/${previous:+there}/$last in
        announce//*)
            put_into "$new" "$counterpart" "$(secret)"
            note_step "$name" announced ;;
        use/there/announced)
            put_into "$new" "$name" "$previous"
            put_into "$new" "$counterpart" "$now"
            note_step "$name" used ;;
        retire/there/used | retire/there/)
            put_into "$new" "$counterpart" ""
            note_step "$name" "" ;;
        announce/there/announced | use/there/used | retire//*)
            echo "$name: that is done already" ;;
        announce/*) fail "$counterpart is there already: another change is not finished" ;;
        use//*) fail "$counterpart is not there: announce a new one first" ;;
        use/*) fail "$counterpart does not come from announce, so nobody can tell the new one from the old: swap the two by hand" ;;
        retire/*) fail "$name was announced and is not used yet: use it first" ;;
    esac
}

# settings_of ROLE: where its password stands.
settings_of() {
    case $1 in
        auth) echo AUTH_DATABASE_URL ;;
        posts) echo POSTS_DATABASE_URL $([ -z "$(in_env_file POSTS_REPLICA_URL)" ] || echo POSTS_REPLICA_URL) ;;
        standby) echo REPLICATION_PASSWORD ;;
    esac
}

check_database() {
    local setting value
    for setting in $(settings_of "$1"); do
        value=$(written "$setting")
        [ -n "$value" ] || fail "$setting does not stand in .env"
        [ "$1" = standby ] || [[ $value =~ ^postgresql://$1:[^:@/]+@postgres(_standby)?(:5432)?[,/] ]] ||
            fail "$setting in .env does not lead to role $1 at the PostgreSQL of docker-compose.yml; change a password elsewhere by hand"
    done
}

ask() {
    deploy/compose.sh exec -T "$1" psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --output /dev/null
}

# A commit would wait for a follower that is away, without end and beyond any time-out; so this one does not.
database() {
    local password setting value
    password=$(secret)
    begin_env_file
    for setting in $(settings_of "$1"); do
        value=$(written "$setting")
        [ "$1" = standby ] && value=$password || value=${value%%://*}://$(cut -d / -f 3- <<<"$value" | cut -d : -f 1):$password@${value#*@}
        put_into "$new" "$setting" "$value"
    done
    ask postgres <<<"SET statement_timeout = '10s'; SET synchronous_commit = local; ALTER ROLE \"$1\" PASSWORD '$password'" ||
        fail "PostgreSQL did not take the new password of $1, and .env has the old one: repeat this once it answers"
    if [ "$1" = standby ]; then
        tell_standby "$password" || fail "the standby did not take its new password, and .env has the old one: repeat this once it runs"
    fi
    replace_env_file
}

# What follows has the password in the address of its primary.
tell_standby() {
    ask postgres_standby <<SQL
SELECT format('ALTER SYSTEM SET primary_conninfo = %L', regexp_replace(setting, 'password=\S+', 'password=$1'))
FROM pg_settings WHERE name = 'primary_conninfo' AND pg_is_in_recovery() \gexec
SELECT pg_reload_conf();
SQL
}

[ $# -ge 2 ] || fail "Usage: deploy/change_secret.sh announce|use|retire NAME ..., or database auth|posts|standby ..."
[ -f .env ] || fail "there is no .env here"
verb=$1
shift
for name in "$@"; do
    case $verb:$name in
        announce:*_PREVIOUS | use:*_PREVIOUS | retire:*_PREVIOUS) fail "name the secret itself, not $name" ;;
        announce:*SECRET* | use:*SECRET* | retire:*SECRET*) ;;
        database:auth | database:posts | database:standby) check_database "$name" ;;
        *) fail "$verb $name is not known here" ;;
    esac
done
if [ "$verb" = database ]; then
    for name in "$@"; do database "$name"; done
else
    begin_env_file
    for name in "$@"; do step "$verb" "$name"; done
    replace_env_file
fi
