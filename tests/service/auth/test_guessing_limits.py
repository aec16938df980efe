"""The guessing limits over HTTP, on two replicas that share the database."""

import asyncio
import datetime as dt
import re

import asyncpg
import httpx2
import pytest

from auth_service.clients import Client
from auth_service.guessing import rules
from auth_service.passwords.cores import count_cores
from auth_service.passwords.fair_queue import Owner
from auth_service.passwords.hashing import QUEUE_PER_THREAD, RETRY_AFTER
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.guessing import (
    ELSEWHERE,
    FAR,
    HOME,
    WRONG,
    Replica,
    device_of,
    fail,
    hold_still,
    pass_time,
    sign_in,
    spend_address,
)
from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person
from tests.support.services import client_of

HOUR = dt.timedelta(hours=1)
WAITING = """
    SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND query LIKE '%INSERT INTO sessions%'
"""  # sign-ins, not the housekeeping


@pytest.fixture
async def ada(newcomer: Person) -> Person:
    """Give somebody who has signed up at home and never signed in."""
    return newcomer


def count_pending(metrics: Metrics) -> float:
    """Return how many slots of a replica are taken."""
    return metrics.registry.get_sample_value("gatepost_password_hashes_pending") or 0


def count_throttled(metrics: Metrics, reason: str) -> float | None:
    """Return how many refusals a replica counted for a reason."""
    return metrics.registry.get_sample_value("gatepost_throttled_total", {"reason": reason})


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_the_sixth_try_waits_whoever_it_names(
    guarded: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    replicas: list[Replica],
    email: str,
) -> None:
    """After five failures the next try is 429 with ``Retry-After``, on every replica, even with the right password."""
    assert ada.email == "ada@example.com"
    await fail(guarded, email, 5)
    await hold_still(database)
    async with client_of(replicas[1][0]) as other_replica:
        before = count_throttled(replicas[1][1], "sign_in_account_at_address") or 0
        answer = await sign_in(other_replica, f" {email.upper()}\t", PASSWORD)
    assert answer.status_code == 429
    wait = int(answer.headers["retry-after"])
    assert answer.json() == {"error": "Too many attempts. Try again later", "retryAfter": wait}
    assert 1 <= wait <= 31
    assert count_throttled(replicas[1][1], "sign_in_account_at_address") == before + 1


async def test_one_address_keeps_nobody_out_elsewhere(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Trying an account once a minute from one address gets 20 tries, then one an hour; the owner gets in elsewhere.

    Even after days of that: a single address never reaches the hundred failures that close an account.
    """
    for _ in range(20):
        await fail(guarded, ada.email, 1)
        await pass_time(database, 60)
    assert 3400 < (await sign_in(guarded, ada.email, PASSWORD)).json()["retryAfter"] <= 3600
    for _ in range(30):
        await pass_time(database, 3600)
        await fail(guarded, ada.email, 1)
    assert await database.fetchval("SELECT max(in_a_row) FROM attempts") < 60
    assert (await sign_in(guarded, ada.email, PASSWORD, FAR)).status_code == 200
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 429


async def test_strangers_together_get_a_hundred_tries(
    guarded: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    replicas: list[Replica],
) -> None:
    """After a hundred failures in a row an account is closed for a day to addresses without an earlier sign-in to it.

    Not to one with a sign-in, nor to a browser that was signed in to it; these have counts of their own.
    """
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    for number in range(6):
        await fail(guarded, ada.email, 1, f"192.0.2.{number}")
    await database.execute("UPDATE attempts SET in_a_row = 100 WHERE in_a_row = 6")
    refused = await sign_in(guarded, ada.email, PASSWORD, FAR)
    assert refused.status_code == 429
    assert refused.json()["retryAfter"] > 80_000
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    guarded.cookies.update(device_of(replicas, ada.id + 1))
    assert (await sign_in(guarded, ada.email, PASSWORD, FAR)).status_code == 429
    guarded.cookies.clear()
    guarded.cookies.update(device_of(replicas, ada.id))
    assert (await sign_in(guarded, ada.email, PASSWORD, FAR)).status_code == 200


async def test_a_neighbour_does_not_lock_out_a_known_browser(
    guarded: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    replicas: list[Replica],
) -> None:
    """Guessing from the owner's own address closes that address, for an hour at most, but not the owner's browser.

    The browser has five failures of its own.
    """
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    await fail(guarded, ada.email, 5, HOME)
    await database.execute("UPDATE attempts SET in_a_row = 1000")
    assert 3500 < (await sign_in(guarded, ada.email, PASSWORD, HOME)).json()["retryAfter"] <= 3600
    guarded.cookies.update(device_of(replicas, ada.id))
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    await fail(guarded, ada.email, 5, HOME)
    await hold_still(database)
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 429


async def test_an_address_alone_holds_back_no_right_password(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """From an address with a hundred failures one can sign in to an account without any; one with a failure waits."""
    for number in range(10):
        await fail(guarded, f"user{number}@example.com", 1)
    await spend_address(database)
    await hold_still(database)
    assert (await sign_in(guarded, "user0@example.com")).status_code == 429
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200
    assert (await sign_in(guarded, "user0@example.com", address=FAR)).status_code == 401


async def test_neighbours_in_ipv6_are_one_address(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The owner of a /64 can't use its addresses one after the other."""
    for number in range(5):
        await fail(guarded, "user@example.com", 1, f"2001:db8::{number}")
    await hold_still(database)
    assert (await sign_in(guarded, "user@example.com", address="2001:db8::9:9")).status_code == 429
    assert (await sign_in(guarded, "user@example.com", address="2001:db8:0:1::9")).status_code == 401


@pytest.mark.parametrize(("addresses", "before", "let_in"), [(1, 0, 5), (30, 95, 5)])
async def test_tries_at_once_get_no_further(
    guarded: httpx2.AsyncClient,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    addresses: int,
    before: int,
    let_in: int,
) -> None:
    """Of thirty simultaneous tries, from one address or thirty, no more are admitted than in sequence.

    The shortest wait is a minute instead of a second, which a slow machine takes for them.
    """
    monkeypatch.setattr(rules, "_SECOND", dt.timedelta(minutes=1))
    if before:
        await fail(guarded, "ada@example.com", 1)
        await database.execute("UPDATE attempts SET in_a_row = $1, last_at = clock_timestamp()", before)
    tries = [sign_in(guarded, "ada@example.com", address=f"10.0.0.{number % addresses}") for number in range(30)]
    answers = await asyncio.gather(*tries)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (let_in, 30 - let_in)
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    assert await database.fetchval("SELECT max(in_a_row) FROM attempts") == before + let_in
    assert await database.fetchval("SELECT sum(pending) FROM attempts") == 0


@pytest.mark.parametrize("is_known", [False, True])
async def test_right_sign_ins_at_once_all_succeed(
    guarded: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    replicas: list[Replica],
    *,
    is_known: bool,
) -> None:
    """Thirty simultaneous correct sign-ins to one account, on two replicas, make thirty sessions and no failure."""
    if is_known:
        assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200
    async with client_of(replicas[1][0]) as other_replica:
        clients = [guarded, other_replica] * 15
        answers = await asyncio.gather(*(sign_in(client, ada.email, PASSWORD) for client in clients))
    assert [answer.status_code for answer in answers] == [200] * 30
    rows = await database.fetch("SELECT DISTINCT recent, in_a_row, pending FROM attempts WHERE last_at > since")
    assert [tuple(row.values()) for row in rows] in ([], [(0, 0, 0)])


async def test_a_try_that_was_lost_keeps_nobody_waiting(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Tries of a replica that died count as failed: after ten seconds nobody waits for them any more."""
    await fail(guarded, ada.email, 5)
    await database.execute("UPDATE attempts SET pending = 5, recent = 12, last_at = now() - interval '11 seconds'")
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 429
    await pass_time(database, 60)
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200
    assert await database.fetchval("SELECT sum(pending) FROM attempts WHERE is_known") == 0


async def test_a_known_address_has_a_limit_too(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Where the owner signed in before, five failures make the next try wait; a success resets them."""
    await sign_in(guarded, ada.email, PASSWORD, HOME)
    await fail(guarded, ada.email, 4, HOME)
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    await fail(guarded, ada.email, 5, HOME)
    await hold_still(database)
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 429


async def test_a_success_of_ones_own_buys_no_guesses(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Signing in to one's own account between guesses at others gives back none of those tries."""
    for _ in range(5):
        assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200
        await fail(guarded, "user@example.com", 1)
    await hold_still(database)
    assert (await sign_in(guarded, "user@example.com")).status_code == 429


async def test_a_wait_ends(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """When the wait is over one try is let in, and counted; the next one has to wait again."""
    await fail(guarded, "nobody@example.com", 5)
    await pass_time(database, 60)
    await fail(guarded, "nobody@example.com", 1)
    assert await database.fetchval("SELECT max(recent) FROM attempts") == 6
    await hold_still(database)
    assert (await sign_in(guarded, "nobody@example.com")).status_code == 429


async def test_a_refusal_is_kept_once(guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The first refusal after each counted try is an audit line; a flood is one line and does not count."""
    await fail(guarded, ada.email, 5)
    await hold_still(database)
    for _ in range(3):
        assert (await sign_in(guarded, ada.email)).status_code == 429
    rows = await database.fetch("SELECT user_id, host(address) AS address FROM audit WHERE event = 'sign_in_throttled'")
    assert [tuple(row.values()) for row in rows] == [(ada.id, ELSEWHERE)]
    assert await database.fetchval("SELECT max(recent) FROM attempts") == 5


async def test_no_address_is_kept_in_the_clear(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The table of attempts contains neither e-mail nor IP addresses."""
    await fail(guarded, "nobody@example.com", 1)
    rows = " ".join(map(str, await database.fetch("SELECT * FROM attempts")))
    assert "nobody" not in rows
    assert ELSEWHERE not in rows


async def test_next_auth_is_told(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The callback returns 429: in JSON mode with ``error=TooManyAttempts``, for a form with an alert on the page."""
    for _ in range(5):
        assert (await next_auth.sign_in(guarded, "nobody@example.com", WRONG)).status_code == 401
    await hold_still(database)
    answer = await next_auth.sign_in(guarded, "nobody@example.com", WRONG)
    assert answer.status_code == 429
    assert answer.json()["url"].endswith("/api/auth/error?error=TooManyAttempts&provider=credentials")
    assert str(answer.json()["retryAfter"]) == answer.headers["retry-after"]
    shown = await guarded.get(answer.json()["url"])
    assert shown.headers["location"].endswith("/api/auth/signin?error=TooManyAttempts")
    page = await next_auth.sign_in(guarded, "nobody@example.com", WRONG, json="false")
    assert page.status_code == 429
    assert 1 <= int(page.headers["retry-after"]) <= 31
    assert re.search(r'role="alert"[^>]*>\s*Too many attempts', page.text)


async def use_up(database: asyncpg.Connection, period: dt.timedelta) -> None:
    """Use up all allowances of which anything was used: each bucket is full again after ``period``."""
    used = "UPDATE attempts SET since = clock_timestamp() + $1::interval WHERE since > clock_timestamp()"
    assert await database.execute(used, period) != "UPDATE 0"


async def test_sign_ups_have_a_limit(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection, replicas: list[Replica]
) -> None:
    """After sixty sign-ups from an address there is one a minute: until then 429, as JSON and on the page, audited."""
    body = {"name": "Ada", "email": "first@example.com", "password": PASSWORD}
    assert (await guarded.post("/api/user", json=body)).status_code == 201
    await use_up(database, HOUR)
    answer = await guarded.post("/api/user", json={**body, "email": "second@example.com"})
    assert answer.status_code == 429
    assert 1 <= answer.json()["retryAfter"] == int(answer.headers["retry-after"]) <= 60
    form = {**body, "email": "second@example.com", "csrfToken": await next_auth.get_csrf_token(guarded)}
    page = await guarded.post("/signup", data=form)
    assert page.status_code == 429
    assert "retry-after" in page.headers
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_up_throttled'") == 1
    assert count_throttled(replicas[0][1], "sign_up") == 2
    far = await guarded.post("/api/user", json={**body, "email": "third@example.com"}, headers={"x-forwarded-for": FAR})
    assert far.status_code == 201
    await pass_time(database, 60)
    assert (await guarded.post("/api/user", json={**body, "email": "second@example.com"})).status_code == 201


async def test_client_logs_have_a_limit(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """After sixty lines from an address there is one a second; until then 429."""
    assert (await guarded.post("/api/auth/_log", data={"level": "error"})).status_code == 200
    await use_up(database, dt.timedelta(minutes=2))  # as if after a long flood: a second passes while this test runs
    assert (await guarded.post("/api/auth/_log", data={"level": "error"})).status_code == 429


async def test_refreshes_have_a_limit(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, replicas: list[Replica]
) -> None:
    """After 120 refresh tokens a session gets one per 30 seconds; no other session waits, and the token stays valid."""
    tokens = [(await sign_in(guarded, ada.email, PASSWORD)).json()["refreshToken"] for _ in range(2)]

    async def refresh(token: str) -> httpx2.Response:
        return await guarded.post("/api/token", json={"refreshToken": token})

    await database.execute("DELETE FROM attempts")
    first = await refresh(tokens[0])
    await use_up(database, HOUR)
    newest = first.json()["refreshToken"]
    refused = await refresh(newest)
    assert refused.status_code == 429
    assert 1 <= refused.json()["retryAfter"] == int(refused.headers["retry-after"]) <= 30
    assert count_throttled(replicas[0][1], "token_refresh") == 1
    assert (await refresh(tokens[0])).json()["refreshToken"] == newest  # a repeat makes none
    assert (await refresh(tokens[1])).status_code == 200
    await pass_time(database, 30)
    assert (await refresh(newest)).status_code == 200


async def test_renames_have_a_limit(guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """After 60 new names there is one a minute; until then 429, as JSON and on the page. The same name is none."""
    await next_auth.sign_in(guarded, ada.email)
    token = (await sign_in(guarded, ada.email, PASSWORD)).json()["accessToken"]
    await database.execute("DELETE FROM attempts")

    async def rename(name: str) -> int:
        return (await guarded.patch("/api/me", json={"name": name}, headers={"authorization": token})).status_code

    assert await rename("Ada King") == 200
    await use_up(database, HOUR)
    assert (await rename("Ada Lovelace"), await rename("Ada King")) == (429, 200)
    form = read_forms((await guarded.get("/account")).text)["/account"].fields
    page = await guarded.post("/account", data=form | {"name": "Ada Lovelace"})
    assert (page.status_code, "Too many attempts" in page.text) == (429, True)
    assert await database.fetchval("SELECT name FROM users") == "Ada King"
    assert await database.fetchval("SELECT count(*) FROM user_changes WHERE kind = 'renamed'") == 1


async def test_a_try_that_finds_no_room_writes_nothing(
    guarded: httpx2.AsyncClient, replicas: list[Replica], database: asyncpg.Connection
) -> None:
    """When too many hashes are waiting, a try is refused (503) before anything is done for it."""
    passwords = replicas[0][0].state.parts.passwords
    passwords._taken[Owner()] += 10_000  # noqa: SLF001 - as under a flood
    try:
        assert (await sign_in(guarded, "nobody@example.com")).status_code == 503
    finally:
        passwords._taken[Owner()] -= 10_000  # noqa: SLF001
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0


async def test_who_is_sent_away_in_a_flood_has_not_failed(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Tries in a flood that found no slot (503) do not count as failures."""
    people = [(f"person{number}@example.com", f"198.51.100.{number}") for number in range(120)]
    answers = await asyncio.gather(*(sign_in(guarded, email, address=address) for email, address in people))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 503}
    counted = await database.fetchval("SELECT sum(recent) FROM attempts")
    assert counted == 3 * statuses.count(401)  # for the account here and anywhere, and for the address


async def test_who_waits_for_the_database_has_a_slot_too(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection, replicas: list[Replica]
) -> None:
    """While all slots are held by tries that wait for the database, the next try is refused without it."""
    slots = count_cores() * (1 + QUEUE_PER_THREAD)
    async with database.transaction():
        await database.execute("LOCK TABLE attempts")
        waiting = [asyncio.create_task(sign_in(guarded, f"person{number}@example.com")) for number in range(slots)]
        async with asyncio.timeout(30):
            while count_pending(replicas[0][1]) < slots:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        refused = await sign_in(guarded, "nobody@example.com")
        assert refused.json() == {
            "error": "Too many people are signing in right now. Try again",
            "retryAfter": RETRY_AFTER,
        }
        assert refused.headers["retry-after"] == str(RETRY_AFTER)
        assert (await guarded.get("/livez")).status_code == 200
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    assert count_pending(replicas[0][1]) == 0


async def wait_for_counts(database: asyncpg.Connection, recent: int) -> None:
    """Return when every count has this value."""
    async with asyncio.timeout(90):
        while await database.fetchval("SELECT count(*) FROM attempts WHERE recent + pending <> $1", recent):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_given_up", [False, True])
async def test_a_try_that_nobody_decided_has_not_failed(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, *, is_given_up: bool
) -> None:
    """If the database fails after the password was verified, or the request is cancelled, the try is given back."""
    # That of the sign-up; the lock first, so that what still writes there does not wait for us while we wait for it.
    await database.execute("LOCK TABLE attempts IN EXCLUSIVE MODE; DELETE FROM attempts")
    async with database.transaction():
        await database.execute("LOCK TABLE sessions")
        trying = asyncio.create_task(sign_in(guarded, ada.email, PASSWORD))
        async with asyncio.timeout(30):
            while not (waiting := await database.fetch(WAITING)):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)
        assert await database.fetchval("SELECT sum(pending) FROM attempts") == 2  # the account's, here and anywhere
        if is_given_up:
            trying.cancel()
        else:
            await database.execute("SELECT pg_terminate_backend($1)", waiting[0]["pid"])
        (ended,) = await asyncio.gather(trying, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError) if is_given_up else ended.status_code == 503
    await wait_for_counts(database, 0)


async def test_a_try_that_is_given_back_late_has_not_failed(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection, replicas: list[Replica]
) -> None:
    """A try that the database was away for is given back when it is there again, whatever was counted since then."""
    parts = replicas[0][0].state.parts
    async with parts.database.connection() as connection:
        attempt = await parts.admission.admit_sign_in(connection, "nobody@example.com", None, Client(ELSEWHERE, "", ""))
    await pass_time(database, 15)
    await fail(guarded, "nobody@example.com", 1)
    assert await database.fetchval("SELECT max(recent) FROM attempts") == 2
    await parts.admission.give_back(attempt)
    counts = "SELECT DISTINCT recent, in_a_row, pending FROM attempts WHERE in_a_row > 0"
    assert [tuple(row.values()) for row in await database.fetch(counts)] == [(1, 1, 0)]


async def test_a_success_ends_the_row_of_failures(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A hundred failures close an account only in a row: a sign-in from anywhere ends the run that it belongs to."""
    await fail(guarded, ada.email, 1)
    await fail(guarded, ada.email, 1, HOME)
    await database.execute("UPDATE attempts SET in_a_row = 99 WHERE in_a_row = 2")
    assert (await sign_in(guarded, ada.email, PASSWORD, FAR)).status_code == 200
    await fail(guarded, ada.email, 1)
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200


async def test_a_stolen_session_is_no_place_to_guess(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Wrong current passwords count like failed sign-ins, wherever they are required; right ones do not count."""
    token = (await sign_in(guarded, ada.email, PASSWORD, HOME)).json()["accessToken"]
    headers = {"authorization": token, "x-forwarded-for": FAR}

    async def change(current: str) -> int:
        body = {"currentPassword": current, "newPassword": PASSWORD}
        return (await guarded.post("/api/me/password", json=body, headers=headers)).status_code

    assert [await change(PASSWORD) for _ in range(8)] == [204] * 8
    assert [await change(WRONG) for _ in range(5)] == [422] * 5
    await hold_still(database)
    assert await change(PASSWORD) == 429
    refused = await guarded.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=headers)
    assert refused.status_code == 429


async def test_a_form_that_asks_for_the_password_says_when_it_was_too_often(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """On the account pages too: 429, with ``Retry-After``, and the form with an alert."""
    await next_auth.sign_in(guarded, ada.email)
    form = {"csrfToken": await next_auth.get_csrf_token(guarded), "password": WRONG}
    answers = [await guarded.post("/account/delete", data=form) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 5
    await hold_still(database)
    refused = await guarded.post("/account/delete", data=form)
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert "Too many attempts." in refused.text
