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
