"""A forgotten password, by the API: which codes set a new one, how often, and what that ends."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.mail.codes import TRIES, show_code
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.guessing import DEFAULTS, ELSEWHERE, FAR, HOME, hold_still
from tests.support.guessing import sign_in as try_to_sign_in
from tests.support.letters import WITH_MAIL, change_code, find_code, list_letters
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.recovery import ASK, CONFIRM, FLOW_COOKIE, NEW_PASSWORD, ask, confirm, get_code
from tests.support.services import auth_settings, client_of, running

REFUSED = {"error": "This code is not right, or no longer valid. Ask for a new one"}


@pytest.fixture
async def grace(mail_client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in, by the service with mail."""
    return await sign_up_and_in(mail_client, "Grace Hopper")


async def can_sign_in(client: httpx2.AsyncClient, email: str, password: str) -> bool:
    """Tell whether a password opens an account."""
    return (await client.post("/api/login", json={"username": email, "password": password})).status_code == 200


async def list_events(database: asyncpg.Connection) -> list[tuple[str, int | None]]:
    """Return what the audit says of codes and passwords, the oldest first."""
    rows = await database.fetch(
        "SELECT event, user_id FROM audit WHERE event ~ '^(code|email|letter|password)_' ORDER BY id"
    )
    return [(row["event"], row["user_id"]) for row in rows]


async def test_a_forgotten_password_is_replaced(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """With the code from the letter a new password is set: it opens the account, and the old one does not.

    The user is told by another letter, their address is proven, and the audit has it all, without the code.
    """
    code = await get_code(mail_client, database, grace.email)
    answer = await confirm(mail_client, grace.email, code)
    assert (answer.status_code, answer.content) == (204, b"")
    letters = await list_letters(database)
    assert await can_sign_in(mail_client, grace.email, NEW_PASSWORD)
    assert not await can_sign_in(mail_client, grace.email, PASSWORD)
    assert [(letter.kind, letter.address) for letter in letters] == [
        ("reset_code", grace.email),
        ("password_changed", grace.email),
    ]
    assert {letter.facts["name"] for letter in letters} == {"Grace Hopper"}
    assert letters[1].facts["address"] == "203.0.113.1"
    assert await database.fetchval("SELECT email_verified_at IS NOT NULL FROM users WHERE id = $1", grace.id)
    assert await list_events(database) == [("email_proven", grace.id), ("password_reset", grace.id)]
    assert code not in str(await database.fetch("SELECT * FROM audit"))


async def test_nobody_is_signed_in_by_it(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Setting a password begins no session and sets no cookie (ASVS 5.0, 6.4.3)."""
    code = await get_code(mail_client, database, grace.email)
    before = await database.fetchval("SELECT count(*) FROM sessions")
    answer = await confirm(mail_client, grace.email, code)
    assert "set-cookie" not in answer.headers
    assert await database.fetchval("SELECT count(*) FROM sessions") == before


async def test_all_sessions_end_at_once(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Every session ends, with its tokens: they are in the feed as soon as the new password is set."""
    async with client_of(mail_app) as browser:
        await next_auth.sign_in(browser, grace.email)
        pair = (await browser.post("/api/login", json={"username": grace.email, "password": PASSWORD})).json()
        code = await get_code(mail_client, database, grace.email)
        assert (await mail_client.get("/api/me", headers=grace.bearer)).status_code == 200
        assert (await confirm(mail_client, grace.email, code)).status_code == 204
        assert (await mail_client.get("/api/me", headers=grace.bearer)).status_code == 401
        assert (await browser.post("/api/token", json={"refreshToken": pair["refreshToken"]})).status_code == 401
        assert await next_auth.get_session(browser) == {}
    ended = await database.fetch("SELECT id, revoked_because FROM sessions")
    assert {row["revoked_because"] for row in ended} == {"password_reset"}
    told = await database.fetch("SELECT session_id, xmin::text FROM revocations")
    assert {row["session_id"] for row in told} == {row["id"] for row in ended}
    # One transaction wrote the password, the feed and the letter.
    user = await database.fetchval("SELECT xmin::text FROM users WHERE id = $1", grace.id)
    letter = await database.fetchval("SELECT xmin::text FROM letters WHERE kind = 'password_changed'")
    assert {row["xmin"] for row in told} == {user} == {letter}


@pytest.mark.parametrize("write", [str.lower, show_code, lambda code: f" {show_code(code)}\n"])
async def test_a_code_is_typed_as_people_do(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, write: object
) -> None:
    """Case, hyphens and blanks make no difference in a code, nor does the spelling of the address."""
    assert callable(write)
    code = await get_code(mail_client, database, f" {grace.email.upper()}")
    assert (await list_letters(database))[-1].address == grace.email
    assert (await confirm(mail_client, grace.email.title(), write(code))).status_code == 204


async def test_five_wrong_ones_end_a_code(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """A wrong code is 400 in one sentence, and after five the right one is too; each has an audit line."""
    code = await get_code(mail_client, database, grace.email)
    for _ in range(TRIES):
        answer = await confirm(mail_client, grace.email, change_code(code))
        assert (answer.status_code, answer.json()) == (400, REFUSED)
    answer = await confirm(mail_client, grace.email, code)
    assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert await can_sign_in(mail_client, grace.email, PASSWORD)
    assert await list_events(database) == [("code_refused", grace.id)] * (TRIES + 1)


async def test_what_can_be_no_code_costs_no_try(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """A code with a letter too few is refused like a wrong one, and can be typed again as often as one likes."""
    code = await get_code(mail_client, database, grace.email)
    for typed in [code[:-1], code + "0", "", "UUUU-UUUU"] * 2:
        answer = await confirm(mail_client, grace.email, typed)
        assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert (await confirm(mail_client, grace.email, code)).status_code == 204


async def test_a_code_is_for_the_browser_that_asked(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Without the cookie, or with another's, the right code is refused, and costs its owner no try (ASVS 6.6.2)."""
    code = await get_code(mail_client, database, grace.email)
    async with client_of(mail_app) as other, client_of(mail_app) as stranger:
        await get_code(other, database, "somebody@example.com")
        for client in (other, stranger):
            for _ in range(TRIES):
                answer = await confirm(client, grace.email, code)
                assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert (await confirm(mail_client, grace.email, code)).status_code == 204


async def test_a_code_is_for_one_address(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """With another account's address the right code is refused, and nothing changes there."""
    other = await sign_up_and_in(mail_client, "Mary Jackson")
    code = await get_code(mail_client, database, grace.email)
    answer = await confirm(mail_client, other.email, code)
    assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert await can_sign_in(mail_client, other.email, PASSWORD)


@pytest.mark.parametrize("age", ["expired", "used", "renewed"])
async def test_an_old_code_is_refused(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, age: str
) -> None:
    """A code that has expired, was used, or has a newer one after it is refused, all in the same words."""
    code = await get_code(mail_client, database, grace.email)
    if age == "expired":
        assert await database.fetchval("SELECT max(expires_at - created_at) FROM codes") <= dt.timedelta(minutes=10)
        await database.execute("UPDATE codes SET expires_at = now()")
    elif age == "used":
        assert (await confirm(mail_client, grace.email, code)).status_code == 204
    else:
        assert await get_code(mail_client, database, grace.email) != code
    answer = await confirm(mail_client, grace.email, code, "yet another password")
    assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert not await can_sign_in(mail_client, grace.email, "yet another password")
    assert (await list_events(database))[-1] == ("code_refused", grace.id)


async def test_asking_elsewhere_ends_a_code(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Of two browsers that asked for the same account, the later one has the code that is good."""
    first = await get_code(mail_client, database, grace.email)
    async with client_of(mail_app) as other:
        second = await get_code(other, database, grace.email)
        assert (await confirm(mail_client, grace.email, first)).status_code == 400
        assert (await confirm(other, grace.email, second)).status_code == 204


async def test_a_refused_password_uses_nothing_up(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """A password that breaks a rule is 422 and names ``password``; the code is good for a better one, however often.

    The rules are those of signing up, and know the user's name and address.
    """
    code = await get_code(mail_client, database, grace.email)
    for password in ("short", "x" * 1025, "grace hopper", grace.email, "password1234"):
        answer = await confirm(mail_client, grace.email, code, password)
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["password"]), password
    assert (await confirm(mail_client, grace.email, code)).status_code == 204


async def test_a_password_is_judged_only_with_the_right_code(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """With a wrong code nothing is said of the password: its rules would tell a user's name."""
    code = await get_code(mail_client, database, grace.email)
    for password in ("short", "grace hopper"):
        assert (await confirm(mail_client, grace.email, change_code(code), password)).status_code == 400


async def test_of_fifty_confirmations_one_wins(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Of fifty simultaneous confirmations with the right code one sets its password, and the others nothing."""
    code = await get_code(mail_client, database, grace.email)
    passwords = [f"staple battery horse {number}" for number in range(50)]
    answers = await asyncio.gather(*(confirm(mail_client, grace.email, code, each) for each in passwords))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 503}  # 503: more than one core can take in
    assert await can_sign_in(mail_client, grace.email, passwords[statuses.index(204)])
    assert [letter.kind for letter in await list_letters(database)].count("password_changed") == 1
    assert [event for event, _ in await list_events(database)].count("password_reset") == 1


async def test_a_disabled_user_stays_out(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Whoever is disabled is answered like anybody, and a new password opens nothing to them."""
    await database.execute("UPDATE users SET disabled_at = now() WHERE id = $1", grace.id)
    code = await get_code(mail_client, database, grace.email)
    assert (await confirm(mail_client, grace.email, code)).status_code == 204
    assert not await can_sign_in(mail_client, grace.email, NEW_PASSWORD)


async def test_a_user_who_is_gone_has_no_code(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """A code of an account that was deleted meanwhile is refused, even where somebody new has its address."""
    code = await get_code(mail_client, database, grace.email)
    await mail_client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=grace.bearer)
    assert (await confirm(mail_client, grace.email, code)).status_code == 400
    body = {"name": "Somebody New", "email": grace.email, "password": PASSWORD}
    assert (await mail_client.post("/api/user", json=body)).status_code == 201
    assert (await confirm(mail_client, grace.email, code)).status_code == 400
    assert await can_sign_in(mail_client, grace.email, PASSWORD)


async def test_a_code_to_an_address_of_before_is_refused(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """A code that was sent to an address that is no longer the account's is refused, whatever else became of it."""
    code = await get_code(mail_client, database, grace.email)
    moved = "UPDATE users SET email = $1, email_key = $1 WHERE id = $2"
    await database.execute(moved, "grace.new@example.com", grace.id)
    for email in (grace.email, "grace.new@example.com"):
        assert (await confirm(mail_client, email, code)).status_code == 400
    assert await can_sign_in(mail_client, "grace.new@example.com", PASSWORD)


async def test_a_user_without_a_password_gets_one(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """An account whose password is void lets nobody in by any, until one is set by way of its address."""
    await database.execute("UPDATE users SET password_hash = NULL, password_set_at = clock_timestamp()")
    assert not await can_sign_in(mail_client, grace.email, PASSWORD)
    code = await get_code(mail_client, database, grace.email)
    assert (await confirm(mail_client, grace.email, code)).status_code == 204
    assert await can_sign_in(mail_client, grace.email, NEW_PASSWORD)


async def test_an_address_without_an_account_gets_no_code(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Whoever has no account is told so by a letter, and no code is good for anything."""
    assert (await ask(mail_client, "nobody@example.com")).status_code == 202
    (letter,) = await list_letters(database)
    assert (letter.kind, letter.address, letter.facts) == ("nobody_here", "nobody@example.com", {})
    answer = await confirm(mail_client, "nobody@example.com", "7K3F-9QXM")
    assert (answer.status_code, answer.json()) == (400, REFUSED)


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@example.com", '"a b"@example.com', "ada@example.com\r\nBcc: x@y.org"]
)
async def test_only_an_address_is_sent_anything(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, email: str
) -> None:
    """What nobody could have signed up with is 422, and no letter is written (ASVS 1.3.11)."""
    answer = await ask(mail_client, email)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["email"])
    assert await list_letters(database) == []


async def test_a_letter_is_in_the_language_of_who_asks(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """The letter with the code is in the language that the client asks for, whose owner reads it."""
    await mail_client.post(ASK, json={"email": grace.email}, headers={"accept-language": "ko-KR, en;q=0.5"})
    assert [letter.language for letter in await list_letters(database)] == ["ko"]


async def test_without_mail_there_is_none_of_this(client: httpx2.AsyncClient) -> None:
    """Without ``SMTP_URL`` all of these paths are 404, and no page names them."""
    for path in (ASK, CONFIRM, "/forgot", "/forgot/code"):
        for method in ("GET", "POST"):
            assert (await client.request(method, path)).status_code == 404
    ada = await sign_up_and_in(client, "Ada Lovelace")
    assert "/forgot" not in (await client.get("/api/auth/signin")).text
    await next_auth.sign_in(client, ada.email)
    assert "/forgot" not in (await client.get("/account/password")).text
    assert ASK not in (await client.get("/openapi.json")).json()["paths"]


# Limits


@pytest.fixture(scope="module")
async def strict_app(mail_app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give a service with mail and the default limits."""
    del mail_app  # the tables are there
    few = {"letter_pause": 60, "letters_per_hour": 3, "letters_per_day": 10, "letters_per_client": 20}
    settings = auth_settings(auth_database_url, **{**WITH_MAIL, **DEFAULTS, **few})
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def strict(strict_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of it, on an emptied database."""
    del database
    async with client_of(strict_app) as client:
        yield client


async def pass_letter_time(database: asyncpg.Connection, span: dt.timedelta) -> None:
    """Let so much time pass for the counts of letters."""
    await database.execute("UPDATE attempts SET last_at = last_at - $1::interval, since = since - $1::interval", span)


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_an_address_gets_few_letters(
    strict: httpx2.AsyncClient, database: asyncpg.Connection, email: str
) -> None:
    """One a minute, three an hour and ten a day, whoever asks, in whatever spelling, and whether anybody has it.

    More are 429 with ``Retry-After``, and nothing is written of them. Each allowance refills evenly.
    """
    body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    await strict.post("/api/user", json=body, headers={"x-forwarded-for": HOME})
    waits = []
    for minutes in (0, 1, 1, *(20,) * 10):
        await pass_letter_time(database, dt.timedelta(minutes=minutes))
        assert (await ask(strict, email, HOME)).status_code == (429 if waits and waits[-1] > 1200 else 202)
        waits.append(int((await ask(strict, email.upper(), FAR)).headers["retry-after"]))
    assert waits[0] == waits[1] == 60
    by_hour = [wait for wait in waits[2:] if wait <= 1200]
    assert min(by_hour) > 600
    assert 1200 < waits[-1] <= 8640  # ten a day: one in 2.4 hours
    written = 2 + len(by_hour) + 1
    assert 10 <= written <= 12  # of which some come back meanwhile
    assert len(await list_letters(database)) == await database.fetchval("SELECT count(*) FROM codes") == written


async def test_a_client_gets_few_letters_sent(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """One client's address asks for twenty letters an hour; others still may. The first refusal is in the audit."""
    for number in range(20):
        assert (await ask(strict, f"person{number}@example.com", HOME)).status_code == 202
    for number in range(20, 23):
        assert (await ask(strict, f"person{number}@example.com", HOME)).status_code == 429
    assert (await ask(strict, "person20@example.com", ELSEWHERE)).status_code == 202
    assert [event for event, _ in await list_events(database)] == ["letter_throttled"]


async def test_nobody_uses_up_the_letters_of_a_known_browser(
    strict_app: Starlette, strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A browser that was signed in to the account has an allowance of its own: nobody else can use it up.

    One that was signed in to another account has not, nor one that was with an earlier password.
    """
    async with client_of(strict_app) as grace, client_of(strict_app) as mary:
        for browser, name in ((grace, "grace"), (mary, "mary")):
            email = f"{name}@example.com"
            await strict.post("/api/user", json={"name": name, "email": email, "password": PASSWORD})
            assert (await next_auth.sign_in(browser, email)).status_code == 200
        assert (await ask(strict, "grace@example.com", FAR)).status_code == 202
        assert (await ask(strict, "grace@example.com", ELSEWHERE)).status_code == 429
        assert (await ask(mary, "grace@example.com", HOME)).status_code == 429
        assert (await ask(grace, "grace@example.com", HOME)).status_code == 202
        assert (await ask(grace, "grace@example.com", HOME)).status_code == 429
        await database.execute("UPDATE users SET password_set_at = now() + interval '5 minutes'")
        await pass_letter_time(database, dt.timedelta(minutes=1))
        assert (await ask(strict, "grace@example.com", FAR)).status_code == 202
        assert (await ask(grace, "grace@example.com", HOME)).status_code == 429


async def test_sign_ins_buy_no_letters_to_an_address_that_nobody_proved(
    strict_app: Starlette, strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Whoever signed up with another's address can't have it flooded by signing in again and again.

    All browsers that know such an account share one allowance; a proven account's have one each.
    """
    email = "victim@example.com"
    await strict.post("/api/user", json={"name": "Mallory", "email": email, "password": PASSWORD})
    for statuses in ([202, 429, 429], [202, 202, 202]):
        asked = []
        for address in (HOME, ELSEWHERE, FAR):
            async with client_of(strict_app) as browser:
                assert (await next_auth.sign_in(browser, email)).status_code == 200
                asked.append((await ask(browser, email, address)).status_code)
        assert asked == statuses
        await database.execute("UPDATE users SET email_verified_at = now()")


async def test_a_flood_of_codes_is_bounded(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """A client that types codes without end is 429, and no longer fills the audit; others go on."""
    statuses = [(await confirm(strict, "nobody@example.com", "7K3F9QXM", address=HOME)).status_code for _ in range(110)]
    refused = statuses.count(400)
    assert statuses == [400] * refused + [429] * (110 - refused)
    assert 100 <= refused < 110  # as many as of wrong passwords, of which some come back meanwhile
    events = [event for event, _ in await list_events(database)]
    assert events.count("code_refused") == refused
    assert events.count("code_throttled") == 1
    assert (await confirm(strict, "nobody@example.com", "7K3F9QXM", address=FAR)).status_code == 400


async def sign_up_at_home(client: httpx2.AsyncClient) -> None:
    """Sign Ada up, and in, at home."""
    body = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    await client.post("/api/user", json=body, headers={"x-forwarded-for": HOME})
    assert (await try_to_sign_in(client, "ada@example.com", PASSWORD, HOME)).status_code == 200


async def close_account(client: httpx2.AsyncClient, database: asyncpg.Connection, address: str = ELSEWHERE) -> None:
    """Let a hundred tries from strangers' addresses fail, the last from this one, which closes the account to them."""
    assert (await try_to_sign_in(client, "ada@example.com", address=address)).status_code == 401
    await database.execute("UPDATE attempts SET in_a_row = 100 WHERE in_a_row = 1 AND NOT is_known")
    await hold_still(database)


async def test_the_owner_gets_in_after_a_reset_whatever_others_tried(
    strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """While a flood keeps the account closed, its owner sets a new password and signs in at once from there.

    The flood may go on: it closes the account anew to others, and not to the owner.
    """
    await sign_up_at_home(strict)
    await close_account(strict, database)
    assert (await try_to_sign_in(strict, "ada@example.com", PASSWORD, FAR)).status_code == 429
    assert (await ask(strict, "ada@example.com", FAR)).status_code == 202
    code = await find_code(database)
    assert (await confirm(strict, "ada@example.com", code, address=FAR)).status_code == 204
    await close_account(strict, database, "198.51.100.2")
    assert (await try_to_sign_in(strict, "ada@example.com", NEW_PASSWORD, "192.0.2.77")).status_code == 429
    assert (await try_to_sign_in(strict, "ada@example.com", NEW_PASSWORD, FAR)).status_code == 200


async def test_a_reset_opens_the_account_everywhere(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Who sets a new password on one device signs in with it on another, even if a flood had closed the account."""
    await sign_up_at_home(strict)
    await close_account(strict, database)
    assert (await ask(strict, "ada@example.com", FAR)).status_code == 202
    assert (await confirm(strict, "ada@example.com", await find_code(database), address=FAR)).status_code == 204
    assert (await try_to_sign_in(strict, "ada@example.com", NEW_PASSWORD, "192.0.2.77")).status_code == 200


async def test_who_knew_the_old_password_has_no_advantage(
    strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """After a reset an address that was signed in from before is a stranger's: a closed account is closed to it."""
    await sign_up_at_home(strict)
    assert (await ask(strict, "ada@example.com", FAR)).status_code == 202
    assert (await confirm(strict, "ada@example.com", await find_code(database), address=FAR)).status_code == 204
    await close_account(strict, database)
    assert (await try_to_sign_in(strict, "ada@example.com", NEW_PASSWORD, HOME)).status_code == 429
    assert FLOW_COOKIE in strict.cookies
