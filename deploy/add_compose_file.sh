#!/bin/bash
# Use further compose files from now on: adds them to COMPOSE_FILE in .env, which every command here reads.
# Usage: deploy/add_compose_file.sh FILE ..., such as deploy/proxy.yml; then make up. What stands there already stays.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/env_file.sh

fail() {
    echo "$1" >&2
    exit 2
}

[ $# -ge 1 ] || fail "Usage: deploy/add_compose_file.sh FILE ..., such as deploy/proxy.yml"
[ -z "${COMPOSE_FILE:-}" ] || fail "COMPOSE_FILE is set in the environment, which goes before .env: unset it, and name its files here"
for file in "$@"; do [ -f "$file" ] || fail "there is no file $file here"; done
begin_env_file
add_compose_files "$@"
replace_env_file
grep ^COMPOSE_FILE= .env
