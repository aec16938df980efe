#!/bin/sh
# Lock the requirements of pyproject.toml with hashes, for Python 3.11 and later on every platform; and apart from
# them what the images of the mailbox and for development have beside the product's, those of the benchmark's peer, of
# the example that is a service of somebody else, of the tests' Django, of the verifiers in external services, of the
# programs of the recipes, and of the linter of policies.
# Usage: lock.sh UV. The run and dev locks repeat the versions of the one before.
# Extras are kept (coverage[toml]==...): without them an older pip (23.0 of Debian 12) looks at releases newer
# than the locked one and then refuses them for having no hash.
set -eu
cd "$(dirname "$0")/.."
lock() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-strip-extras --upgrade --custom-compile-command "make lock" "$@" --output-file "$output"
}
uv=$1
peer=tests/benchmarks/peers/fastapi_sqlalchemy
orders=examples/orders-fastapi
hashes=tests/hashes
verifiers=tests/verify_elsewhere
recipes=tests/behind_the_gateway
policies=tests/policies
lock requirements.txt pyproject.toml
lock requirements-run.txt pyproject.toml --group run --constraint requirements.txt
lock requirements-dev.txt pyproject.toml --group dev --constraint requirements-run.txt
lock deploy/mailbox/requirements.txt deploy/mailbox/requirements.in --constraint requirements-run.txt
lock deploy/develop/requirements.txt deploy/develop/requirements.in --constraint requirements-run.txt
lock $peer/requirements.txt $peer/requirements.in
lock $orders/requirements.txt $orders/requirements.in --constraint $peer/requirements.txt
lock $hashes/requirements.txt $hashes/requirements.in
lock $verifiers/requirements.txt $verifiers/requirements.in
lock $recipes/requirements.txt $recipes/requirements.in
lock $policies/requirements.txt $policies/requirements.in
