#!/bin/bash
# Write the .env of an installation for others: fresh secrets, fresh database passwords, https for this name by Caddy, or
# with --proxy by a proxy of your own on this machine (docs/operations.md, "Another proxy").
# Usage: deploy/https/new_env.sh [--proxy] DOMAIN. Nobody but its owner can read the file. One that is there stays as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/env_file.sh

fail() {
    echo "$1" >&2
    exit 2
}

secret() {
    head -c 36 /dev/urandom | base64 | tr '+/' '-_'
}

front=caddy
if [ "${1:-}" = --proxy ]; then front=proxy; shift; fi
[ $# -eq 1 ] || fail "Usage: deploy/https/new_env.sh [--proxy] DOMAIN, such as gate.example.com"
[[ $1 =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || fail "$1 is no name of a host: lower-case letters, digits, dots and hyphens, such as gate.example.com"
[ ! -e .env ] || fail ".env is there already, and is left as it is: its secrets may be in use"
if [ $front = caddy ]; then
    public=DOMAIN=$1 file=deploy/https/caddy.yml
else
    public=NEXTAUTH_URL=https://$1 file=deploy/proxy.yml
fi
umask 077
set -o noclobber # not even one that came meanwhile
cat >.env <<SETTINGS
ENVIRONMENT=production
$public
COMPOSE_FILE=$(default_compose_files):$file
SECRET_KEY=$(secret)
NEXTAUTH_SECRET=$(secret)
GATEWAY_SERVICE_SECRET=$(secret)
POSTS_SERVICE_SECRET=$(secret)
AUTH_DATABASE_URL=postgresql://auth:$(secret)@postgres:5432/auth
POSTS_DATABASE_URL=postgresql://posts:$(secret)@postgres:5432/posts
SETTINGS
echo ".env is written, for https://$1. Keep a copy of it where your backups are not."
