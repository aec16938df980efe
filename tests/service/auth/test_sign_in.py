"""Signing in over the JSON API, and what it must not reveal."""

import asyncio
import hashlib
import unicodedata

import argon2
import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.clients import Client
from auth_service.passwords.hashing import LANES, MEMORY, PASSES
from auth_service.tables.new_sessions import ProvenUser
from shared.observing.metrics import Metrics
from tests.support.forged_tokens import read_claims
from tests.support.people import PASSWORD, Person
from tests.support.signers import USUAL

VOLATILE = {"x-request-id", "date"}


async def sign_in(client: httpx2.AsyncClient, username: str, password: str = PASSWORD) -> httpx2.Response:
    """Try to sign in."""
    return await client.post("/api/login", json={"username": username, "password": password})


async def test_answers_the_user_and_the_tokens(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signing in returns the user without the password, an access token for an hour, and a refresh token."""
    answer = await sign_in(client, ada.email)
    assert answer.status_code == 200
    assert set(answer.json()) == {
        *("id", "name", "email", "createdAt", "updatedAt"),
        *("accessToken", "refreshToken", "expiresIn"),
    }
    assert answer.json()["expiresIn"] == 3600
    assert answer.headers["cache-control"] == "no-store"
    assert "password" not in answer.text.lower()


async def test_the_access_token_says_who_and_for_how_long(client: httpx2.AsyncClient, ada: Person) -> None:
    """The access token names its issuer, audience, user and session, when that began, and is valid for 3600 seconds."""
    claims = read_claims((await sign_in(client, ada.email)).json()["accessToken"])
    by_key_pair = {"client_id"} if USUAL.signer.key else set()
    ours = {"iss", "aud", "sub", "id", "name", "email", "sid", "jti", "iat", "exp", "auth_time"}
    assert set(claims) == {*ours, *by_key_pair}
    assert 0 <= int(str(claims["iat"])) - int(str(claims["auth_time"])) < 60
    assert (claims["iss"], claims["aud"]) == ("http://localhost:3000", "gatepost")
    assert (claims["sub"], claims["id"], claims["name"]) == (str(ada.id), ada.id, ada.name)
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 3600


async def test_the_access_token_says_that_the_address_is_proven(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A user who has proven their address has ``email_verified`` in the access tokens from the next one on."""
    await database.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", ada.id)
    signed_in = (await sign_in(client, ada.email)).json()
    refreshed = (await client.post("/api/token", json={"refreshToken": signed_in["refreshToken"]})).json()
    for token in (signed_in["accessToken"], refreshed["accessToken"]):
        assert read_claims(token)["email_verified"] is True


async def test_the_access_token_says_the_users_roles(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Roles given to a user are in the access tokens from the next one on."""
    await database.execute("UPDATE users SET roles = '{admin,writer}' WHERE id = $1", ada.id)
    claims = read_claims((await sign_in(client, ada.email)).json()["accessToken"])
    assert claims["roles"] == ["admin", "writer"]


@pytest.mark.parametrize("member", ["username", "email"])
async def test_the_email_goes_by_two_names(client: httpx2.AsyncClient, ada: Person, member: str) -> None:
    """``email`` is accepted for ``username``, in any case."""
    answer = await client.post("/api/login", json={member: ada.email.upper(), "password": PASSWORD})
    assert answer.status_code == 200


async def test_each_sign_in_is_a_session_of_its_own(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Each sign-in makes a new session that ends in 30 days, or unused in 14, and records where it came from."""
    headers = {"user-agent": "Tester/1.0", "x-forwarded-for": "198.51.100.7, 203.0.113.9"}
    body = {"username": ada.email, "password": PASSWORD}
    answer = await client.post("/api/login", json=body, headers=headers)
    sid = read_claims(answer.json()["accessToken"])["sid"]
    row = await database.fetchrow("SELECT *, ends_at - created_at AS age FROM sessions WHERE id = $1", sid)
    assert await database.fetchval("SELECT count(*) FROM sessions") == 2
    assert (row["user_id"], row["user_agent"], str(row["address"])) == (ada.id, "Tester/1.0", "203.0.113.9")
    assert row["age"].days == 30
    assert (row["idle_ends_at"] - row["created_at"]).days == 14


async def test_only_the_hash_of_a_refresh_token_is_stored(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """A refresh token has 256 random bits; the database holds its SHA-256, for its session."""
    answer = (await sign_in(client, ada.email)).json()
    digest = hashlib.sha256(answer["refreshToken"].encode()).digest()
    session_id = await database.fetchval("SELECT session_id FROM refresh_tokens WHERE token_hash = $1", digest)
    assert str(session_id) == read_claims(answer["accessToken"])["sid"]
    assert len(answer["refreshToken"]) == 43


async def test_an_unknown_email_and_a_wrong_password_look_the_same(client: httpx2.AsyncClient, ada: Person) -> None:
    """Both are 401 with the same bytes and the same headers."""
    wrong = await sign_in(client, ada.email, "not the password")
    unknown = await sign_in(client, "nobody@example.com", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content == b'{"error":"Invalid credentials"}'
    assert steady(wrong) == steady(unknown)
    assert wrong.headers["www-authenticate"] == 'Bearer realm="gatepost"'


def steady(answer: httpx2.Response) -> list[tuple[str, str]]:
    """Return the headers that must not differ."""
    return [(name, value) for name, value in answer.headers.multi_items() if name not in VOLATILE]


async def test_an_unknown_email_costs_the_same_hash(client: httpx2.AsyncClient, ada: Person, app: Starlette) -> None:
    """A sign-in runs exactly one hash, whichever user it names."""
    for username in (ada.email, "nobody@example.com", "no address", ""):
        before = count_hashes(app)
        await sign_in(client, username, "not the password")
        assert count_hashes(app) - before == 1


def count_hashes(app: Starlette) -> float:
    """Return how many hashes the service has run."""
    metrics = next(m.kwargs["metrics"] for m in app.user_middleware if "metrics" in m.kwargs)
    assert isinstance(metrics, Metrics)
    return metrics.registry.get_sample_value("gatepost_password_hashes_total") or 0.0


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "x" * 3900])
async def test_a_password_that_nobody_can_have_is_wrong_like_any(
    client: httpx2.AsyncClient, ada: Person, password: str
) -> None:
    """A password that is too short or too long for anyone gets the same 401."""
    answer = await sign_in(client, ada.email, password)
    assert (answer.status_code, answer.content) == (401, b'{"error":"Invalid credentials"}')


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "ada@example.com"},
        {"password": PASSWORD},
        {"username": "a", "email": "b", "password": PASSWORD},
        {"username": "a\0b", "password": PASSWORD},
        {"username": 1, "password": PASSWORD},
        {"username": "ada@example.com", "password": PASSWORD, "remember": True},
    ],
)
async def test_a_body_of_another_shape_is_invalid(client: httpx2.AsyncClient, body: dict[str, object]) -> None:
    """A sign-in without both members, or with others, is 422."""
    answer = await client.post("/api/login", json=body)
    assert answer.status_code == 422
    assert answer.json()["fields"]


async def test_what_happened_is_kept_without_secrets(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Sign-up, sign-in and each refusal are audit lines that name the request, and no password or e-mail."""
    await client.post(
        "/api/login",
        json={"username": ada.email, "password": "not the password"},
        headers={"x-request-id": "request-0001", "x-forwarded-for": "2001:db8::1"},
    )
    await sign_in(client, "nobody@example.com", "not the password")
    lines = [dict(row) for row in await database.fetch("SELECT * FROM audit ORDER BY id")]
    events = [(line["event"], line["user_id"]) for line in lines]
    assert events == [
        ("signed_up", ada.id),
        ("signed_in", ada.id),
        ("sign_in_refused", ada.id),
        ("sign_in_refused", None),
    ]
    assert (lines[2]["request_id"], str(lines[2]["address"])) == ("request-0001", "2001:db8::1")
    assert not any(text in str(lines) for text in (PASSWORD, "not the password", ada.email, "nobody"))


async def test_an_older_hash_is_renewed(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """A hash with other parameters than today's is replaced when its user signs in."""
    await store_old_hash(database, ada)
    assert (await sign_in(client, ada.email)).status_code == 200
    renewed = await database.fetchval("SELECT password_hash FROM users WHERE id = $1", ada.id)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await sign_in(client, ada.email)).status_code == 200


async def test_no_hash_is_renewed_for_how_it_was_typed(
    client: httpx2.AsyncClient, app: Starlette, ada: Person, database: asyncpg.Connection
) -> None:
    """Typing on a system that decomposes letters costs one hash at each sign-in, like any other, and it stays."""
    composed = unicodedata.normalize("NFC", "비밀스러운 열쇠말 하나")
    stored = argon2.PasswordHasher(PASSES, MEMORY, LANES).hash(composed)
    await database.execute("UPDATE users SET password_hash = $2 WHERE id = $1", ada.id, stored)
    hashes = count_hashes(app)
    for number in (1, 2):
        assert (await sign_in(client, ada.email, unicodedata.normalize("NFD", composed))).status_code == 200
        assert count_hashes(app) - hashes == number
    assert await database.fetchval("SELECT password_hash FROM users WHERE id = $1", ada.id) == stored


async def test_failing_to_renew_a_hash_does_not_fail_the_sign_in(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """While the user's row is locked the hash can't be renewed, but the sign-in succeeds."""
    old = await store_old_hash(database, ada)
    async with database.transaction():
        await database.execute("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", ada.id)
        assert (await sign_in(client, ada.email)).status_code == 200
    assert await database.fetchval("SELECT password_hash FROM users WHERE id = $1", ada.id) == old


async def store_old_hash(database: asyncpg.Connection, person: Person) -> str:
    """Give the person a hash with outdated parameters."""
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await database.execute("UPDATE users SET password_hash = $2 WHERE id = $1", person.id, old)
    return old


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain text",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=4000000,p=1$c29tZXNhbHQ$" + "A" * 43,
        "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=2,p=1$!$" + "A" * 43,
    ],
)
async def test_an_absurd_stored_hash_is_never_run(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, stored: str
) -> None:
    """A stored hash that is broken, of another kind or absurdly costly is a wrong password, answered just as fast."""
    await database.execute("UPDATE users SET password_hash = $2 WHERE id = $1", ada.id, stored)
    answer = await asyncio.wait_for(sign_in(client, ada.email), 5)
    assert (answer.status_code, answer.content) == (401, b'{"error":"Invalid credentials"}')


async def test_a_sign_in_is_planned_once(
    client: httpx2.AsyncClient, ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """PostgreSQL plans a sign-in's statements a few times per connection, and then no more, wherever it comes from."""
    for number in range(12):
        headers = {"x-forwarded-for": f"198.51.100.{number // 2}"}  # the second time the address is known
        body = {"username": ada.email, "password": PASSWORD}
        assert (await client.post("/api/login", json=body, headers=headers)).status_code == 200
    async with app.state.parts.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT statement, custom_plans > 5 AS is_planned_anew FROM pg_prepared_statements"
            " WHERE statement ~ 'attempts|email_key = ' AND statement !~ 'pg_prepared_statements|DELETE FROM'"
        )
    assert await database.fetchval("SELECT count(*) FROM sessions") == 13
    assert any("WITH account" in row["statement"] for row in rows)
    assert [row["statement"] for row in rows if row["is_planned_anew"]] == []


async def test_no_session_begins_for_somebody_who_is_gone(
    ada: Person, app: Starlette, database: asyncpg.Connection
) -> None:
    """A user who is deleted before their session begins gets none, and nothing of it is written."""
    parts, ghost = app.state.parts, Client(None, "Tester/1.0", "request-0001")
    user = await parts.accounts.delete(ada.id, ghost)
    before = await database.fetchval("SELECT count(*) FROM audit")
    assert await parts.sessions.begin(ProvenUser(user.id), ghost) is None
    await parts.housekeeping.finish()
    assert await database.fetchval("SELECT count(*) FROM sessions") == 0
    assert await database.fetchval("SELECT count(*) FROM audit") == before
