"""The commands about external services; each returns what is to be printed."""

from auth_service.operators.arguments import Call, add_verb, read_service_name
from auth_service.parts import Parts
from auth_service.tables import service_credentials as table
from auth_service.verifiers.service_credentials import MOST
from shared.command_line.arguments import Verbs, add_noun
from shared.command_line.text_tables import Record


def add_services(nouns: Verbs) -> None:
    """Add them to the command line."""
    verbs = add_noun(nouns, "service", "external services, which learn which sessions were ended")
    created = add_verb(verbs, "create", "a credential for a service; it is shown only once", create_service)
    add_verb(verbs, "list", "by name", list_services)
    revoked = add_verb(verbs, "revoke", "make a service's credential void", revoke_service)
    for verb in (created, revoked):
        verb.add_argument("name", type=read_service_name, metavar="NAME")


async def create_service(parts: Parts, call: Call) -> Record:
    """Return a new service with its credential, which is shown only once."""
    service, credential = await parts.service_credentials.create(call.name, call.client)
    return {"name": service.name, "created": service.created_at, "credential": credential}


async def list_services(parts: Parts, _: Call) -> list[Record]:
    """Return the services by name, and when each last used its credential."""
    async with parts.database.connection() as connection:
        services = await table.list_services(connection, MOST)
    return [{"name": each.name, "created": each.created_at, "used": each.last_used_at} for each in services]


async def revoke_service(parts: Parts, call: Call) -> Record:
    """Make a service's credential void, within a second for one who is waiting by it."""
    await parts.service_credentials.revoke(call.name, call.client)
    return {"name": call.name, "state": "revoked"}
