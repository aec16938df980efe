"""Credentials of external services, made as an operator makes them."""

from starlette.applications import Starlette

from auth_service.operators.operator import build_client
from tests.support.command_line import CommandLine

FEED = "/api/revocations"


async def create_service(command_line: CommandLine, name: str = "orders") -> str:
    """Make a credential for a service by a command, and return it."""
    created = await command_line.find("service", "create", name)
    assert isinstance(created, dict)
    return str(created["credential"])


async def create_within(app: Starlette, name: str = "orders") -> str:
    """Make one in the auth service that runs in this process, and return it."""
    _, credential = await app.state.parts.service_credentials.create(name, build_client("a test"))
    return str(credential)


def bearer(credential: str) -> dict[str, str]:
    """Return the header that sends a credential."""
    return {"Authorization": f"Bearer {credential}"}
