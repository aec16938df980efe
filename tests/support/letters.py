"""Letters that wait in their table, as a service with mail writes them."""

import json
from dataclasses import dataclass

import asyncpg

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
