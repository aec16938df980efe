#!/bin/bash
# In production the published sample of REPLICATION_PASSWORD lets nobody follow.
if [ "${ENVIRONMENT:-}" = production ] && [ "${REPLICATION_PASSWORD:-}" = development-only-replication ]; then
    echo "FATAL:  REPLICATION_PASSWORD is the published sample: deploy/postgres/add_standby.sh writes one of your own into .env" >&2
    exit 1
fi
