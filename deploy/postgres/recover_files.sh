#!/bin/bash
# Put the server's files back as a base backup has them, for a recovery at the next start; or swap back. recover.sh runs it
# in the container, while nothing uses the files. Usage, with the timeline to follow behind the time:
#
#   recover_files.sh [--new] TIME|latest latest|current|NUMBER
#   recover_files.sh [--new] --undo
#
# The copy is unpacked beside the files and checked; only then do they change places. The files that were there stay in
# replaced-TIME: nothing is ever deleted here. Without --new it is another call for the same recovery: the files of the try
# before go to tried-TIME, and --undo leads back to those that were there at first, which the file "original" names; without
# that, nothing was replaced yet. With --new, --undo leads back to before the newest recovery. A swap that was interrupted is
# finished at the next call. Exit status: 0 done; 1 not done, 2 the usage is wrong or there is no such copy, and with both the
# files are as they were; 4 there was nothing to undo yet; another: the swap is not finished.
set -euo pipefail

archive=${ARCHIVE:-/archive}

main() {
    local new=""
    [ "${1:-}" != --new ] || { new=yes; shift; }
    cd "$PGDATA"
    [ ! -e swapping ] || swap
    [ -z "$new" ] || rm -f original
    if [ "${1:-}" = --undo ]; then
        undo "$new"
    else
        [[ $# -eq 2 && $1 =~ ^latest$|:[0-9.]+\ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$ && $2 =~ ^(latest|current|[0-9]+)$ ]] ||
            fail 2 "Usage: recover_files.sh TIME|latest latest|current|NUMBER, with a time such as 2026-11-24T11:03:34Z"
        find_base "$1"
        left=$(timeline_of "$(is_original && echo . || cat original)")
        unpack
        prepare "$1" "$2"
        replace
        echo "starts from ${base##*/}, and recovers to $1.${left:+ Other times of the previous timeline: TIME $left}"
    fi
}

undo() {
    local before
    rm -rf recovered # of a try that was cut off
    if [ -n "$1" ]; then
        before=$(ls -d replaced-*Z 2>/dev/null | tail -1 || true)
        [ -n "$before" ] || fail 2 "there is nothing to undo: no recovery has replaced any files, or they were removed"
        note "$before"
        begin_swap "$before" "replaced-$(now)"
    else
        [ -s original ] || exit 4
        before=$(<original)
        if ! is_original; then begin_swap "$before" "tried-$(now)"; fi
    fi
    echo "the files of $before are in place again"
}

# Tells whether the files in place are those from before this recovery.
is_original() {
    [ ! -s original ] || [ ! -d "$(<original)" ]
}

timeline_of() {
    pg_controldata "$1" 2>/dev/null | sed -n "s/^Latest checkpoint's TimeLineID: *//p" || true # perhaps there is nothing
}

note() {
    echo -n "$1" >original.part
    sync original.part
    mv original.part original
}

replace() {
    local to
    to=tried-$(now)
    if is_original; then
        to=replaced-$(now)
        note "$to"
    fi
    begin_swap recovered "$to"
}

now() {
    date --utc +%Y%m%dT%H%M%SZ
}

# The newest base backup that was finished before a moment.
find_base() {
    local moment each
    moment=$(date --utc --date "${1/#latest/now}" +%Y%m%dT%H%M%SZ) || exit 2
    base=
    for each in "$archive"/base-*Z; do
        [ -e "$each" ] && [[ ${each#"$archive/base-"} < $moment ]] && base=$each
    done
    [ -n "$base" ] || fail 2 "there is no base backup from before $1 in the archive"
}

unpack() {
    local needed free
    rm -rf recovered
    gzip --test "$base/base.tar.gz" || fail 1 "$base is damaged; recover to a moment before it, so that an older one is taken"
    needed=$(grep -Ev '"Path": "(replaced-|tried-|recovered/)' "$base/backup_manifest" | grep -o '"Size": [0-9]*' | awk '{ size += $2 } END { print int(size / 1024) }')
    needed=$((needed + $([ ! -d pg_wal ] || du --summarize --block-size=1K pg_wal | cut -f 1) + 262144)) # and what is replayed
    free=$(df --output=avail --block-size=1K . | tail -1)
    [ "$free" -ge "$needed" ] || fail 1 "$((needed / 1024)) MB are needed beside the files that are there, and $((free / 1024)) MB are free"
    trap 'rm -rf recovered' EXIT
    mkdir --mode=700 recovered
    # Without what an earlier recovery had put aside when the copy was made: it is beside the files still, or was removed.
    tar --extract --gzip --file "$base/base.tar.gz" --directory recovered --anchored \
        --exclude='replaced-*' --exclude='tried-*' --exclude=recovered --exclude=swapping --exclude=original
}

# A second try follows the timeline from before the first, unless it is told which: the latest is the first try's own.
prepare() {
    local settings=recovered/postgresql.auto.conf each timeline=$2
    [ "$2" != latest ] || is_original || timeline=${left:-latest}
    # What the server had not yet handed to the archive, be it before an earlier try.
    for each in $(is_original || echo "$(<original)/pg_wal") pg_wal; do
        [ ! -d "$each" ] || find "$each" -maxdepth 1 -type f -size 16M -exec cp -n -t recovered/pg_wal {} +
    done
    sed -i '/^recovery_target\|^restore_command/d' "$settings" # of an earlier recovery
    cat >>"$settings" <<SETTINGS
restore_command = 'cp $archive/wal/%f "%p"'
recovery_target_action = 'promote'
recovery_target_timeline = '$timeline'
SETTINGS
    # With a numeric offset: a setting knows no abbreviation of a time zone, not even Z.
    [ "$1" = latest ] || echo "recovery_target_time = '$(date --utc --date "$1" '+%F %T.%6N+00')'" >>"$settings"
    touch recovered/recovery.signal
}

# begin_swap FROM TO: the files of one folder come, and those that are there go to another.
begin_swap() {
    [ ! -e "$2" ] || fail 1 "$2 is there already; wait a second"
    mkdir --mode=700 "$2.part"
    echo "$1 $2" >swapping.part
    sync swapping.part
    trap - EXIT # what was unpacked is needed from here on
    mv swapping.part swapping
    sync .
    swap
}

# By renaming alone. Without its PG_VERSION, which goes first and comes last, no server starts on half of the files.
swap() {
    local from to
    trap 'fail 3 "not all files have changed places: the same call once more goes on with that"' EXIT
    read -r from to <swapping
    if [ -d "$to.part" ]; then
        [ ! -e PG_VERSION ] || mv PG_VERSION "$to.part"
        find . -mindepth 1 -maxdepth 1 ! -name 'replaced-*' ! -name 'tried-*' ! -name recovered ! -name swapping ! -name original \
            -exec mv -t "$to.part" {} +
        rm -f "$to.part/postmaster.pid" # nothing runs; the server left it if it was killed
        mv "$to.part" "$to"
    fi
    if [ -d "$from" ]; then
        find "$from" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t . {} +
        [ ! -e "$from/PG_VERSION" ] || mv "$from/PG_VERSION" .
        rmdir "$from"
    fi
    chmod 700 .
    sync .
    rm swapping
    trap - EXIT
}

fail() {
    echo "$2" >&2
    exit "$1"
}

main "$@"
