#!/bin/sh
# PostgreSQL's archive_command: keep a finished piece of its log. Usage: archive.sh PATH NAME. It is there whole or not at
# all, on the disk. One that was kept before is kept; another of the same name is never put in its place.
set -eu
mkdir -p /archive/wal
if [ -e "/archive/wal/$2" ]; then
    cmp -s "$1" "/archive/wal/$2"
else
    cp "$1" "/archive/wal/$2.part"
    sync "/archive/wal/$2.part"
    mv "/archive/wal/$2.part" "/archive/wal/$2"
fi
sync /archive/wal # its name, too
