"""Floods of sign-ins with right passwords: they take nobody else's turn."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from auth_service.cores import count_cores
from auth_service.passwords import QUEUE_PER_THREAD
from tests.support.guessing import ELSEWHERE, FAR, HOME, Replica, sign_in
from tests.support.people import PASSWORD, Person

SLOTS = count_cores() * (1 + QUEUE_PER_THREAD)
ACCOUNTS = 20


@pytest.fixture
async def own_accounts(guarded: httpx2.AsyncClient, database: asyncpg.Connection, newcomer: Person) -> list[str]:
    """Give the e-mail addresses of accounts that somebody made, all with one password."""
    emails = [f"own{number}@example.com" for number in range(ACCOUNTS)]
    await database.executemany(
        "INSERT INTO users (name, email, email_key, password_hash)"
        " SELECT 'Own', $1, $1, password_hash FROM users WHERE id = $2",
        [(email, newcomer.id) for email in emails],
    )
    del guarded
    return emails


@contextlib.asynccontextmanager
async def flooding(client: httpx2.AsyncClient, emails: list[str], statuses: list[int]) -> AsyncIterator[None]:
    """Sign in with right passwords from one address, twice as often at once as there are slots."""

    async def repeat(email: str) -> None:
        while True:
            statuses.append((await sign_in(client, email, PASSWORD, ELSEWHERE)).status_code)
            await asyncio.sleep(0.01)  # a refusal waits for nothing, and there is one loop for both sides

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(repeat(emails[number % ACCOUNTS])) for number in range(2 * SLOTS)]
        async with asyncio.timeout(20):
            while 503 not in statuses:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def wait_until_idle(replica: Replica) -> None:
    """Return when the replica hashes nothing: what was begun goes on without those who asked for it."""
    async with asyncio.timeout(20):
        while replica[1].registry.get_sample_value("gatepost_password_hashes_pending"):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


async def test_one_address_does_not_take_sign_in_from_another(
    guarded: httpx2.AsyncClient, newcomer: Person, own_accounts: list[str], replicas: list[Replica]
) -> None:
    """While one address signs in to its twenty accounts as fast as it can, each person elsewhere gets in, each time.

    Signing up and changing a password are the same. Who floods gets 503 with when to try again, and all the rest.
    """
    statuses: list[int] = []
    async with flooding(guarded, own_accounts, statuses):
        for number in range(8):
            answer = await sign_in(guarded, newcomer.email, PASSWORD, FAR)
            assert answer.status_code == 200
            body = {"name": "Eve", "email": f"eve{number}@example.com", "password": PASSWORD}
            created = await guarded.post("/api/user", json=body, headers={"x-forwarded-for": f"192.0.2.{number}"})
            assert created.status_code == 201
        change = {"currentPassword": PASSWORD, "newPassword": PASSWORD + " staple"}
        headers = {"authorization": answer.json()["accessToken"], "x-forwarded-for": HOME}
        assert (await guarded.post("/api/me/password", json=change, headers=headers)).status_code == 204
    assert set(statuses) <= {200, 429, 503}
    assert statuses.count(200) > 20
    await wait_until_idle(replicas[0])
    assert (replicas[0][1].registry.get_sample_value("gatepost_password_hashes_shed_total") or 0) > 0


async def test_an_address_may_have_all_slots_while_nobody_else_wants_one(
    guarded: httpx2.AsyncClient, own_accounts: list[str]
) -> None:
    """An office behind one address signs in as many at once as there are slots, when nobody else does."""
    emails = own_accounts * (SLOTS // ACCOUNTS)
    answers = await asyncio.gather(*(sign_in(guarded, email, PASSWORD, HOME) for email in emails))
    assert [answer.status_code for answer in answers] == [200] * len(emails)
