"""Credentials of external services: made, listed and revoked by operators, and stored as hashes alone."""

import asyncio
import os

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.tables.service_credentials import FoundService, list_found_services
from auth_service.verifiers.service_credentials import MOST, ServiceCredentials
from shared.errors import Unauthorized
from shared.postgres.database import Connection
from shared.settings import SAMPLE_SECRETS
from tests.support.command_line import CommandLine
from tests.support.service_credentials import FEED, bearer, create_service

OLD, NEW = SAMPLE_SECRETS["NEXTAUTH_SECRET"], "the-key-that-is-to-be-in-use-now"


async def test_a_credential_is_shown_once(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """``service create`` prints the credential, which opens the feed; neither the list nor the database has it."""
    created = await command_line.find("service", "create", "orders")
    assert isinstance(created, dict)
    assert (created["name"], created["credential"].startswith("gatepost_")) == ("orders", True)
    assert (await client.get(FEED, headers=bearer(created["credential"]))).status_code == 200
    listed = await command_line.find("service", "list")
    assert isinstance(listed, list)
    assert [(each["name"], each["used"] is None) for each in listed] == [("orders", False)]
    stored = str([await database.fetch(f"TABLE {table}") for table in ("service_credentials", "audit")])
    assert created["credential"] not in stored + str(listed)
    assert created["credential"].removeprefix("gatepost_").encode().hex() not in stored


async def test_services_are_listed_by_name(command_line: CommandLine) -> None:
    """``service list`` is a table, with a dash where a credential was never used."""
    for name in ("shop", "orders"):
        await command_line.find("service", "create", name)
    status, out, _ = await command_line.run("service", "list")
    head, *rows = out.splitlines()
    assert (status, head.split()) == (0, ["NAME", "CREATED", "USED"])
    assert [row.split()[0] for row in rows] == ["orders", "shop"]
    assert all(row.endswith(" -") for row in rows)


async def test_what_happened_to_credentials_is_audited(command_line: CommandLine) -> None:
    """Making and revoking a credential each leave a line, which names the operator and the service."""
    await command_line.find("service", "create", "orders")
    assert await command_line.find("service", "revoke", "orders") == {"name": "orders", "state": "revoked"}
    lines = await command_line.find("audit")
    assert isinstance(lines, list)
    assert [(line["event"], line["about"]) for line in lines] == [
        ("service_revoked", "service orders"),
        ("service_created", "service orders"),
    ]
    assert {line["agent"] for line in lines} == {f"command line, user {os.getuid()}"}


async def test_a_name_is_taken_until_it_is_revoked(command_line: CommandLine, client: httpx2.AsyncClient) -> None:
    """Two services never share a name; one that was revoked frees it, and the new credential is another."""
    old = await create_service(command_line, "orders")
    refused = "There is a service of that name already: revoke it first, or choose another name\n"
    assert await command_line.run("service", "create", "orders") == (1, "", refused)
    await command_line.find("service", "revoke", "orders")
    assert await command_line.run("service", "revoke", "orders") == (1, "", "There is no service of that name\n")
    new = await create_service(command_line, "orders")
    statuses = [(await client.get(FEED, headers=bearer(each))).status_code for each in (old, new)]
    assert statuses == [401, 200]


async def test_there_are_a_hundred_services_at_most(command_line: CommandLine, database: asyncpg.Connection) -> None:
    """One more is refused with a sentence that says what to do."""
    await database.execute(
        "INSERT INTO service_credentials (name, credential_mac)"
        " SELECT 'other' || number, number::text::bytea FROM generate_series(1, $1) AS number",
        MOST,
    )
    refused = "There are 100 services already: revoke one that is no longer in use\n"
    assert await command_line.run("service", "create", "orders") == (1, "", refused)


@pytest.mark.parametrize("name", ["", "Orders", "-orders", "or ders", "orders\n", "주문", "o" * 65, "a/b"])
async def test_a_bad_name_is_explained(command_line: CommandLine, name: str) -> None:
    """A name that could be misread is a wrong call: status 2, and the rule for names."""
    status, out, err = await command_line.run("service", "create", "--", name)
    assert (status, out) == (2, "")
    assert "a service's name is of lower-case letters, digits" in err


@pytest.mark.parametrize("arguments", [("service",), ("service", "create"), ("service", "revoke"), ("service", "end")])
async def test_a_wrong_call_is_explained(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    """A call that lacks something ends with status 2 and the usage."""
    status, out, err = await command_line.run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: python -m auth_service service")


async def test_the_help_names_the_commands(command_line: CommandLine) -> None:
    """``service --help`` names what can be done."""
    status, out, _ = await command_line.run("service", "--help")
    assert status == 0
    assert all(verb in out for verb in ("create", "list", "revoke"))


async def test_a_use_is_noted_to_the_minute(
    client: httpx2.AsyncClient, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """A service that polls all the time writes once a minute, not with each poll."""
    headers = bearer(await create_service(command_line))
    uses = []
    for _ in range(3):
        await client.get(FEED, headers=headers)
        uses.append(await database.fetchval("SELECT last_used_at FROM service_credentials"))
    assert uses[0] is not None
    assert len(set(uses)) == 1
    await database.execute("UPDATE service_credentials SET last_used_at = now() - interval '1 hour'")
    await client.get(FEED, headers=headers)
    assert await database.fetchval("SELECT last_used_at > $1 FROM service_credentials", uses[0])


async def test_the_key_of_the_hashes_can_be_changed(
    app: Starlette, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """A credential that is used while both keys are there counts by the new one alone; another is unknown by then."""
    del database  # it has been emptied
    used, unused = [await create_service(command_line, name) for name in ("used", "unused")]
    keys = {"learnt": (OLD, [NEW]), "changed": (NEW, [OLD]), "after": (NEW, [])}
    replicas = {stage: ServiceCredentials(app.state.parts.database, *each) for stage, each in keys.items()}
    other = await replicas["learnt"].admit([unused])
    for stage in ("learnt", "changed", "learnt", "changed", "after"):  # side by side, while replicas are replaced
        assert (await replicas[stage].admit([used])).id != other.id
    with pytest.raises(Unauthorized):
        await replicas["after"].admit([unused])


async def test_simultaneous_look_ups_share_a_query(
    app: Starlette, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait by a credential, whether it is still good costs few queries."""
    credential = await create_service(command_line)
    asked: list[int] = []

    async def find_and_count(connection: Connection, macs: list[bytes]) -> list[FoundService]:
        asked.append(len(macs))
        return await list_found_services(connection, macs)

    monkeypatch.setattr("auth_service.verifiers.service_credentials.list_found_services", find_and_count)
    found = await asyncio.gather(*(app.state.parts.service_credentials.find(credential) for _ in range(50)))
    assert len({service.id for service in found}) == 1
    assert len(asked) <= 5
