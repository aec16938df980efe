#!/bin/bash
# docker compose as it is here (the plugin, or the older docker-compose), on this project's file.
# With a GATEWAY_PORT and no NEXTAUTH_URL, the public URL follows the port. With MAIL=mailbox there is a mailbox, which
# takes all letters unless an SMTP_URL names another server.
set -euo pipefail
cd "$(dirname "$0")/.."

if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
else
    echo "Docker with compose is needed here; without Docker there is 'make run'." >&2
    exit 1
fi
if [ -n "${GATEWAY_PORT:-}" ] && [ -z "${NEXTAUTH_URL:-}" ]; then
    export NEXTAUTH_URL=http://localhost:$GATEWAY_PORT
fi
if [ "${MAIL:-}" = mailbox ]; then
    export COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}mailbox
    if [ -z "${SMTP_URL:-}" ] && ! grep -qs '^ *SMTP_URL=.' .env; then
        export SMTP_URL=smtp://mailbox:2525?tls=none
        export MAIL_FROM=${MAIL_FROM:-Gatepost <no-reply@localhost>}
    fi
fi
exec "${compose[@]}" "$@"
