"""The commands about external services; each returns what is to be printed."""

import argparse

from auth_service.operators.commands import operator
from auth_service.operators.text_tables import Record
from auth_service.parts import Parts
from auth_service.tables import service_credentials as table
from auth_service.verifiers.service_credentials import MOST


async def create_service(parts: Parts, arguments: argparse.Namespace) -> Record:
    """Return a new service with its credential, which is shown only once."""
    service, credential = await parts.service_credentials.create(arguments.name, operator(f"service {arguments.name}"))
    return {"name": service.name, "created": service.created_at, "credential": credential}


async def list_services(parts: Parts, arguments: argparse.Namespace) -> list[Record]:
    """Return the services by name, and when each last used its credential."""
    del arguments
    async with parts.database.connection() as connection:
        services = await table.list_services(connection, MOST)
    return [{"name": each.name, "created": each.created_at, "used": each.last_used_at} for each in services]


async def revoke_service(parts: Parts, arguments: argparse.Namespace) -> Record:
    """Make a service's credential void, within a second for one who is waiting by it."""
    await parts.service_credentials.revoke(arguments.name, operator(f"service {arguments.name}"))
    return {"name": arguments.name, "state": "revoked"}
