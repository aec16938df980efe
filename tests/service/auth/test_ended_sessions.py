"""The feed of ended sessions for services that are not ours: complete, in order, open to their credentials alone."""

import asyncio
import datetime as dt
import functools
import time
import types
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from auth_service.app import build_routes
from auth_service.tables.revocations import PAGE
from auth_service.verifiers import long_poll, service_credentials
from shared.tokens.claims import MAX_ID
from tests.service.auth.test_internal import service_token
from tests.support.command_line import CommandLine
from tests.support.log_lines import lines_of
from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.service_credentials import FEED, bearer, create_within
from tests.support.waiting import wait_until

TTL = dt.timedelta(hours=1)
REFUSED = (
    'Bearer realm="gatepost", error="invalid_token", error_description="The credential is unknown, or was revoked"'
)
LONG_EPOCH = f"epoch={'e' * 65}"
UNKNOWN = f"gatepost_{'A' * 43}"

Page = dict[str, Any]
Read = Callable[..., Awaitable[Page]]


@pytest.fixture
async def credential(app: Starlette, database: asyncpg.Connection) -> str:
    """Give the credential of a service."""
    del database  # it has been emptied
    return await create_within(app)


@pytest.fixture
async def read(client: httpx2.AsyncClient, credential: str) -> Read:
    """Give a reader of pages."""
    return functools.partial(read_page, client, credential)


async def read_page(client: httpx2.AsyncClient, credential: str, page: Page | None = None, wait: float = 0) -> Page:
    """Return the page behind another one, or the first."""
    position = {"epoch": page["epoch"], "after": page["last"]} if page else {}
    answer = await client.get(FEED, params={**position, "wait": wait}, headers=bearer(credential))
    assert answer.status_code == 200, answer.text
    found: Page = answer.json()
    return found


@pytest.fixture
def endless_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no wait end by the clock: what waits is answered by what happens, however slow the machine is."""
    monkeypatch.setattr(long_poll, "time", types.SimpleNamespace(monotonic=lambda: 0.0))


def sids_of(page: Page) -> list[str]:
    """Return the sessions on a page."""
    return [each["sid"] for each in page["ended"]]


async def sign_out(client: httpx2.AsyncClient, person: Person) -> None:
    """End the session of somebody's token."""
    assert (await client.post("/api/logout", headers=person.bearer)).status_code == 204


async def insert_ended(database: asyncpg.Connection, number: int) -> list[str]:
    """Let so many sessions have ended, and return them in order."""
    sids = [uuid.uuid4() for _ in range(number)]
    await database.execute(
        "INSERT INTO revocations (session_id, until) SELECT sid, now() + $2 FROM unnest($1::uuid[]) AS sid", sids, TTL
    )
    return [str(sid) for sid in sids]


async def test_an_ended_session_is_told_of(client: httpx2.AsyncClient, ada: Person, read: Read) -> None:
    """A page names the sessions that were ended, until when that matters, and the position behind them."""
    first = await read()
    assert first == {"epoch": str(uuid.UUID(first["epoch"])), "last": 0, "since": 0, "ended": []}
    await sign_out(client, ada)
    page = await read(first)
    (ended,) = page["ended"]
    assert page == {**first, "last": 1, "ended": [{"sid": ada.session_id, "until": ended["until"]}]}
    assert 3650 < ended["until"] - time.time() <= 3661
    assert await read(page) == {**page, "ended": []}
    assert await read() == page


async def test_an_answer_is_never_stored(client: httpx2.AsyncClient, credential: str) -> None:
    """What a page says is out of date in a moment."""
    answer = await client.get(FEED, headers=bearer(credential))
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")


async def test_polls_are_told_at_debug_only(client: httpx2.AsyncClient, credential: str) -> None:
    """A service that polls does not fill the log; one whose credential is refused is seen there."""
    with capture_logs() as logs:
        await client.get(FEED, headers=bearer(credential))
        await client.get(FEED, headers=bearer(UNKNOWN))
    assert [line["log_level"] for line in lines_of(logs, "request_finished")] == ["debug", "info"]


# Who may read it


@pytest.mark.parametrize(
    "headers",
    [
        bearer(UNKNOWN),
        bearer("gatepost_"),
        bearer("x"),
        {"Authorization": UNKNOWN},
        service_token(),
        [("Authorization", f"Bearer {UNKNOWN}"), ("Authorization", f"Bearer {UNKNOWN}")],
    ],
)
async def test_another_credential_is_refused(client: httpx2.AsyncClient, ada: Person, headers: Any) -> None:
    """An unknown credential, what is none, a service's own token, and two at once are 401 and told so."""
    for sent in (headers, ada.bearer):
        answer = await client.get(f"{FEED}?wait=5", headers=sent)
        assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
        assert answer.headers["www-authenticate"] == REFUSED


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": ""}])
async def test_without_a_credential_one_is_asked_for(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    """Without a credential the challenge names no error (RFC 6750, section 3.1)."""
    answer = await client.get(FEED, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gatepost"')


async def test_two_credentials_are_none(client: httpx2.AsyncClient, credential: str) -> None:
    """A good credential beside anything else is refused: two readers could pick different ones."""
    sent = [("Authorization", f"Bearer {credential}"), ("Authorization", "Basic eDp5")]
    assert (await client.get(FEED, headers=sent)).status_code == 401


@pytest.mark.parametrize("path", [each.path for each in build_routes(verification="required")])
async def test_a_credential_opens_nothing_else(client: httpx2.AsyncClient, credential: str, path: str) -> None:
    """At every other path a credential, bare or as a cookie, is worth what no credential is worth."""
    if path == FEED:
        return
    target = path.replace("{sid}", str(uuid.UUID(int=1))).replace("{provider}", "email").replace("{rest:path}", "x")
    cookies = {"cookie": f"next-auth.session-token={credential}; gatepost.device={credential}"}
    for method in ("GET", "POST", "DELETE"):
        without = await client.request(method, target)
        for sent in (bearer(credential), {"Authorization": credential}, cookies):
            client.cookies.clear()
            answer = await client.request(method, target, headers=sent)
            assert (answer.status_code, answer.headers.get("location")) == (
                without.status_code,
                without.headers.get("location"),
            )


async def test_a_browsers_session_changes_nothing(client: httpx2.AsyncClient, credential: str, ada: Person) -> None:
    """Beside a user's cookie the credential is the service's all the same, and no cookie is set or renewed."""
    cookies = {"cookie": f"next-auth.session-token={ada.token}"}
    answer = await client.get(FEED, headers={**bearer(credential), **cookies})
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (200, [])


async def test_a_revoked_credential_ends_what_waits_by_it(
    app: Starlette,
    client: httpx2.AsyncClient,
    command_line: CommandLine,
    database: asyncpg.Connection,
    credential: str,
    read: Read,
    endless_waits: None,
) -> None:
    """A poll is 401 before its time once the credential is revoked; that of another service goes on."""
    del endless_waits
    other = await create_within(app, "shop")
    first = await read()
    position = {"epoch": first["epoch"], "after": first["last"], "wait": 5}
    waiting = asyncio.create_task(client.get(FEED, params=position, headers=bearer(credential)))
    going_on = asyncio.create_task(client.get(FEED, params=position, headers=bearer(other)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await command_line.find("service", "revoke", "orders")
    assert (await waiting).status_code == 401
    assert not going_on.done()
    ended = await insert_ended(database, 1)
    assert sids_of((await going_on).json()) == ended


# Positions


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", f"after={MAX_ID + 1}", "after=", "wait=-1", "wait=5.1", "wait=nan", "wait=x", LONG_EPOCH],
)
async def test_a_bad_question_is_refused(client: httpx2.AsyncClient, credential: str, query: str) -> None:
    """A number, a wait or an epoch out of bounds is 422, and named."""
    answer = await client.get(f"{FEED}?{query}", headers=bearer(credential))
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [query.partition("=")[0]])


@pytest.mark.parametrize("epoch", ["", "nothing", "%00", str(uuid.UUID(int=1)), "\U0001f600"])
@pytest.mark.parametrize("after", [0, 1, 1000, MAX_ID])
async def test_another_position_is_the_beginning(
    client: httpx2.AsyncClient, ada: Person, credential: str, epoch: str, after: int
) -> None:
    """A position of another epoch, or of none, gets at once all that is still of use, however long it would wait."""
    await sign_out(client, ada)
    asked: dict[str, str | int] = {"after": after, "epoch": epoch, "wait": 5}
    answer = await client.get(FEED, params=asked, headers=bearer(credential))
    assert sids_of(answer.json()) == [ada.session_id]


async def test_a_position_that_was_never_given_out_is_the_beginning(
    client: httpx2.AsyncClient, ada: Person, read: Read
) -> None:
    """A number of this epoch that no page had gets at once all that is still of use."""
    first = await read()
    await sign_out(client, ada)
    page = await read({**first, "last": 1000}, wait=5)
    assert (sids_of(page), page["last"]) == ([ada.session_id], 1)


async def test_nobodys_word_signs_everybody_out(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, read: Read
) -> None:
    """Whatever a service that is not ours claims to have seen, no epoch begins, and every session goes on."""
    first = await read()
    for claimed in ({**first, "last": MAX_ID}, {"epoch": str(uuid.uuid4()), "last": MAX_ID}):
        assert (await read(claimed))["epoch"] == first["epoch"]
    assert await database.fetchval("SELECT id::text FROM epochs ORDER BY number DESC LIMIT 1") == first["epoch"]
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200


async def test_thousands_come_in_pages(database: asyncpg.Connection, read: Read) -> None:
    """A follower that goes on from page to page sees each of them once, in order, and then none."""
    ended = await insert_ended(database, 3 * PAGE + 1)
    page, seen, lengths = await read(), [], []
    while page["ended"]:
        seen += sids_of(page)
        lengths.append(len(page["ended"]))
        page = await read(page)
    assert (seen, lengths) == (ended, [PAGE, PAGE, PAGE, 1])


async def test_what_no_longer_matters_is_not_told(database: asyncpg.Connection, read: Read) -> None:
    """Only sessions whose tokens may still be valid are told of; numbers go on all the same."""
    first, *ended = await insert_ended(database, 3)
    await database.execute("UPDATE revocations SET until = now() WHERE session_id = $1::uuid", first)
    page = await read()
    assert (sids_of(page), page["last"]) == (ended, 3)
    await database.execute("UPDATE revocations SET until = now()")
    assert await read() == {**page, "last": 0, "ended": []}
    assert await read(page) == {**page, "ended": []}


# Waiting


async def test_two_followers_are_both_told(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, credential: str, read: Read, endless_waits: None
) -> None:
    """Each service that waits is answered as soon as a session is ended."""
    del endless_waits
    other, first = await create_within(app, "shop"), await read()
    waiting = [asyncio.create_task(read_page(client, each, first, wait=5)) for each in (credential, other, credential)]
    await asyncio.sleep(0.3)
    assert not any(each.done() for each in waiting)
    await sign_out(client, ada)
    assert [sids_of(page) for page in await asyncio.gather(*waiting)] == [[ada.session_id]] * 3


async def test_waiting_holds_no_connection(
    app: Starlette, credential: str, client: httpx2.AsyncClient, read: Read
) -> None:
    """With as many polls as may wait, the service still works."""
    first = await read()
    polls = [
        asyncio.create_task(read_page(client, credential, first, wait=1)) for _ in range(service_credentials.PLACES)
    ]
    await asyncio.sleep(0.2)
    async with app.state.parts.database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert {page["last"] for page in await asyncio.gather(*polls)} == {0}


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two requests of a service wait at a time, and three of all."""
    monkeypatch.setattr(service_credentials, "PLACES", 2)
    monkeypatch.setattr(service_credentials, "ALL_PLACES", 3)


async def test_a_service_has_so_many_places(
    app: Starlette,
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    credential: str,
    read: Read,
    few_places: None,
) -> None:
    """A request beyond a service's own places is 429, beyond those of all 503, and both say when to come again.

    Places that were left are free again.
    """
    del few_places
    other, first = await create_within(app, "shop"), await read()
    position = {"epoch": first["epoch"], "after": first["last"], "wait": 5}
    taken = app.state.parts.service_credentials._waiting  # noqa: SLF001 - seen from outside, a poll that waits is silent

    async def poll(by: str) -> httpx2.Response:
        return await client.get(FEED, params=position, headers=bearer(by))

    async def count_taken() -> int:
        return int(taken.total())

    waiting = [asyncio.create_task(poll(by)) for by in (credential, credential)]
    await wait_until(count_taken, lambda found: found == 2)
    refused = await poll(credential)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    waiting.append(asyncio.create_task(poll(other)))
    await wait_until(count_taken, lambda found: found == 3)
    refused = await poll(other)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    await insert_ended(database, 1)
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 3
    assert (await poll(credential)).status_code == 200


async def test_asking_without_a_pause_leaves_room_for_people(
    client: httpx2.AsyncClient, ada: Person, credential: str
) -> None:
    """Twenty that ask again and again, from no position, get twenty answers a second; people sign in meanwhile."""
    began, is_over, answered = time.monotonic(), asyncio.Event(), 0

    async def ask_on() -> None:
        nonlocal answered
        while not is_over.is_set():
            assert (await client.get(FEED, headers=bearer(credential))).status_code == 200
            answered += 1

    asking = [asyncio.create_task(ask_on()) for _ in range(20)]
    for _ in range(3):
        await asyncio.sleep(0.5)
        await sign_in(client, ada.email)
    is_over.set()
    await asyncio.gather(*asking)
    assert 20 <= answered <= 20 * (time.monotonic() - began + 2)


# Whatever ends a session


async def change_password(client: httpx2.AsyncClient, ada: Person, other: Person) -> None:
    """Choose a new password, which ends all other sessions."""
    del other
    wanted = {"currentPassword": PASSWORD, "newPassword": "purple monkey dishwasher"}
    assert (await client.post("/api/me/password", json=wanted, headers=ada.bearer)).status_code == 204


async def end_others(client: httpx2.AsyncClient, ada: Person, other: Person) -> None:
    """End all other sessions."""
    del other
    assert (await client.delete("/api/me/sessions", headers=ada.bearer)).status_code == 204


async def delete_account(client: httpx2.AsyncClient, ada: Person, other: Person) -> None:
    """Delete the account."""
    del other
    answer = await client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=ada.bearer)
    assert answer.status_code == 204


async def end_device(client: httpx2.AsyncClient, ada: Person, other: Person) -> None:
    """End one session on another device."""
    assert (await client.delete(f"/api/me/sessions/{other.session_id}", headers=ada.bearer)).status_code == 204


@pytest.mark.parametrize(
    ("end", "ends_own"),
    [(change_password, False), (end_others, False), (delete_account, True), (end_device, False)],
)
async def test_what_users_do_is_told_of(
    client: httpx2.AsyncClient, ada: Person, read: Read, end: Callable[..., Awaitable[None]], *, ends_own: bool
) -> None:
    """However a user ends sessions, each of them is an entry, and no other is."""
    other = await sign_in(client, ada.email)
    await sign_up_and_in(client, "Grace")
    await end(client, ada, other)
    assert set(sids_of(await read())) == {other.session_id} | ({ada.session_id} if ends_own else set())


@pytest.mark.parametrize(
    "command",
    [("user", "disable"), ("user", "delete"), ("user", "role", "--remove", "admin"), ("session", "end")],
    ids=" ".join,
)
async def test_what_operators_do_is_told_of(
    client: httpx2.AsyncClient,
    command_line: CommandLine,
    database: asyncpg.Connection,
    ada: Person,
    read: Read,
    command: tuple[str, ...],
) -> None:
    """Disabling and deleting a user, taking a role away, and ending a session are entries for each session."""
    await database.execute("UPDATE users SET roles = '{admin}'")
    await sign_up_and_in(client, "Grace")
    noun, verb, *options = command
    about = ada.session_id if noun == "session" else str(ada.id)
    await command_line.find(noun, verb, about, *options)
    assert sids_of(await read()) == [ada.session_id]


async def test_a_great_many_sessions_of_a_user_are_told_of(
    app: Starlette,
    client: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sessions that a cutoff ends, because they are too many for the request, are entries once it is worked off."""
    monkeypatch.setattr("auth_service.sessions.sessions.ENDED_AT_ONCE", 2)
    others = [await sign_in(client, ada.email) for _ in range(5)]
    await end_others(client, ada, others[0])
    await app.state.parts.housekeeping.finish()
    assert set(sids_of(await read())) == {other.session_id for other in others}
    assert await database.fetchval("SELECT count(*) FROM session_cutoffs") == 0
