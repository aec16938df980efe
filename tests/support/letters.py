"""Letters that wait in their table, as a service with mail writes them."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.services import auth_settings, running

NOBODY_LISTENS = 9  # the port of the discard protocol
WITH_MAIL = {
    "smtp_url": f"smtp://127.0.0.1:{NOBODY_LISTENS}?tls=none",
    "mail_from": "Gatepost <no-reply@example.com>",
    "email_sign_in": True,
    "letter_pause": 1,
    "letters_per_hour": 10_000,
    "letters_per_day": 10_000,
    "letters_per_client": 10_000,
}
"""Settings of a service whose letters stay where they are: nobody takes them, and the limits are far."""
NO_DATABASE = "postgresql://nobody@/nothing?host=/nowhere"


@contextlib.asynccontextmanager
async def running_with_mail(database_url: str, **changes: object) -> AsyncIterator[Starlette]:
    """Give a running auth service with mail, whose letters stay in their table: nobody delivers them."""
    settings = auth_settings(database_url, **{**WITH_MAIL, **changes})
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        await app.state.parts.delivery.stop()
        yield app


@contextlib.asynccontextmanager
async def running_without_database(**changes: object) -> AsyncIterator[Starlette]:
    """Give a running auth service with mail whose database can't be reached."""
    settings = auth_settings(NO_DATABASE, **{**WITH_MAIL, **changes})
    async with running(create_app(settings, Metrics())) as app:
        yield app


@dataclass(frozen=True, slots=True)
class WaitingLetter:
    """A letter that waits."""

    kind: str
    address: str
    language: str
    facts: dict[str, str]


async def list_letters(database: asyncpg.Connection) -> list[WaitingLetter]:
    """Return all letters that wait, the oldest first."""
    rows = await database.fetch("SELECT kind, address, language, facts FROM letters ORDER BY id")
    return [WaitingLetter(row["kind"], row["address"], row["language"], json.loads(row["facts"])) for row in rows]


async def find_letter(database: asyncpg.Connection) -> WaitingLetter:
    """Return the newest letter."""
    return (await list_letters(database))[-1]


async def find_code(database: asyncpg.Connection) -> str:
    """Return the code in the newest letter that has one."""
    codes = [letter.facts["code"] for letter in await list_letters(database) if "code" in letter.facts]
    return codes[-1]


async def forget_letters(database: asyncpg.Connection) -> None:
    """Let every address be written to again at once."""
    await database.execute("DELETE FROM attempts")


def change_code(code: str) -> str:
    """Return another code."""
    return ("A" if code[0] != "A" else "B") + code[1:]
