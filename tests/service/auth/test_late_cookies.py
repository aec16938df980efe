"""Cookies older than the browser's last sign-in: they sign nobody out, and nobody back in."""

import re

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.service.auth.test_internal import service_token
from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.next_auth import SESSION_COOKIE, open_session_cookie
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import client_of

DEVICE_COOKIE = "gatepost.device"
DOMAIN = "localhost.local"


def put_back(client: httpx2.AsyncClient, cookie: str) -> None:
    """Do what a late answer does: set the session cookie to an older one; an empty text clears it."""
    client.cookies.delete(SESSION_COOKIE)
    if cookie:
        client.cookies.set(SESSION_COOKIE, cookie, domain=DOMAIN)


async def find_name(client: httpx2.AsyncClient) -> str | None:
    """Return the name of the signed-in user, or None."""
    user = (await next_auth.get_session(client)).get("user")
    assert user is None or isinstance(user, dict)
    return user["name"] if user else None


@pytest.fixture
async def grace(client: httpx2.AsyncClient) -> Person:
    """Give somebody else."""
    return await sign_up_and_in(client, "Grace Hopper")


async def test_signing_in_sets_the_device_cookie(client: httpx2.AsyncClient, ada: Person) -> None:
    """A sign-in identifies itself in a cookie of its own; no other answer sets it, and signing out leaves it."""
    answer = await next_auth.sign_in(client, ada.email)
    line = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(DEVICE_COOKIE))
    session_id = open_session_cookie(client)["sid"]
    value = rf"{ada.id}\.{session_id}\.\d+\.[0-9a-f]{{64}}"
    assert re.fullmatch(rf"{DEVICE_COOKIE}={value}; Path=/; Expires=[^;]+ GMT; HttpOnly; SameSite=Lax", line)
    for later in (await client.get("/api/auth/session"), await next_auth.sign_out(client)):
        assert DEVICE_COOKIE not in str(later.headers)
    assert DEVICE_COOKIE in client.cookies


async def test_signing_up_sets_it_too(client: httpx2.AsyncClient) -> None:
    """The sign-up form, which also signs in, sets the device cookie."""
    page = await client.get("/signup")
    fields = {**read_forms(page.text)["/signup"].fields, "name": "Mary", "email": "mary@example.com"}
    await client.post("/signup", data={**fields, "password": PASSWORD})
    assert {SESSION_COOKIE, DEVICE_COOKIE} <= set(client.cookies)


@pytest.mark.parametrize("who", ["the same", "another"])
@pytest.mark.parametrize("late", ["brings the old cookie back", "clears the cookie"])
async def test_who_signed_in_again_stays_signed_in(
    client: httpx2.AsyncClient, ada: Person, grace: Person, who: str, late: str
) -> None:
    """After a second sign-in, the next answer corrects what a late answer to a request of the first session did."""
    await next_auth.sign_in(client, ada.email)
    old = client.cookies[SESSION_COOKIE]
    person = ada if who == "the same" else grace
    await next_auth.sign_in(client, person.email)
    new = open_session_cookie(client)["sid"]
    put_back(client, old if late.startswith("brings") else "")
    assert await find_name(client) == person.name
    assert open_session_cookie(client)["sid"] == new
    assert (await client.get("/account")).status_code == 200


async def test_a_replaced_session_clears_nothing(client: httpx2.AsyncClient, ada: Person, app: Starlette) -> None:
    """A poll from before the sign-in gets nobody, and clears no cookie, not even at the gateway."""
    await next_auth.sign_in(client, ada.email)
    old, device = client.cookies[SESSION_COOKIE], client.cookies[DEVICE_COOKIE]
    await next_auth.sign_in(client, ada.email)
    async with client_of(app) as late:
        for cookies in (f"{SESSION_COOKIE}={old}; {DEVICE_COOKIE}={device}", f"{SESSION_COOKIE}={old}"):
            answer = await late.get("/api/auth/session", headers={"cookie": cookies})
            assert (answer.json(), answer.headers.get_list("set-cookie")) == ({}, [])
        asked = {"session": old, "pieces": [SESSION_COOKIE]}
        renewed = await late.post("/internal/session", json=asked, headers=service_token(caller="gateway"))
    assert renewed.json() == {"accessToken": None, "setCookie": []}


@pytest.mark.parametrize("late", ["brings the old cookie back", "brings the older cookie back"])
async def test_who_signed_out_stays_signed_out(client: httpx2.AsyncClient, ada: Person, late: str) -> None:
    """After signing out no earlier session cookie of the browser opens anything, even with its device cookie."""
    await next_auth.sign_in(client, ada.email)
    older = client.cookies[SESSION_COOKIE]
    await next_auth.sign_in(client, ada.email)
    old = client.cookies[SESSION_COOKIE]
    await next_auth.sign_out(client)
    put_back(client, older if "older" in late else old)
    assert await find_name(client) is None
    assert SESSION_COOKIE not in client.cookies


async def test_signing_out_ends_what_a_late_answer_hid(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Signing out with the cookie of a replaced session ends the one that replaced it."""
    await next_auth.sign_in(client, ada.email)
    old = client.cookies[SESSION_COOKIE]
    await next_auth.sign_in(client, ada.email)
    new = client.cookies[SESSION_COOKIE]
    for cookie in (old, ""):
        put_back(client, cookie)
        await next_auth.sign_out(client)
    put_back(client, new)
    assert await find_name(client) is None
    ends = await database.fetch("SELECT revoked_because FROM sessions ORDER BY created_at OFFSET 1")
    assert [row[0] for row in ends] == ["replaced", "signed_out"]


async def test_a_copied_cookie_gains_nothing(client: httpx2.AsyncClient, ada: Person, app: Starlette) -> None:
    """A session cookie copied before it was replaced opens nothing, without the device cookie or with a forged one."""
    await next_auth.sign_in(client, ada.email)
    old, device = client.cookies[SESSION_COOKIE], client.cookies[DEVICE_COOKIE]
    await next_auth.sign_in(client, ada.email)
    new = str(open_session_cookie(client)["sid"])
    user, _, made, mac = device.split(".")
    async with client_of(app) as thief:
        for forged in ("", device, f"{user}.{new}.{made}.{mac}", f"{user}.{new}.{made}.{'0' * 64}"):
            thief.cookies.clear()
            thief.cookies.set(SESSION_COOKIE, old, domain=DOMAIN)
            thief.cookies.set(DEVICE_COOKIE, forged, domain=DOMAIN)
            assert await find_name(thief) is None


async def test_the_session_cookie_counts_where_the_device_s_session_is_over(
    client: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """A session that began without the device cookie, as in an earlier release, is not hidden by an older sign-in."""
    await next_auth.sign_in(client, ada.email)
    device = client.cookies[DEVICE_COOKIE]
    await next_auth.sign_in(client, grace.email)
    client.cookies.delete(DEVICE_COOKIE)
    client.cookies.set(DEVICE_COOKIE, device, domain=DOMAIN)
    assert await find_name(client) == grace.name


async def test_a_sign_in_that_fails_ends_nothing(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """The previous session ends when the next begins, in one transaction: both or neither."""
    await next_auth.sign_in(client, ada.email)
    await database.execute("ALTER TABLE sessions ADD CONSTRAINT no_end CHECK (revoked_because <> 'replaced')")
    try:
        assert (await next_auth.sign_in(client, ada.email)).status_code == 500
        assert await database.fetchval("SELECT count(*) FROM sessions") == 2  # hers by the API, and the browser's
        assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'signed_in'") == 2
    finally:
        await database.execute("ALTER TABLE sessions DROP CONSTRAINT no_end")
    assert await find_name(client) == ada.name


async def test_the_gateway_is_told_by_the_same_rules(client: httpx2.AsyncClient, ada: Person, app: Starlette) -> None:
    """``/internal/session`` uses the device cookie too: the session that it names counts while it is live."""
    await next_auth.sign_in(client, ada.email)
    old = client.cookies[SESSION_COOKIE]
    await next_auth.sign_in(client, ada.email)
    new, device = str(open_session_cookie(client)["sid"]), client.cookies[DEVICE_COOKIE]
    its_token = service_token(caller="gateway")
    async with client_of(app) as gateway:
        for session in (old, "", "nonsense"):
            asked = {"session": session, "pieces": [SESSION_COOKIE], "device": device}
            answer = (await gateway.post("/internal/session", json=asked, headers=its_token)).json()
            assert f"{SESSION_COOKIE}=" in answer["setCookie"][-1]
            assert read_session(answer["accessToken"]) == new
        await next_auth.sign_out(client)
        answer = (await gateway.post("/internal/session", json=asked, headers=its_token)).json()
        assert answer["accessToken"] is None


def read_session(token: str) -> str:
    """Return the session of an access token."""
    return Person(0, "", "", token).session_id
