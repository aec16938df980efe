"""The guessing limits over HTTP, on two replicas that share the database."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.cores import count_cores
from auth_service.passwords import QUEUE_PER_THREAD, RETRY_AFTER
from shared.metrics import Metrics
from tests.support import next_auth
from tests.support.people import PASSWORD, Person
from tests.support.services import auth_settings, client_of, running

HOME, ELSEWHERE, FAR = "203.0.113.1", "198.51.100.1", "192.0.2.1"
DEFAULTS = {
    "sign_in_failures_per_account": 5,
    "sign_in_failures_per_address": 5,
    "sign_in_failures_in_a_row": 100,
    "sign_ups_per_hour": 60,
    "client_logs_per_minute": 60,
    "token_refreshes_per_hour": 120,
    "renames_per_hour": 60,
}
WRONG = "not the password"


@pytest.fixture(scope="module")
async def replicas(app: Starlette, auth_database_url: str) -> AsyncIterator[list[tuple[Starlette, Metrics]]]:
    """Give two replicas with the limits that nobody changed."""
    del app  # the tables are there
    settings = auth_settings(auth_database_url, **DEFAULTS)
    both = [(create_app(settings, metrics), metrics) for metrics in (Metrics(), Metrics())]
    async with running(both[0][0]), running(both[1][0]):
        for replica, _ in both:
            await replica.state.parts.database.wait_until_ready()
        yield both


@pytest.fixture
async def guarded(
    replicas: list[tuple[Starlette, Metrics]], database: asyncpg.Connection
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the first replica, on an emptied database."""
    del database
    async with client_of(replicas[0][0]) as client:
        yield client


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


@pytest.fixture
async def ada(guarded: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up at home and never signed in."""
    body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    answer = await guarded.post("/api/user", json=body, headers={"x-forwarded-for": HOME})
    return Person(answer.json()["id"], "Ada", "ada@example.com", "")


def count_pending(metrics: Metrics) -> float:
    """Return how many places a replica has given away."""
    return metrics.registry.get_sample_value("gatepost_password_hashes_pending") or 0


def count_throttled(metrics: Metrics, reason: str) -> float | None:
    """Return how often a replica refused for a reason."""
    return metrics.registry.get_sample_value("gatepost_throttled_total", {"reason": reason})


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_the_sixth_try_waits_whoever_it_names(
    guarded: httpx2.AsyncClient, ada: Person, replicas: list[tuple[Starlette, Metrics]], email: str
) -> None:
    """After five failures the next try is 429 with when to try again, on every replica, even with the password."""
    assert ada.email == "ada@example.com"
    await fail(guarded, email, 5)
    async with client_of(replicas[1][0]) as other_replica:
        before = count_throttled(replicas[1][1], "sign_in_account") or 0
        answer = await sign_in(other_replica, email.upper(), PASSWORD, FAR)
    assert answer.status_code == 429
    assert answer.json() == {"error": "Too many attempts. Try again later", "retryAfter": 1}
    assert answer.headers["retry-after"] == "1"
    assert count_throttled(replicas[1][1], "sign_in_account") == before + 1


async def test_an_address_waits_whomever_it_tries(guarded: httpx2.AsyncClient) -> None:
    """Five failures from one address, each for another account, make that address wait, and no other."""
    for number in range(5):
        await fail(guarded, f"user{number}@example.com", 1)
    assert (await sign_in(guarded, "user9@example.com")).status_code == 429
    assert (await sign_in(guarded, "user9@example.com", address=FAR)).status_code == 401


async def test_neighbours_in_ipv6_are_one_address(guarded: httpx2.AsyncClient) -> None:
    """Whoever has a /64 can't use its addresses one after the other."""
    for number in range(5):
        await fail(guarded, f"user{number}@example.com", 1, f"2001:db8::{number}")
    assert (await sign_in(guarded, "user9@example.com", address="2001:db8::9:9")).status_code == 429
    assert (await sign_in(guarded, "user9@example.com", address="2001:db8:0:1::9")).status_code == 401


async def test_tries_at_once_get_no_further(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Of thirty tries at the same moment from as many addresses, five are looked at."""
    tries = [sign_in(guarded, "ada@example.com", address=f"10.0.0.{number}") for number in range(30)]
    answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert (answers.count(401), answers.count(429)) == (5, 25)
    assert await database.fetchval("SELECT max(recent) FROM attempts") == 5


async def test_strangers_lock_no_owner_out(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """From where the owner signed in before, the owner signs in, whatever strangers did, even a hundred times."""
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    await fail(guarded, ada.email, 5)
    await database.execute("UPDATE attempts SET in_a_row = 100 WHERE recent = 5")
    refused = await sign_in(guarded, ada.email, PASSWORD)
    assert refused.status_code == 429
    assert refused.json()["retryAfter"] > 80_000
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200


async def test_a_known_address_has_a_limit_too(guarded: httpx2.AsyncClient, ada: Person) -> None:
    """Where the owner signed in before, five failures make the next try wait; a success sets them to none."""
    await sign_in(guarded, ada.email, PASSWORD, HOME)
    await fail(guarded, ada.email, 4, HOME)
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 200
    await fail(guarded, ada.email, 5, HOME)
    assert (await sign_in(guarded, ada.email, PASSWORD, HOME)).status_code == 429


async def test_a_success_of_ones_own_buys_no_guesses(guarded: httpx2.AsyncClient, ada: Person) -> None:
    """Signing in to one's own account between guesses at others does not empty the address's count."""
    for number in range(5):
        assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200
        await fail(guarded, f"user{number}@example.com", 1)
    assert (await sign_in(guarded, "user9@example.com")).status_code == 429


async def test_a_wait_ends(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """When the wait is over one try is let in, and the next wait is twice as long."""
    await fail(guarded, "nobody@example.com", 5)
    await database.execute("UPDATE attempts SET last_at = last_at - interval '1 second'")
    await fail(guarded, "nobody@example.com", 1)
    assert (await sign_in(guarded, "nobody@example.com")).json()["retryAfter"] == 2


async def test_a_refusal_is_kept_once(guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The first refusal after each counted try is an audit line; a flood is one line and counts for nothing."""
    await fail(guarded, ada.email, 5)
    for _ in range(3):
        assert (await sign_in(guarded, ada.email)).status_code == 429
    rows = await database.fetch("SELECT user_id, host(address) AS address FROM audit WHERE event = 'sign_in_throttled'")
    assert [tuple(row.values()) for row in rows] == [(ada.id, ELSEWHERE)]
    assert await database.fetchval("SELECT max(recent) FROM attempts") == 5


async def test_no_address_is_kept_in_the_clear(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The table of attempts shows nobody's e-mail address nor IP address."""
    await fail(guarded, "nobody@example.com", 1)
    rows = " ".join(map(str, await database.fetch("SELECT * FROM attempts")))
    assert "nobody" not in rows
    assert ELSEWHERE not in rows


async def test_next_auth_is_told(guarded: httpx2.AsyncClient) -> None:
    """The callback answers 429: in JSON mode ``error=TooManyAttempts``, as a form the page with a clear alert."""
    for _ in range(5):
        assert (await next_auth.sign_in(guarded, "nobody@example.com", WRONG)).status_code == 401
    answer = await next_auth.sign_in(guarded, "nobody@example.com", WRONG)
    assert answer.status_code == 429
    assert answer.json()["url"].endswith("/api/auth/error?error=TooManyAttempts&provider=credentials")
    assert (answer.json()["retryAfter"], answer.headers["retry-after"]) == (1, "1")
    shown = await guarded.get(answer.json()["url"])
    assert shown.headers["location"].endswith("/api/auth/signin?error=TooManyAttempts")
    page = await next_auth.sign_in(guarded, "nobody@example.com", WRONG, json="false")
    assert (page.status_code, page.headers["retry-after"]) == (429, "1")
    assert re.search(r'role="alert"[^>]*>\s*Too many attempts', page.text)


async def test_sign_ups_have_a_limit(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection, replicas: list[tuple[Starlette, Metrics]]
) -> None:
    """The sixty-first sign-up within an hour from an address is 429, as API and as page, and an audit line."""
    body = {"name": "Ada", "email": "first@example.com", "password": PASSWORD}
    assert (await guarded.post("/api/user", json=body)).status_code == 201
    await database.execute("UPDATE attempts SET recent = 60, since = now() - interval '10 minutes'")
    answer = await guarded.post("/api/user", json={**body, "email": "second@example.com"})
    assert answer.status_code == 429
    assert 2990 <= answer.json()["retryAfter"] <= 3000
    form = {**body, "email": "second@example.com", "csrfToken": await next_auth.get_csrf_token(guarded)}
    page = await guarded.post("/signup", data=form)
    assert page.status_code == 429
    assert "Too many attempts" in page.text
    assert "retry-after" in page.headers
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_up_throttled'") == 1
    assert count_throttled(replicas[0][1], "sign_up") == 2
    far = await guarded.post("/api/user", json={**body, "email": "third@example.com"}, headers={"x-forwarded-for": FAR})
    assert far.status_code == 201


async def test_client_logs_have_a_limit(guarded: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The sixty-first line within a minute from an address is 429."""
    assert (await guarded.post("/api/auth/_log", data={"level": "error"})).status_code == 200
    await database.execute("UPDATE attempts SET recent = 60")
    assert (await guarded.post("/api/auth/_log", data={"level": "error"})).status_code == 429


async def test_refreshes_have_a_limit(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, replicas: list[tuple[Starlette, Metrics]]
) -> None:
    """The 121st refresh token of a session within an hour is 429; no other session waits, and the token stays good."""
    tokens = [(await sign_in(guarded, ada.email, PASSWORD)).json()["refreshToken"] for _ in range(2)]

    async def refresh(token: str) -> httpx2.Response:
        return await guarded.post("/api/token", json={"refreshToken": token})

    await database.execute("DELETE FROM attempts")
    first = await refresh(tokens[0])
    await database.execute("UPDATE attempts SET recent = 120")
    newest = first.json()["refreshToken"]
    refused = await refresh(newest)
    assert refused.status_code == 429
    assert 3590 <= refused.json()["retryAfter"] == int(refused.headers["retry-after"]) <= 3600
    assert count_throttled(replicas[0][1], "token_refresh") == 1
    assert (await refresh(tokens[0])).json()["refreshToken"] == newest  # the same again makes none
    assert (await refresh(tokens[1])).status_code == 200
    await database.execute("UPDATE attempts SET since = since - interval '1 hour'")
    assert (await refresh(newest)).status_code == 200


async def test_renames_have_a_limit(guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The 61st new name within an hour is 429, as JSON and on the page, and changes nothing; the same name is none."""
    await next_auth.sign_in(guarded, ada.email)
    token = (await sign_in(guarded, ada.email, PASSWORD)).json()["accessToken"]
    await database.execute("DELETE FROM attempts")

    async def rename(name: str) -> int:
        return (await guarded.patch("/api/me", json={"name": name}, headers={"authorization": token})).status_code

    assert await rename("Ada King") == 200
    await database.execute("UPDATE attempts SET recent = 60")
    assert (await rename("Ada Lovelace"), await rename("Ada King")) == (429, 200)
    form = {"csrfToken": await next_auth.get_csrf_token(guarded), "name": "Ada Lovelace"}
    page = await guarded.post("/account", data=form)
    assert (page.status_code, "Too many attempts" in page.text) == (429, True)
    assert await database.fetchval("SELECT name FROM users") == "Ada King"
    assert await database.fetchval("SELECT count(*) FROM user_changes WHERE kind = 'renamed'") == 1


async def test_a_try_that_finds_no_room_writes_nothing(
    guarded: httpx2.AsyncClient, replicas: list[tuple[Starlette, Metrics]], database: asyncpg.Connection
) -> None:
    """Where too many hashes wait already, a try is refused (503) before anything is done for it."""
    passwords = replicas[0][0].state.parts.passwords
    passwords._taken += 10_000  # noqa: SLF001 - as under a flood
    try:
        assert (await sign_in(guarded, "nobody@example.com")).status_code == 503
    finally:
        passwords._taken -= 10_000  # noqa: SLF001
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0


async def test_who_is_sent_away_in_a_flood_has_not_failed(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Of a flood of tries, those that found no place (503) are no failures."""
    people = [(f"person{number}@example.com", f"198.51.100.{number}") for number in range(120)]
    answers = await asyncio.gather(*(sign_in(guarded, email, address=address) for email, address in people))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 503}
    counted = await database.fetchval("SELECT sum(recent) FROM attempts")
    assert counted == 2 * statuses.count(401)  # for the account and for the address


async def test_who_waits_for_the_database_has_a_place_too(
    guarded: httpx2.AsyncClient, database: asyncpg.Connection, replicas: list[tuple[Starlette, Metrics]]
) -> None:
    """While as many as there are places wait for the database, the next try is refused without it."""
    places = count_cores() * (1 + QUEUE_PER_THREAD)
    async with database.transaction():
        await database.execute("LOCK TABLE attempts")
        waiting = [asyncio.create_task(sign_in(guarded, f"person{number}@example.com")) for number in range(places)]
        async with asyncio.timeout(2):
            while count_pending(replicas[0][1]) < places:  # noqa: ASYNC110 - nothing announces it
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
    """Return when no count says anything else."""
    async with asyncio.timeout(5):
        while await database.fetchval("SELECT count(*) FROM attempts WHERE recent <> $1", recent):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_given_up", [False, True])
async def test_a_try_that_nobody_decided_has_not_failed(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, *, is_given_up: bool
) -> None:
    """Where the database fails after the password was verified, or the request is given up, the try is given back."""
    await database.execute("DELETE FROM attempts")  # that of the sign-up
    async with database.transaction():
        await database.execute("LOCK TABLE sessions")
        trying = asyncio.create_task(sign_in(guarded, ada.email, PASSWORD))
        async with asyncio.timeout(5):
            while not (waiting := await database.fetch("SELECT pid FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)
        assert await database.fetchval("SELECT sum(recent) FROM attempts") == 2  # the account's and the address's
        if is_given_up:
            trying.cancel()
        else:
            await database.execute("SELECT pg_terminate_backend($1)", waiting[0]["pid"])
        (ended,) = await asyncio.gather(trying, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError) if is_given_up else ended.status_code == 503
    await wait_for_counts(database, 0)


async def test_a_success_ends_the_row_of_failures(
    guarded: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A hundred failures close an account only in a row: a sign-in from anywhere ends the row that it was part of."""
    await fail(guarded, ada.email, 1)
    await database.execute("UPDATE attempts SET in_a_row = 99 WHERE recent = 1")
    assert (await sign_in(guarded, ada.email, PASSWORD, FAR)).status_code == 200
    await fail(guarded, ada.email, 1)
    assert (await sign_in(guarded, ada.email, PASSWORD)).status_code == 200


async def test_a_stolen_session_is_no_place_to_guess(guarded: httpx2.AsyncClient, ada: Person) -> None:
    """Wrong current passwords count like failed sign-ins, wherever they are asked for; right ones count for nothing."""
    token = (await sign_in(guarded, ada.email, PASSWORD, HOME)).json()["accessToken"]
    headers = {"authorization": token, "x-forwarded-for": FAR}

    async def change(current: str) -> int:
        body = {"currentPassword": current, "newPassword": PASSWORD}
        return (await guarded.post("/api/me/password", json=body, headers=headers)).status_code

    assert [await change(PASSWORD) for _ in range(8)] == [204] * 8
    assert [await change(WRONG) for _ in range(5)] == [422] * 5
    assert await change(PASSWORD) == 429
    refused = await guarded.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=headers)
    assert refused.status_code == 429


async def test_a_form_that_asks_for_the_password_says_when_it_was_too_often(
    guarded: httpx2.AsyncClient, ada: Person
) -> None:
    """On the account's pages too: 429, when to try again, and the form with an alert."""
    await next_auth.sign_in(guarded, ada.email)
    form = {"csrfToken": await next_auth.get_csrf_token(guarded), "password": WRONG}
    answers = [await guarded.post("/account/delete", data=form) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert "Too many attempts." in answers[-1].text
