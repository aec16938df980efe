#!/bin/bash
# docker compose as it is here (the plugin, or the older docker-compose), on this project's file.
# With a GATEWAY_PORT and no NEXTAUTH_URL, the public URL follows the port.
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
exec "${compose[@]}" "$@"
