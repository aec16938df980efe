"""Signing up where an address is proven first, over the JSON API and by pages."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.mail.codes import TRIES
from tests.support import next_auth
from tests.support.address_proofs import SIGN_UP_BY, watch_queries
from tests.support.html_forms import read_forms
from tests.support.letters import (
    change_code,
    find_code,
    find_letter,
    forget_letters,
    list_letters,
    running_with_mail,
    running_without_database,
)
from tests.support.people import PASSWORD
from tests.support.services import PUBLIC_URL, client_of

NAVIGATION = {"accept": "text/html"}
ADA = {"name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD}
AT_ONCE = 50
MANY = 100  # ``benchmarks.reset_times`` asks for more
SENTENCE = "Confirm your e-mail address first: ask for a new password"


@pytest.fixture(scope="module")
async def strict_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give a service where nobody signs in before their address is proven."""
    del app  # it makes the tables
    async with running_with_mail(auth_database_url, email_verification="required") as strict_app:
        yield strict_app


@pytest.fixture
async def strict(strict_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of it."""
    del database  # it has been emptied
    async with client_of(strict_app) as client:
        yield client


async def sign_up(client: httpx2.AsyncClient, database: asyncpg.Connection, **members: str) -> str:
    """Ask to sign up, and return the code."""
    await forget_letters(database)
    answer = await client.post("/api/user", json=ADA | members)
    assert answer.status_code == 202, answer.text
    return await find_code(database)


async def confirm(client: httpx2.AsyncClient, code: str, email: str = ADA["email"]) -> httpx2.Response:
    """Send the code."""
    return await client.post(SIGN_UP_BY, json={"email": email, "code": code})


async def count_users(database: asyncpg.Connection) -> int:
    """Return how many users there are."""
    count: int = await database.fetchval("SELECT count(*) FROM users")
    return count


# Over the JSON API


async def test_an_account_begins_with_its_code(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Signing up stores no user and sends a code; the code makes the account, proven, as signing up otherwise does."""
    asked = await strict.post("/api/user", json=ADA)
    assert (asked.status_code, asked.json()) == (202, {"expiresIn": 600})
    letter = await find_letter(database)
    assert (letter.kind, letter.address, set(letter.facts)) == ("sign_up_code", ADA["email"], {"code"})
    assert await count_users(database) == 0
    made = await confirm(strict, letter.facts["code"], "ada@example.com")
    assert made.status_code == 201
    user = made.json()
    assert set(user) == {"id", "name", "email", "createdAt", "updatedAt"}
    assert (user["name"], user["email"], made.headers["location"]) == (
        *(ADA["name"], ADA["email"]),
        f"/api/user/{user['id']}",
    )
    signed_in = await strict.post("/api/login", json={"username": ADA["email"], "password": PASSWORD})
    me = await strict.get("/api/me", headers={"authorization": f"Bearer {signed_in.json()['accessToken']}"})
    assert me.json()["emailVerified"] is not None
    events = [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]
    assert events == ["signed_up", "email_proven", "signed_in"]
    assert await database.fetchval("SELECT kind FROM user_changes") == "created"


async def test_of_fifty_confirmations_one_wins(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """However many send the right code at the same moment, one gets the account, the others 400."""
    code = await sign_up(strict, database)
    answers = await asyncio.gather(*(confirm(strict, code) for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * (AT_ONCE - 1)
    assert await count_users(database) == 1


async def test_wrong_codes_end_the_right_one(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The right code for another address is wrong; after five wrong ones the right one is refused alike."""
    code = await sign_up(strict, database)
    answers = [await confirm(strict, change_code(code)) for _ in range(TRIES - 1)]
    answers += [await confirm(strict, code, "eve@example.com"), await confirm(strict, code)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(400, answers[0].content)}
    assert await count_users(database) == 0


async def test_only_the_browser_that_chose_the_password_signs_up(
    strict_app: Starlette, strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Signing up with somebody else's address is useless without the code, and so is the code in another browser.

    So nobody is made to take over an account whose password another chose.
    """
    async with client_of(strict_app) as attacker:
        code = await sign_up(attacker, database, password="the attacker knows")
        assert (await confirm(strict, code)).status_code == 400
        own = await sign_up(strict, database)
        assert (await confirm(attacker, own)).status_code == 400
        assert (await confirm(attacker, code)).status_code == 400
    assert (await confirm(strict, own)).status_code == 201
    for password, status in (("the attacker knows", 401), (PASSWORD, 200)):
        answer = await strict.post("/api/login", json={"username": ADA["email"], "password": password})
        assert answer.status_code == status


async def test_who_proves_the_address_first_has_it(
    strict_app: Starlette, strict: httpx2.AsyncClient, app: Starlette, database: asyncpg.Connection
) -> None:
    """If there is an account of that address by the time that the code is typed, it is 409, and no second account."""
    del strict_app
    code = await sign_up(strict, database)
    async with client_of(app) as elsewhere:
        assert (await elsewhere.post("/api/user", json=ADA)).status_code == 201
    answer = await confirm(strict, code)
    assert (answer.status_code, answer.json()) == (409, {"error": "This e-mail address is already taken"})
    assert await count_users(database) == 1


async def test_a_bad_password_costs_no_letter(strict: httpx2.AsyncClient) -> None:
    """Whoever has to choose another password may send the form again at once."""
    for password in ("short", "password1"):
        assert (await strict.post("/api/user", json=ADA | {"password": password})).status_code == 422
    assert (await strict.post("/api/user", json=ADA)).status_code == 202
    assert (await strict.post("/api/user", json=ADA)).status_code == 429


async def test_nothing_tells_whether_an_address_has_an_account(
    strict_app: Starlette, strict: httpx2.AsyncClient, app: Starlette, database: asyncpg.Connection
) -> None:
    """Taken and free addresses get the same bytes, cookies, statements and number of letters, and the same time.

    Taken ones are told by the letter, which has no code; no answer to a code tells either.
    """
    async with client_of(app) as elsewhere:
        body = ADA | {"email": "taken0@example.com"}
        assert (await elsewhere.post("/api/user", json=body)).status_code == 201
    await database.execute(
        "INSERT INTO users (name, email, email_key, password_hash) SELECT 'Ada', email, email, hash FROM ("
        " SELECT 'taken' || n || '@example.com' AS email, password_hash AS hash FROM users, generate_series(1, $1) AS n"
        ") AS made",
        MANY - 1,
    )
    await database.execute("ANALYZE users")
    seen: dict[str, set[object]] = {"taken": set(), "free": set()}
    took: dict[str, list[float]] = {"taken": [], "free": []}
    async with watch_queries(strict_app) as queries:
        for number in range(MANY):
            for kind in ("taken", "free") if number % 2 else ("free", "taken"):
                queries.clear()
                strict.cookies.clear()
                started = time.perf_counter()
                answer = await strict.post("/api/user", json=ADA | {"email": f"{kind}{number}@example.com"})
                took[kind].append(time.perf_counter() - started)
                await asyncio.sleep(0)
                cookies = tuple(cookie.name for cookie in strict.cookies.jar)
                seen[kind].add((answer.status_code, answer.content, tuple(answer.headers), cookies, tuple(queries)))
    assert seen["taken"] == seen["free"]
    assert len(seen["free"]) == 1, seen["free"]
    print({kind: [f"{each * 1000:.1f} ms" for each in statistics.quantiles(took[kind], n=4)] for kind in took})  # noqa: T201 - the figures, shown by -s
    letters = await list_letters(database)
    assert len(letters) == 2 * MANY
    assert {letter.kind for letter in letters if letter.address.startswith("taken")} == {"already_here"}
    assert {letter.kind for letter in letters if letter.address.startswith("free")} == {"sign_up_code"}
    refused = [await confirm(strict, "7K3F-9QXM", f"{kind}{MANY - 1}@example.com") for kind in seen]
    assert (refused[0].status_code, refused[0].content) == (refused[1].status_code, refused[1].content)


# Who signed up before


async def test_nobody_signs_in_before_the_proof(
    strict: httpx2.AsyncClient, app: Starlette, database: asyncpg.Connection
) -> None:
    """After the right password, and only then, an account whose address is not proven is told so: 403.

    It costs no try, so it reveals nothing of the password that guessing would not; the proof opens the door.
    """
    async with client_of(app) as elsewhere:
        assert (await elsewhere.post("/api/user", json=ADA)).status_code == 201
    wrong = await strict.post("/api/login", json={"username": ADA["email"], "password": "not the password"})
    assert wrong.status_code == 401
    for _ in range(3):
        answer = await strict.post("/api/login", json={"username": ADA["email"], "password": PASSWORD})
        assert (answer.status_code, answer.json()) == (403, {"error": SENTENCE})
    assert await database.fetchval("SELECT count(*) FROM sessions") == 0
    assert await database.fetchval("SELECT sum(pending) FROM attempts") == 0
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_in_refused'") == 4
    await database.execute("UPDATE users SET email_verified_at = now()")
    answer = await strict.post("/api/login", json={"username": ADA["email"], "password": PASSWORD})
    assert answer.status_code == 200


async def test_next_auth_is_told(strict: httpx2.AsyncClient, app: Starlette, database: asyncpg.Connection) -> None:
    """The client gets 403 and the error's name; a browser the sign-in page with the sentence, and the way out."""
    del database
    async with client_of(app) as elsewhere:
        assert (await elsewhere.post("/api/user", json=ADA)).status_code == 201
    answer = await next_auth.sign_in(strict, ADA["email"])
    url = f"{PUBLIC_URL}/api/auth/error?error=EmailUnproven&provider=credentials"
    assert (answer.status_code, answer.json()) == (403, {"url": url})
    assert "error=EmailUnproven" in (await strict.get(url)).headers["location"]
    form = read_forms((await strict.get("/api/auth/signin", headers=NAVIGATION)).text)[next_auth.CALLBACK].fields
    typed = {"email": ADA["email"], "password": PASSWORD}
    page = await strict.post(next_auth.CALLBACK, data=form | typed, headers=NAVIGATION)
    assert page.status_code == 403
    assert SENTENCE in page.text
    assert 'href="/forgot"' in page.text
    assert read_forms(page.text)[next_auth.CALLBACK].fields["email"] == ADA["email"]


# By pages


async def send_sign_up(browser: httpx2.AsyncClient, query: str = "", **members: str) -> httpx2.Response:
    """Fill in the form for signing up and send it."""
    form = read_forms((await browser.get(f"/signup{query}", headers=NAVIGATION)).text)["/signup"]
    return await browser.post("/signup", data={**form.fields, **ADA, **members}, headers=NAVIGATION)


async def send_code(browser: httpx2.AsyncClient, code: str, page: str = "/signup/code") -> httpx2.Response:
    """Fill in the form for the code and send it."""
    form = read_forms((await browser.get(page, headers=NAVIGATION)).text)["/signup/code"]
    return await browser.post(form.action, data={**form.fields, "code": code}, headers=NAVIGATION)


async def test_a_browser_signs_up(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The form leads to the page for the code, that to the sign-in page with a notice, and that where one was going."""
    query = "?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fposts%2F1"
    answer = await send_sign_up(strict, query)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/signup/code{query}")
    page = await strict.get(answer.headers["location"], headers=NAVIGATION)
    assert ADA["email"] in page.text
    form = read_forms(page.text)["/signup/code"]
    typed = {"code": await find_code(database)}
    done = await strict.post(form.action, data=form.fields | typed, headers=NAVIGATION)
    assert (done.status_code, done.headers["location"]) == (
        *(303, f"{PUBLIC_URL}/api/auth/signin{query}&notice=signed-up"),
    )
    page = await strict.get(done.headers["location"], headers=NAVIGATION)
    assert "Your address is confirmed and your account is ready." in page.text
    assert next_auth.SESSION_COOKIE not in strict.cookies


async def test_both_clicks_lead_on(
    strict_app: Starlette, strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A double click on either form gets the first one's answer, at once or one after the other, with one account."""
    for number in range(4):
        await forget_letters(database)
        ada = ADA | {"email": f"ada{number}@example.com"}
        form = read_forms((await strict.get("/signup", headers=NAVIGATION)).text)["/signup"]
        await click_twice(strict_app, strict, form.action, form.fields | ada, at_once=number > 0)
        page = await strict.get("/signup/code", headers=NAVIGATION)
        assert ada["email"] in page.text
        form = read_forms(page.text)["/signup/code"]
        typed = form.fields | {"code": await find_code(database)}
        await click_twice(strict_app, strict, form.action, typed, at_once=number > 0)
        assert await count_users(database) == number + 1


async def test_who_has_a_code_already_finds_where_to_type_it(
    strict_app: Starlette, strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A browser that signed up is led from the form to the page for the code, with the way back; others are not."""
    going = "?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fposts%2F1"
    assert (await send_sign_up(strict)).status_code == 303
    assert await list_letters(database) != []
    assert f'href="/signup/code{going}"' in (await strict.get(f"/signup{going}", headers=NAVIGATION)).text
    async with client_of(strict_app) as other:
        assert 'href="/signup/code' not in (await other.get(f"/signup{going}", headers=NAVIGATION)).text


async def test_while_the_database_is_away_nothing_typed_is_lost(
    strict: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Both forms are 503 then, and are shown again with what was typed but the password."""
    assert (await send_sign_up(strict)).status_code == 303
    code = await find_code(database)
    page = await strict.get("/signup/code", headers=NAVIGATION)
    typed = read_forms(page.text)["/signup/code"].fields | ADA | {"code": code}
    async with running_without_database(email_verification="required") as app, client_of(app) as meanwhile:
        meanwhile.cookies = httpx2.Cookies(strict.cookies)
        for path, member in (("/signup", "name"), ("/signup/code", "code")):
            answer = await meanwhile.post(path, data=typed, headers=NAVIGATION)
            again = read_forms(answer.text)[path].fields
            assert (answer.status_code, again[member], again["email"]) == (503, typed[member], typed["email"])


async def click_twice(
    app: Starlette, browser: httpx2.AsyncClient, path: str, fields: dict[str, str], *, at_once: bool
) -> None:
    """Send a form twice with the cookies of a browser; both answers are the same redirect."""

    async def click() -> httpx2.Response:
        async with client_of(app) as same:
            same.cookies = httpx2.Cookies(browser.cookies)
            return await same.post(path, data=fields, headers=NAVIGATION)

    answers = await asyncio.gather(click(), click()) if at_once else [await click(), await click()]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1


async def test_a_form_that_is_refused_is_shown_again(strict: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """A wrong code stays in its field, with the sentence; without a csrf token nothing is tried; then all is explained.

    After the last try there is no form any more, but the way to begin anew.
    """
    assert (await send_sign_up(strict)).status_code == 303
    code = await find_code(database)
    form = read_forms((await strict.get("/signup/code", headers=NAVIGATION)).text)["/signup/code"].fields
    forged = await strict.post("/signup/code", data=form | {"code": code, "csrfToken": ""}, headers=NAVIGATION)
    assert (forged.status_code, read_forms(forged.text)["/signup/code"].fields["code"]) == (403, code)
    wrong = change_code(code)
    for left in reversed(range(TRIES)):
        answer = await strict.post("/signup/code", data=form | {"code": wrong}, headers=NAVIGATION)
        assert answer.status_code == 400
        assert "This code is not right" in answer.text
        forms = read_forms(answer.text)
        assert not left or forms["/signup/code"].fields["code"] == wrong
    assert "/signup/code" not in forms
    assert 'href="/signup' in answer.text
    assert (await strict.post("/signup/code", data=form | {"code": code}, headers=NAVIGATION)).status_code == 400


async def test_a_browser_that_asked_for_nothing_is_told_so(strict: httpx2.AsyncClient) -> None:
    """The page for the code, without a code that is waited for, says so and leads to signing up."""
    page = await strict.get("/signup/code", headers=NAVIGATION)
    assert page.status_code == 200
    assert "No code is expected here" in page.text
    assert (await strict.get("/signup/code", headers={"host": "127.0.0.1:3000"})).status_code == 307


async def test_pages_of_taken_addresses_look_the_same(
    strict: httpx2.AsyncClient, app: Starlette, database: asyncpg.Connection
) -> None:
    """Whoever signs up with a taken address sees the same pages as with a free one, with wrong codes too."""
    async with client_of(app) as elsewhere:
        assert (await elsewhere.post("/api/user", json=ADA)).status_code == 201
    seen = []
    for email in (ADA["email"], "Eve@Example.com"):
        await forget_letters(database)
        answer = await send_sign_up(strict, email=email)
        page = await strict.get("/signup/code", headers=NAVIGATION)
        wrong = await send_code(strict, "7K3F-9QXM")
        pages = [each.text.replace(email, "EMAIL") for each in (page, wrong)]
        seen.append((answer.status_code, answer.headers["location"], wrong.status_code, pages))
    assert seen[0] == seen[1]


# Where the proof is optional, or there is no mail


async def test_elsewhere_signing_up_is_as_ever(
    client: httpx2.AsyncClient, mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Without mail, and where the proof is optional, signing up over the API is the same, and sends nothing."""
    answers = []
    for number, each in enumerate((client, mail_client)):
        assert (await each.post(SIGN_UP_BY, json={})).status_code == 404
        answers.append(await each.post("/api/user", json=ADA | {"email": f"ada{number}@example.com"}))
        answers.append(await each.post("/api/user", json=ADA | {"email": f"ada{number}@example.com"}))
    assert [answer.status_code for answer in answers] == [201, 409, 201, 409]
    assert answers[0].json().keys() == answers[2].json().keys()
    assert [*answers[0].headers] == [*answers[2].headers]
    assert answers[1].content == answers[3].content
    assert await list_letters(database) == []
