#!/bin/bash
# Dump the databases of the running stack, both or the one that is named, into a new folder, named by the time.
# Usage: deploy/postgres/backup.sh [--keep NUMBER] FOLDER [auth|posts]. Prints the new folder's path. It is there whole or
# not at all, and nobody but its owner can read it. With --keep, once it is there, the newest so many stay and the others are
# deleted. Exit status: 0 done; 1 not done, and nothing deleted; 2 the usage is wrong.
set -euo pipefail
keep=
if [[ ${1:-} = --keep && ${2:-} =~ ^[1-9][0-9]*$ ]]; then
    keep=$2
    shift 2
fi
[[ $# -ge 1 && $# -le 2 && ${1:0:1} != - && ${2:-auth} =~ ^(auth|posts)$ ]] ||
    { echo "Usage: deploy/postgres/backup.sh [--keep NUMBER] FOLDER [auth|posts]" >&2; exit 2; }
umask 077
mkdir -p "$1"
to=$(cd "$1" && pwd)/$(date --utc +%Y%m%dT%H%M%SZ)
cd "$(dirname "$0")/../.."

fail() {
    echo "$1" >&2
    exit 1
}

postgres=$(deploy/compose.sh find postgres)
[ -n "$postgres" ] || fail "PostgreSQL does not run"
trap 'rm -rf "$to.part"' EXIT
mkdir "$to.part"
for database in ${2:-auth posts}; do
    docker exec "$postgres" pg_dump --username postgres --format custom "$database" >"$to.part/$database.dump" ||
        fail "$database could not be dumped"
    # A dump whose table of contents can be read, and that has the tables.
    docker exec --interactive "$postgres" pg_restore --list <"$to.part/$database.dump" | grep ' TABLE DATA public epochs ' >/dev/null ||
        fail "the dump of $database is not whole"
done
mv "$to.part" "$to"
echo "$to"
[ -n "$keep" ] || exit 0
cd "$(dirname "$to")" # so that no blank in its path reaches xargs, and a link to it is followed
find . -maxdepth 1 -type d -regex '\./[0-9]+T[0-9]+Z' | sort | head -n "-$keep" | xargs -r rm -r --
