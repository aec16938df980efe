"""Signing up over the JSON API."""

import json
import unicodedata

import asyncpg
import httpx2
import pytest

from tests.support import next_auth
from tests.support.epochs import note_restart
from tests.support.people import PASSWORD

ADA = {"name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD}


async def test_answers_the_user_and_where_to_find_their_posts(client: httpx2.AsyncClient) -> None:
    """Signing up returns 201, ``Location`` and the user as typed, with times in UTC and without the password."""
    answer = await client.post("/api/user", json=ADA)
    user = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/user/{user['id']}"
    assert set(user) == {"id", "name", "email", "createdAt", "updatedAt"}
    assert (user["name"], user["email"]) == (ADA["name"], ADA["email"])
    assert user["createdAt"].endswith("Z")
    assert PASSWORD not in answer.text


async def test_keeps_the_password_only_as_argon2id(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """A password is stored as argon2id with 19 MiB, two passes and one lane, and nowhere in the clear."""
    await client.post("/api/user", json=ADA)
    row = dict(await database.fetchrow("SELECT * FROM users"))
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(row)


@pytest.mark.parametrize(
    "spelling", ["ada@example.com", "ADA@EXAMPLE.COM", "\uff21da@example.com", " Ada@example.com\t"]
)
async def test_an_email_is_taken_however_it_is_spelled(client: httpx2.AsyncClient, spelling: str) -> None:
    """Two e-mail addresses that differ only in case or in compatible characters are the same: 409."""
    assert (await client.post("/api/user", json=ADA)).status_code == 201
    answer = await client.post("/api/user", json={**ADA, "email": spelling})
    assert answer.status_code == 409
    assert answer.json() == {"error": "This e-mail address is already taken"}


async def test_a_domain_in_two_spellings_is_one(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """In Unicode and in punycode a domain is the same: one account, which both sign in to, stored as typed.

    An older account, with punycode in its key, is found by both too; if there are two, each by its own.
    """
    letters, punycode = "ada@b\u00fccher.example", "ada@xn--bcher-kva.example"

    async def sign_in(email: str) -> object:
        return (await client.post("/api/login", json={"username": email, "password": PASSWORD})).json().get("email")

    for email, other in ((letters, punycode), (punycode, letters)):
        await database.execute("DELETE FROM users")
        assert (await client.post("/api/user", json={**ADA, "email": f" {email} "})).json()["email"] == email
        assert (await client.post("/api/user", json={**ADA, "email": other})).status_code == 409
        assert [await sign_in(email), await sign_in(other)] == [email, email]
    await database.execute("UPDATE users SET email_key = $1", punycode)
    assert (await client.post("/api/user", json={**ADA, "email": letters})).status_code == 409
    assert [await sign_in(punycode), await sign_in(letters)] == [punycode, punycode]
    await database.execute(
        "INSERT INTO users (name, email, email_key, password_hash) SELECT name, $1, $1, password_hash FROM users",
        letters,
    )
    assert [await sign_in(punycode), await sign_in(letters)] == [punycode, letters]


async def test_blanks_around_an_email_do_not_count(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Blanks around an e-mail address are stripped, at sign-up and sign-in, in JSON and in a form."""
    created = await client.post("/api/user", json={**ADA, "email": "\u00a0Ada@Example.com \n"})
    assert (created.status_code, created.json().get("email")) == (201, "Ada@Example.com")
    body = {"username": " ada@example.com\t", "password": PASSWORD}
    assert (await client.post("/api/login", json=body)).status_code == 200
    assert (await next_auth.sign_in(client, "\u3000ada@example.com ")).status_code == 200
    form = {"name": " Eve ", "email": " eve@example.com ", "password": PASSWORD}
    form["csrfToken"] = await next_auth.get_csrf_token(client)
    assert (await client.post("/signup", data=form)).status_code == 303
    assert await database.fetchrow("SELECT name, email FROM users ORDER BY id DESC LIMIT 1") == (
        "Eve",
        "eve@example.com",
    )


async def test_a_taken_email_is_noted(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Trying to sign up with a taken e-mail address is an audit line without a user: who is trying is not known."""
    for _ in range(2):
        await client.post("/api/user", json=ADA, headers={"x-forwarded-for": "203.0.113.9"})
    rows = await database.fetch("SELECT event, user_id, host(address) AS address FROM audit ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        ("signed_up", 1, "203.0.113.9"),
        ("sign_up_refused", None, "203.0.113.9"),
    ]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 101),
        ("name", "two\nlines"),
        ("name", "NUL\0"),
        ("name", "lone \ud800"),
        ("name", 7),
        ("name", None),
        ("email", ""),
        ("email", "nobody"),
        ("email", "ada@localhost"),
        ("email", "ada@127.0.0.1"),
        ("email", "ada@[127.0.0.1]"),
        ("email", "ada@.example"),
        ("email", "a@b@c.example"),
        ("email", "Ada <ada@example.com>"),
        ("email", "a" * 250 + "@example.com"),
        ("email", "\ud800@example.com"),
        ("email", ["ada@example.com"]),
        ("password", "seven c"),
        ("password", "x" * 1025),
        ("password", "lone \ud800 surrogate"),
        ("password", "with a NUL \0"),
        ("password", 12345678),
        ("password", "Ada Lovelace"),
        ("password", "ada@example.com"),
        ("password", "GatePost"),
        ("password", "12341234"),
        ("password", "\U0001f600\U0001f680"),
        ("name", "\u200b\u200d"),
        ("name", "\u3164"),
        ("name", "\u115f\u1160"),
        ("name", "\u2800\u2800"),
        ("name", "\ufe0f"),
        ("name", "\u0301\u0302"),
        ("name", "\U000e0041\U000e007f"),
        ("role", "admin"),
        ("id", 1),
    ],
)
async def test_names_each_member_that_is_wrong(client: httpx2.AsyncClient, member: str, value: object) -> None:
    """A wrong or unknown member is 422, with a sentence under its name, and nobody is signed up."""
    body = json.dumps({**ADA, member: value})
    answer = await client.post("/api/user", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {member}
    assert (await client.post("/api/login", json={"username": ADA["email"], "password": PASSWORD})).status_code == 401


async def test_names_all_members_that_are_missing(client: httpx2.AsyncClient) -> None:
    """All missing required members are named at once."""
    answer = await client.post("/api/user", json={})
    assert answer.status_code == 422
    assert answer.json()["fields"] == dict.fromkeys(("name", "email", "password"), "is required")


@pytest.mark.parametrize("email", ["o'hara+tag@example.co.uk", "\uc544\ub2e4@example.com", "a@b\u00fccher.example"])
async def test_takes_emails_as_typed(client: httpx2.AsyncClient, email: str) -> None:
    """Addresses with tags and in any script are accepted and come back as typed."""
    answer = await client.post("/api/user", json={**ADA, "email": email})
    assert (answer.status_code, answer.json().get("email")) == (201, email)


@pytest.mark.parametrize(
    "password",
    [
        "k7#Qz!pw",
        "correct horse battery " * 46,
        "  spaces around  ",
        "비밀스러운 열쇠말 하나",
        "flag\tpole mast",
        unicodedata.normalize("NFD", "비밀스러운 열쇠말 하나"),
    ],
)
async def test_takes_passwords_exactly_as_typed(client: httpx2.AsyncClient, password: str) -> None:
    """A password of 8 characters to 1024 bytes is used as it is: only the same text signs in, in any normal form."""
    created = await client.post("/api/user", json={**ADA, "password": password})
    assert created.status_code == 201
    spellings = [(unicodedata.normalize("NFC", password), 200), (unicodedata.normalize("NFD", password), 200)]
    for typed, status in ((password, 200), *spellings, (password.strip() + "x", 401), (password + " ", 401)):
        answer = await client.post("/api/login", json={"username": ADA["email"], "password": typed})
        assert answer.status_code == status


async def test_a_name_comes_back_byte_for_byte(client: httpx2.AsyncClient) -> None:
    """Names in any script, quotes and angle brackets come back as they were sent."""
    name = "Ōe 健三郎 <b>&amp; 'o' \"x\" 🚀"
    answer = await client.post("/api/user", json={**ADA, "name": name})
    assert (answer.status_code, answer.json().get("name")) == (201, name)


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "a", "name": "b"}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"name=Ada", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
        (b'{"name": "' + b"x" * 4096 + b'"}', "application/json", 413),
    ],
)
async def test_refuses_what_is_no_such_body(
    client: httpx2.AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    """A body that is not JSON is 400, of another type 415, longer than 4 KiB 413, and never 500."""
    answer = await client.post("/api/user", content=content, headers={"content-type": media_type})
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_a_restart_of_the_database_refuses_nobody(
    client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Signing up before the service has noticed a restart of its database creates an account, with the next id."""
    await note_restart(database)
    assert (await client.post("/api/user", json=ADA)).json()["id"] == 1
    await note_restart(database)
    form = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    form["csrfToken"] = await next_auth.get_csrf_token(client)
    assert (await client.post("/signup", data=form)).status_code == 303
    assert await database.fetchval("SELECT max(id) FROM users") == 2
