"""Floods of sign-ins with correct passwords: they take nobody else's turn.

The hash threads are blocked until everybody waits, so that the outcome does not depend on how fast this machine hashes.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence

import asyncpg
import httpx2
import pytest

from auth_service.passwords.cores import count_cores
from auth_service.passwords.hashing import QUEUE_PER_THREAD
from tests.support.guessing import ELSEWHERE, FAR, Replica, sign_in
from tests.support.people import PASSWORD, Person

THREADS = count_cores()
SLOTS = THREADS * (1 + QUEUE_PER_THREAD)
ACCOUNTS = 20


@pytest.fixture
async def own_accounts(database: asyncpg.Connection, newcomer: Person) -> list[str]:
    """Give the e-mail addresses of accounts created by one person, all with the same password."""
    emails = [f"own{number}@example.com" for number in range(ACCOUNTS)]
    await database.executemany(
        "INSERT INTO users (name, email, email_key, password_hash)"
        " SELECT 'Own', $1, $1, password_hash FROM users WHERE id = $2",
        [(email, newcomer.id) for email in emails],
    )
    return emails


@contextlib.asynccontextmanager
async def hashing_held(replica: Replica) -> AsyncIterator[None]:
    """Keep every thread of the replica busy with somebody's hash until the block ends."""
    gate, passwords = threading.Event(), replica[0].state.parts.passwords
    holding = [asyncio.create_task(passwords._run(lambda: gate.wait(60), None)) for _ in range(THREADS)]  # noqa: SLF001
    try:
        yield
    finally:
        gate.set()
        await asyncio.gather(*holding)


def count_shed(replica: Replica) -> float:
    """Return how many hashes a replica refused."""
    return replica[1].registry.get_sample_value("gatepost_password_hashes_shed_total") or 0


async def send_flood(
    client: httpx2.AsyncClient, replica: Replica, emails: Sequence[str]
) -> list["asyncio.Task[httpx2.Response]"]:
    """Return sign-ins from one address that have reached the queue, as many as there are slots.

    They come five at a time: on a slow machine, more would wait too long for a connection to the database.
    """
    sent: list[asyncio.Task[httpx2.Response]] = []
    while len(sent) < len(emails):
        coming = emails[len(sent) : len(sent) + 5]
        sent += [asyncio.create_task(sign_in(client, email, PASSWORD, ELSEWHERE)) for email in coming]
        await wait_until_queued(replica, min(len(sent), SLOTS - THREADS))
    return sent


async def wait_until_queued(replica: Replica, hashes: int) -> None:
    """Return when that many hashes are waiting for a thread."""
    queue = replica[0].state.parts.passwords._threads._queue  # noqa: SLF001 - no metric tells it
    async with asyncio.timeout(30):
        while len(queue) < hashes:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


async def wait_until_answered(requests: Sequence["asyncio.Task[httpx2.Response]"], number: int) -> None:
    """Return when that many of the requests have been answered."""
    async with asyncio.timeout(30):
        while sum(request.done() for request in requests) < number:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


async def test_one_address_does_not_take_sign_in_from_another(
    guarded: httpx2.AsyncClient, newcomer: Person, own_accounts: list[str], replicas: list[Replica]
) -> None:
    """While one address fills the queue with correct passwords, a person elsewhere gets in, each time, and soon.

    So does somebody who signs up. That many of the flood's requests get 503, with ``Retry-After``, and so do all that
    find no slot.
    """
    for _ in range(3):
        async with asyncio.timeout(60):
            async with hashing_held(replicas[0]):
                mine = own_accounts * 5
                flood = await send_flood(guarded, replicas[0], mine)
                person = asyncio.create_task(sign_in(guarded, newcomer.email, PASSWORD, FAR))
                await wait_until_answered(flood, len(mine) - (SLOTS - THREADS) + 1)
                assert not person.done()
            assert (await person).status_code == 200
            answers = await asyncio.gather(*flood)
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(refused) >= len(mine) - (SLOTS - THREADS) + 1
        assert all(answer.headers["retry-after"] for answer in refused)
        assert {answer.status_code for answer in answers} <= {200, 503}
        await wait_until_idle(replicas[0])


async def test_an_address_may_have_all_slots_while_nobody_else_wants_one(
    guarded: httpx2.AsyncClient, own_accounts: list[str], replicas: list[Replica]
) -> None:
    """From an office behind one address as many can sign in at once as there are slots, if nobody else does."""
    before = count_shed(replicas[0])
    emails = (own_accounts * SLOTS)[: min(SLOTS - THREADS, 5 * ACCOUNTS)]
    async with hashing_held(replicas[0]):
        office = await send_flood(guarded, replicas[0], emails)
        assert count_shed(replicas[0]) == before
    await asyncio.gather(*office)
    await wait_until_idle(replicas[0])


async def wait_until_idle(replica: Replica) -> None:
    """Return when the replica hashes nothing: hashes that have started go on after their requests have gone."""
    async with asyncio.timeout(30):
        while replica[1].registry.get_sample_value("gatepost_password_hashes_pending"):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)
