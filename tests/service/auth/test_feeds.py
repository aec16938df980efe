"""The feeds that other services follow: every event appears once it is committed, in order, and none is skipped."""

import asyncio
import contextlib
import datetime as dt
import itertools
import random
import signal
import time
import uuid
from typing import Any

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from auth_service.tables.revocations import insert_revocations, list_revocations
from auth_service.tables.sessions import SessionId
from auth_service.verifiers import long_poll
from shared.postgres.database import Connection
from tests.service.auth.test_internal import service_token
from tests.support.listening import listening
from tests.support.people import PASSWORD, Person, sign_up_and_in

CHANGES = "/internal/users/changes"
REVOCATIONS = "/internal/revocations"
WRITERS = 40
TTL = dt.timedelta(hours=1)
PERSONAL = ("users", "sessions", "refresh_tokens", "attempts", "user_changes", "revocations")


Page = dict[str, Any]


async def read(client: httpx2.AsyncClient, path: str, after: int = 0, wait: float = 0) -> Page:
    """Return a page of a feed."""
    answer = await client.get(path, params={"after": after, "wait": wait}, headers=service_token())
    assert answer.status_code == 200
    page: Page = answer.json()
    return page


async def sign_out(client: httpx2.AsyncClient, person: Person) -> None:
    """End the session of somebody's token."""
    assert (await client.post("/api/logout", headers=person.bearer)).status_code == 204


async def test_who_signs_up_is_told_of(client: httpx2.AsyncClient, ada: Person) -> None:
    """Each new user is a change, in order; ``last`` is where the next page begins."""
    grace = await sign_up_and_in(client, "Grace")
    told = [{"id": person.id, "name": person.name, "email": person.email} for person in (ada, grace)]
    page = await read(client, CHANGES)
    assert page == {
        "changes": [{"id": number, "kind": "created", "user": user} for number, user in enumerate(told, start=1)],
        "last": 2,
        "epoch": page["epoch"],
        "purged": 0,
    }
    assert await read(client, CHANGES, after=1) == {**page, "changes": page["changes"][1:]}
    assert await read(client, CHANGES, after=2) == {**page, "changes": []}


async def test_an_ended_session_is_told_of(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signing out is a revocation of that session until its last token has expired, however late that was signed.

    A minute is left for a request under way and for clocks that differ. Signing out again is no second revocation.
    """
    await sign_out(client, ada)
    await sign_out(client, ada)
    page = await read(client, REVOCATIONS)
    (ended,) = page["revocations"]
    assert (ended["id"], ended["sid"]) == (1, ada.session_id)
    assert 3650 < int(str(ended["until"])) - time.time() <= 3661


async def test_a_revocation_that_no_longer_matters_is_forgotten(
    client: httpx2.AsyncClient, app: Starlette, ada: Person, database: asyncpg.Connection
) -> None:
    """Once all tokens of its session have expired, a revocation is not sent but deleted, and its number not reused."""
    await sign_out(client, ada)
    await database.execute("UPDATE revocations SET until = now()")
    page = await read(client, REVOCATIONS)
    assert page == {"revocations": [], "last": 0, "epoch": page["epoch"], "since": 0}
    grace = await sign_up_and_in(client, "Grace")
    await sign_out(client, grace)
    assert (await read(client, REVOCATIONS))["last"] == 2
    await app.state.parts.housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM revocations") == 1


async def test_who_has_gone_is_not_waited_for(app: Starlette, ada: Person) -> None:
    """A poll whose client has disconnected ends long before its time, so that the service can stop."""
    del ada  # the database is there, and empty of revocations
    headers = [(name.lower().encode(), value.encode()) for name, value in service_token().items()]
    scope = {"type": "http", "method": "GET", "path": REVOCATIONS, "query_string": b"wait=6", "headers": headers}
    came = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(came, {"type": "http.disconnect"})

    async def send(_: Message) -> None:
        """Discard the answer."""

    async with asyncio.timeout(4):
        await app(scope, receive, send)


async def test_who_waits_is_answered_when_the_service_ends(app: Starlette, ada: Person) -> None:
    """A poll is answered long before its time once the service is told to stop, which need not wait for it."""
    del ada  # the database is there, and empty of revocations
    async with contextlib.AsyncExitStack() as serving:
        url, server = await serving.enter_async_context(listening(app))
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            waiting = asyncio.create_task(read(client, REVOCATIONS, wait=6))
            await asyncio.sleep(0.3)
            server.handle_exit(signal.SIGTERM, None)
            async with asyncio.timeout(4):
                await serving.aclose()
            assert (await waiting)["revocations"] == []


async def test_a_poll_is_answered_when_something_happens(client: httpx2.AsyncClient, ada: Person) -> None:
    """A waiting poll is answered as soon as there is an event."""
    waiting = asyncio.create_task(read(client, REVOCATIONS, wait=6))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await sign_out(client, ada)
    page = await asyncio.wait_for(waiting, 5)
    assert [ended["sid"] for ended in page["revocations"]] == [ada.session_id]


@pytest.mark.parametrize("path", [CHANGES, REVOCATIONS])
async def test_a_poll_holds_no_connection(client: httpx2.AsyncClient, app: Starlette, path: str) -> None:
    """With more polls than the pool has connections, the service still works."""
    polls = [asyncio.create_task(read(client, path, after=0, wait=1)) for _ in range(50)]
    await asyncio.sleep(0.2)
    async with app.state.parts.database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert [page["last"] for page in await asyncio.gather(*polls)] == [0] * 50


@pytest.mark.parametrize("path", [CHANGES, REVOCATIONS])
async def test_a_past_that_is_gone_shows(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """A follower of the previous release whose position was never given out is told at once to start over."""
    await sign_out(client, ada)
    assert (await asyncio.wait_for(read(client, path, after=1000, wait=6), 5))["last"] == 0


@pytest.mark.parametrize("path", [CHANGES, REVOCATIONS])
@pytest.mark.parametrize("query", ["after=-1", "after=x", "wait=-1", "wait=6.1", "wait=nan", f"after={2**63}"])
async def test_a_bad_question_is_refused(client: httpx2.AsyncClient, path: str, query: str) -> None:
    """A number or a wait out of bounds is 422."""
    assert (await client.get(f"{path}?{query}", headers=service_token())).status_code == 422


@pytest.mark.parametrize("path", [CHANGES, REVOCATIONS])
async def test_only_services_may_follow(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Without a service token: 401; a user's is none."""
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=ada.bearer)).status_code == 401


async def test_nothing_is_passed_over(database: asyncpg.Connection, auth_database_url: str) -> None:
    """However the transactions of many writers overlap, a reader that goes on from the last number sees every entry."""
    del database  # it has been emptied
    pool = await asyncpg.create_pool(auth_database_url, min_size=10, max_size=10)
    written = [SessionId(uuid.uuid4()) for _ in range(WRITERS)]
    chance = random.Random(1)  # noqa: S311 - the same order in each run; no secret

    async def write(session_id: SessionId) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await asyncio.sleep(chance.random() / 50)
            await insert_revocations(connection, [session_id], TTL)
            await asyncio.sleep(chance.random() / 50)

    async def follow() -> list[SessionId]:
        seen: list[SessionId] = []
        last = 0
        while len(seen) < WRITERS:
            async with pool.acquire() as connection:
                for entry in await list_revocations(connection, last):
                    seen.append(entry.session_id)
                    last = entry.id
        return seen

    async with asyncio.timeout(30):
        seen, *_ = await asyncio.gather(follow(), *(write(session_id) for session_id in written))
    await pool.close()
    assert sorted(seen) == sorted(written)


async def test_of_a_user_only_the_last_change_is_kept(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A new name replaces the old one; a deleted user leaves an id in the feed, but no name and no address.

    A reader that continues from before, or starts over, ends up with the current state.
    """
    for name in ("Ada King", "Ada Byron"):
        await client.patch("/api/me", json={"name": name}, headers=ada.bearer)
    told = (await read(client, CHANGES))["changes"]
    assert [(change["id"], change["kind"], change["user"]["name"]) for change in told] == [(3, "renamed", "Ada Byron")]
    assert (await read(client, CHANGES, after=2))["changes"] == told
    await client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=ada.bearer)
    for after in range(4):
        page = await read(client, CHANGES, after=after)
        assert page["changes"] == [{"id": 4, "kind": "deleted", "user": {"id": ada.id}}]
    kept = str([await database.fetch(f"TABLE {table}") for table in PERSONAL])
    assert [text for text in (ada.email, "Ada") if text in kept] == []


async def test_polls_at_rest_share_their_looks(
    client: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many followers wait, the newest entry is queried twice a second in all, not five times for each."""
    del ada
    looks: list[float] = []
    find_marks = long_poll._get_marks  # noqa: SLF001 - it is counted, and does what it does

    async def find_and_count(connection: Connection) -> long_poll.Marks:
        looks.append(time.monotonic())
        return await find_marks(connection)

    monkeypatch.setattr(long_poll, "_get_marks", find_and_count)
    place = {CHANGES: (await read(client, CHANGES))["last"], REVOCATIONS: (await read(client, REVOCATIONS))["last"]}
    await asyncio.gather(*(read(client, path, after=place[path], wait=2) for path in (CHANGES, REVOCATIONS) * 10))
    assert 1 <= len(looks) <= 5
    assert all(later - earlier >= long_poll.LOOK_EVERY for earlier, later in itertools.pairwise(looks))
