#!/bin/sh
# Lock the requirements of pyproject.toml with hashes, for Python 3.11 and later on every platform.
# Usage: lock.sh UV. The run and dev locks repeat the versions of the one before.
# Extras are kept (coverage[toml]==...): without them an older pip (23.0 of Debian 12) looks at releases newer
# than the locked one and then refuses them for having no hash.
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-strip-extras --upgrade --custom-compile-command "make lock" pyproject.toml "$@" --output-file "$output"
}
uv=$1
lock requirements.txt
lock requirements-run.txt --group run --constraint requirements.txt
lock requirements-dev.txt --group dev --constraint requirements-run.txt
