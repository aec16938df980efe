"""Guessing passwords over HTTP from different addresses, and the resulting counts."""

import datetime as dt
import time

import asyncpg
import httpx2
from starlette.applications import Starlette

from shared.observing.metrics import Metrics
from shared.tokens.device_cookie import LastSignIn, device_cookie_name

HOME, ELSEWHERE, FAR = "203.0.113.1", "198.51.100.1", "192.0.2.1"
DEFAULTS = {
    "sign_in_failures_per_account": 5,
    "sign_in_failures_per_address": 100,
    "sign_in_failures_in_a_row": 100,
    "sign_ups_per_hour": 60,
    "client_logs_per_minute": 60,
    "token_refreshes_per_hour": 120,
    "renames_per_hour": 60,
}
WRONG = "not the password"

Replica = tuple[Starlette, Metrics]


async def sign_in(
    client: httpx2.AsyncClient, email: str, password: str = WRONG, address: str = ELSEWHERE
) -> httpx2.Response:
    """Try to sign in from an address."""
    headers = {"x-forwarded-for": address}
    return await client.post("/api/login", json={"username": email, "password": password}, headers=headers)


async def fail(client: httpx2.AsyncClient, email: str, times: int, address: str = ELSEWHERE) -> None:
    """Fail to sign in, each time with a 401."""
    for _ in range(times):
        assert (await sign_in(client, email, address=address)).status_code == 401


async def hold_still(database: asyncpg.Connection) -> None:
    """Date the last failures half a minute ahead, so that no verdict depends on how fast this test runs."""
    await database.execute("UPDATE attempts SET last_at = clock_timestamp() + interval '30 seconds'")


async def pass_time(database: asyncpg.Connection, seconds: int) -> None:
    """Let so many seconds pass for all counts."""
    span = dt.timedelta(seconds=seconds)
    await database.execute("UPDATE attempts SET last_at = last_at - $1::interval, since = since - $1::interval", span)


async def spend_address(database: asyncpg.Connection) -> None:
    """Let the addresses that failed have failed a hundred times within a quarter of an hour."""
    spent = "UPDATE attempts SET since = clock_timestamp() + interval '15 minutes' WHERE since > clock_timestamp()"
    assert await database.execute(spent) != "UPDATE 0"


def device_of(replicas: list[Replica], person_id: int) -> dict[str, str]:
    """Return the device cookie of a browser that has been signed in to somebody's account."""
    device = LastSignIn(person_id, "018f4a4e-0000-4000-8000-0123456789ab")
    return {device_cookie_name(secure=False): replicas[0][0].state.parts.devices.make(device, int(time.time()))}
