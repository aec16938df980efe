"""The session in a browser: read, kept alive, ended."""

import re
import time

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support import next_auth
from tests.support.forged_tokens import TTL, forge, read_claims
from tests.support.next_auth import SEALER, SESSION_COOKIE, open_session_cookie
from tests.support.people import Person
from tests.support.services import PUBLIC_URL


async def test_the_session_of_nobody_is_empty(client: httpx2.AsyncClient) -> None:
    """Without a cookie the session is ``{}``, and nothing is set."""
    answer = await client.get("/api/auth/session")
    assert (answer.status_code, answer.json()) == (200, {})
    assert "set-cookie" not in answer.headers


async def test_the_session_is_the_opened_token(client: httpx2.AsyncClient, ada: Person) -> None:
    """A signed-in browser gets the decrypted session token and its end, and a renewed cookie."""
    await next_auth.sign_in(client, ada.email)
    before = client.cookies[SESSION_COOKIE]
    session = await next_auth.get_session(client)
    user = session["user"]
    assert isinstance(user, dict)
    assert set(user) == {"id", "name", "email", "sub", "accessToken", "iat", "exp", "jti"}
    assert (user["id"], user["name"], user["email"]) == (ada.id, ada.name, ada.email)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(session["expires"]))
    assert client.cookies[SESSION_COOKIE] != before
    assert open_session_cookie(client)["jti"] == user["jti"]


async def test_a_bad_session_cookie_is_cleared(client: httpx2.AsyncClient) -> None:
    """For a cookie that is no session, whole or in pieces, the answer is ``{}`` and every piece is cleared."""
    for cookies in ([SESSION_COOKIE], [f"{SESSION_COOKIE}.0", f"{SESSION_COOKIE}.1"], [f"{SESSION_COOKIE}.1"]):
        header = "; ".join(f"{name}=nonsense" for name in cookies)
        answer = await client.get("/api/auth/session", headers={"cookie": header})
        cleared = [f"{name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax" for name in cookies]
        assert (answer.json(), answer.headers.get_list("set-cookie")) == ({}, cleared)


async def test_many_pieces_are_a_bad_session(client: httpx2.AsyncClient) -> None:
    """Ninety pieces are no session: each answer clears some of them and stays short, until the browser has none."""
    left = [f"{SESSION_COOKIE}.{number}" for number in range(90)]
    for _ in range(9):
        answer = await client.get("/api/auth/session", headers={"cookie": "; ".join(f"{name}=x" for name in left)})
        cleared = [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")]
        assert (answer.status_code, answer.json(), len(cleared)) == (200, {}, 10)
        assert sum(len(name) + len(value) for name, value in answer.headers.raw) < 4096
        left = [name for name in left if name not in cleared]
    assert left == []


@pytest.mark.parametrize("claims", [{}, {"sid": 1}, {"sid": "x"}, {"sub": "1", "accessToken": "a.b.c"}])
async def test_a_cookie_that_names_no_session_is_none(client: httpx2.AsyncClient, claims: dict[str, object]) -> None:
    """A cookie that was sealed with our key, but names no session row, is no session."""
    sealed = SEALER.seal(claims, int(time.time()))
    answer = await client.get("/api/auth/session", headers={"cookie": f"{SESSION_COOKIE}={sealed}"})
    assert answer.json() == {}


async def test_a_revoked_session_is_over(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The row is the truth: for a cookie whose session is revoked the answer is ``{}``."""
    await next_auth.sign_in(client, ada.email)
    await database.execute("UPDATE sessions SET revoked_at = now(), revoked_because = 'signed_out'")
    assert await next_auth.get_session(client) == {}
    assert SESSION_COOKIE not in client.cookies


async def test_using_a_session_puts_off_its_idle_end(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """Reading the session counts as a use, noted soon afterwards; its absolute end stays."""
    await next_auth.sign_in(client, ada.email)
    await database.execute(
        "UPDATE sessions SET idle_ends_at = now() + interval '1 day', last_used_at = now() - interval '13 days'"
    )
    ends_at = await database.fetchval("SELECT max(ends_at) FROM sessions")
    await next_auth.get_session(client)
    await app.state.parts.sessions.uses.flush()
    row = await database.fetchrow("SELECT ends_at, idle_ends_at - now() AS left FROM sessions ORDER BY ends_at DESC")
    assert (row["ends_at"], row["left"].days) == (ends_at, 13)


async def test_a_token_about_to_expire_is_replaced(client: httpx2.AsyncClient, ada: Person) -> None:
    """With less than a minute left the session gets a fresh access token; with more it keeps the one it has."""
    await next_auth.sign_in(client, ada.email)
    claims = open_session_cookie(client)
    for left, is_kept in ((30, False), (600, True)):
        now = int(time.time())
        old = forge({**read_claims(str(claims["accessToken"])), "iat": now + left - TTL, "exp": now + left})
        sealed = SEALER.seal({**claims, "accessToken": old}, now)
        answer = await client.get("/api/auth/session", headers={"cookie": f"{SESSION_COOKIE}={sealed}"})
        assert (answer.json()["user"]["accessToken"] == old) is is_kept
        token = answer.json()["user"]["accessToken"]
        assert (await client.get("/api/me", headers={"authorization": token})).status_code == 200


async def test_the_session_tells_the_users_present_name(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """After a change of name the session, and the access token in it, have the new one."""
    await next_auth.sign_in(client, ada.email)
    await database.execute("UPDATE users SET name = 'Ada King'")
    user = (await next_auth.get_session(client))["user"]
    assert isinstance(user, dict)
    assert (user["name"], read_claims(user["accessToken"])["name"]) == ("Ada King", "Ada King")


@pytest.mark.parametrize(
    "change",
    ["SET roles = '{admin}'", "SET roles = '{}'", "SET email = 'ada@king.example'"],
    ids=["given", "taken", "e-mail"],
)
async def test_the_session_tells_what_the_user_is_now(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, change: str
) -> None:
    """A role given or taken, or another e-mail address, shows in the next session, and in the access token in it."""
    await database.execute("UPDATE users SET roles = '{editor}'")
    await next_auth.sign_in(client, ada.email)
    await database.execute(f"UPDATE users {change}")
    user = (await next_auth.get_session(client))["user"]
    assert isinstance(user, dict)
    row = await database.fetchrow("SELECT email, roles FROM users")
    claims = read_claims(user["accessToken"])
    assert (user["email"], claims["email"], claims.get("roles", [])) == (row["email"], row["email"], row["roles"])
    assert (await next_auth.get_session(client))["user"]["accessToken"] == user["accessToken"]  # type: ignore[index]


async def test_signing_out_clears_the_cookie_and_revokes_the_session(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Signing out returns where to go, clears the cookie and revokes the row: a copy of the cookie is worthless."""
    await next_auth.sign_in(client, ada.email)
    copy = client.cookies[SESSION_COOKIE]
    answer = await next_auth.sign_out(client, callbackUrl="/")
    assert (answer.status_code, answer.json()) == (200, {"url": f"{PUBLIC_URL}/"})
    assert SESSION_COOKIE not in client.cookies
    assert await database.fetchval("SELECT count(*) FROM sessions WHERE revoked_because = 'signed_out'") == 1
    later = await client.get("/api/auth/session", headers={"cookie": f"{SESSION_COOKIE}={copy}"})
    assert later.json() == {}


async def test_signing_out_needs_the_csrf_token(client: httpx2.AsyncClient, ada: Person) -> None:
    """Without the csrf token nobody is signed out."""
    await next_auth.sign_in(client, ada.email)
    answer = await next_auth.sign_out(client, csrfToken="a" * 64)
    assert (answer.status_code, answer.json()) == (403, {"url": f"{PUBLIC_URL}/api/auth/signout?csrf=true"})
    assert (await next_auth.get_session(client))["user"]


async def test_signing_out_twice_is_no_error(client: httpx2.AsyncClient) -> None:
    """Signing out without a session returns where to go."""
    assert (await next_auth.sign_out(client)).json() == {"url": PUBLIC_URL}
