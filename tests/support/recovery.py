"""Getting back in by mail, in short functions: what a client sends, and what stands in the letters."""

import asyncpg
import httpx2

from tests.support.letters import find_code, forget_letters

ASK, CONFIRM = "/api/password-reset", "/api/password-reset/confirm"
NEW_PASSWORD = "staple battery horse"
FLOW_COOKIE = "gatepost.flow"


async def ask(client: httpx2.AsyncClient, email: str, address: str = "203.0.113.1") -> httpx2.Response:
    """Ask for a code from an address."""
    return await client.post(ASK, json={"email": email}, headers={"x-forwarded-for": address})


async def confirm(
    client: httpx2.AsyncClient, email: str, code: str, password: str = NEW_PASSWORD, address: str = "203.0.113.1"
) -> httpx2.Response:
    """Set a new password with a code, from an address."""
    body = {"email": email, "code": code, "password": password}
    return await client.post(CONFIRM, json=body, headers={"x-forwarded-for": address})


async def get_code(client: httpx2.AsyncClient, database: asyncpg.Connection, email: str) -> str:
    """Ask for a code, as if for the first time in a day, and return it from the letter."""
    await forget_letters(database)
    assert (await ask(client, email)).status_code == 202
    return await find_code(database)
