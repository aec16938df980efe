"""What the auth service keeps about a user: all of it is exported, and none of it survives their deletion unsaid."""

import json

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.operators.exports import LEFT_OUT, WITHHELD
from tests.support.command_line import CommandLine
from tests.support.kept_tables import list_columns, list_documented, search
from tests.support.letters import WITH_MAIL
from tests.support.people import PASSWORD, Person

NAME, ADDRESS, EARLIER = "Ada Lovelace", "ada.lovelace@analytical.example", "ada@example.com"
SERVICE = "auth service"


@pytest.fixture
async def busy(
    mail_client: httpx2.AsyncClient,
    ada: Person,
    command_line: CommandLine,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Person:
    """Give a user of whom there is something in every table that has anything of users."""
    for name in ("smtp_url", "mail_from"):
        monkeypatch.setenv(name.upper(), str(WITH_MAIL[name]))
    link = "INSERT INTO identities (provider, issuer, subject, user_id, email) VALUES ('hub', 'hub', 'ada', $1, $2)"
    await database.execute(link, ada.id, EARLIER)
    await mail_client.post("/api/login", json={"username": ada.email, "password": "not the password"})
    await command_line.find("user", "email", str(ada.id), ADDRESS)
    signed_in = (await mail_client.post("/api/login", json={"username": ADDRESS, "password": PASSWORD})).json()
    await mail_client.post("/api/token", json={"refreshToken": signed_in["refreshToken"]})
    await mail_client.post("/api/password-reset", json={"email": ADDRESS})
    for verb in ("password", "unlock", "disable", "enable"):
        await command_line.find("user", verb, ADDRESS)
    await command_line.find("user", "role", ADDRESS, "--add", "writer")
    await command_line.find("invitation", "new", "--note", "for somebody else")
    await database.execute(
        "INSERT INTO session_cutoffs (user_id, began_by, because) VALUES ($1, now(), 'too_many')", ada.id
    )
    return ada


async def test_all_that_is_kept_is_exported(
    busy: Person, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """``user export`` has each column of each table, but for those that are named with a reason; none is empty here."""
    found = await command_line.find("user", "export", ADDRESS)
    assert isinstance(found, dict)
    columns = await list_columns(database)
    assert set(columns) == set(found) | set(LEFT_OUT)
    for table, rows in found.items():
        assert rows, table
        assert set(rows[0]) >= columns[table] - WITHHELD[table], table
        assert not set(rows[0]) & (WITHHELD[table] - {"facts"}), table
    (account,) = found["users"]
    assert (account["id"], account["email"], account["has_password"]) == (busy.id, ADDRESS, True)
    assert {"signed_up", "sign_in_refused", "email_changed", "user_exported"} <= {
        line["event"] for line in found["audit"]
    }


async def test_no_secret_is_exported(busy: Person, command_line: CommandLine, database: asyncpg.Connection) -> None:
    """No hash of a password or token, and no code, is in an export; nor is anything of somebody else."""
    del busy
    await command_line.find("user", "create", "Eve", "eve@example.com", stdin=f"{PASSWORD}\n")
    text = json.dumps(await command_line.find("user", "export", ADDRESS))
    codes = await database.fetch("SELECT facts->>'code' AS code FROM letters WHERE facts ? 'code'")
    assert codes
    for secret in ("argon2", "eve@example.com", *(row["code"] for row in codes)):
        assert secret not in text


async def test_deletion_leaves_what_is_said(
    busy: Person, app: Starlette, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """After a deletion no table has the user's name or an address of theirs, but letters and codes not yet past."""
    assert {"users", "identities", "user_changes"} <= set(await search(database, NAME, ADDRESS, EARLIER))
    await command_line.find("user", "delete", str(busy.id))
    await app.state.parts.housekeeping.finish()
    assert set(await search(database, NAME, ADDRESS, EARLIER)) <= {"letters", "codes"}
    for table in ("letters", "codes"):
        await database.execute(f"UPDATE {table} SET expires_at = now() - interval '2 hours'")  # noqa: S608
    await app.state.parts.housekeeping.finish()
    assert await search(database, NAME, ADDRESS, EARLIER) == []
    for table in ("sessions", "refresh_tokens", "session_cutoffs"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608


async def test_each_table_is_documented(database: asyncpg.Connection) -> None:
    """``docs/operations.md`` says of each table what is kept, and until when; and of none that is not there."""
    assert list_documented(SERVICE) == set(await list_columns(database))
