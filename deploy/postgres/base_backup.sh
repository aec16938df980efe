#!/bin/bash
# Make what a recovery begins with: a copy of the server's files in /archive, named by when it was finished (archive.yml).
# Usage: base_backup.sh [[--make-room] KEEP], in the container. With KEEP, once the copy is there, the newest so many stay,
# and of the log what is needed since the oldest of them. With --make-room no copy is made: for an archive that is full.
# Exit status: 0 done, another: nothing was made, and nothing deleted.
set -euo pipefail
makes=yes
if [ "${1:-}" = --make-room ]; then
    makes=
    shift
fi
[[ $# -le 1 && ${1-${makes:+1}} =~ ^[1-9][0-9]*$ ]] ||
    { echo "Usage: base_backup.sh [[--make-room] KEEP], a number from 1 on" >&2; exit 2; }
archive=${ARCHIVE:-/archive}
exec 9<"$archive"
flock --nonblock 9 || { echo "another base backup is being made" >&2; exit 1; }

make_copy() {
    local name
    # An installation of an earlier release lets no superuser copy the files, not even at the server's own socket.
    if ! grep -q '^local  *replication' "$PGDATA/pg_hba.conf"; then
        echo "local   replication postgres         peer" >>"$PGDATA/pg_hba.conf"
        psql --no-psqlrc --quiet --username postgres --command "SELECT pg_reload_conf()" >/dev/null
    fi
    pg_basebackup --username postgres --pgdata "$archive/base.part" --format=tar --gzip --wal-method=fetch --checkpoint=fast
    name=base-$(date --utc +%Y%m%dT%H%M%SZ)
    mv "$archive/base.part" "$archive/$name"
    echo "$name"
}

# The first piece of the log that a copy needs: its number alone, since timelines are cleared out together.
first_piece() {
    local high low
    IFS=/ read -r high low < <(sed -n 's/.*"Start-LSN": "\([^"]*\)".*/\1/p' "$1/backup_manifest" | head -1)
    printf '%08X%08X\n' "0x$high" "$((0x$low >> 24))"
}

trap 'rm -rf "$archive/base.part"' EXIT
rm -rf "$archive/base.part"
[ -z "$makes" ] || make_copy
[ $# -eq 1 ] || exit 0
copies=("$archive"/base-*Z)
[ -e "${copies[0]}" ] || { echo "there is no base backup, so nothing of the log can be deleted" >&2; exit 1; }
for ((i = 0; i < ${#copies[@]} - $1; i++)); do
    mv "${copies[i]}" "$archive/base.part"
    rm -r "$archive/base.part"
done
oldest=$(for each in "$archive"/base-*Z; do first_piece "$each"; done | sort | head -1)
pg_archivecleanup --clean-backup-history "$archive/wal" "00000001$oldest"
