"""Signing in by a link that is mailed: NextAuth's provider ``email``."""

import asyncio
import json
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support import next_auth
from tests.support.address_proofs import MOVE_BY, ask_to_move, type_code
from tests.support.html_forms import read_forms
from tests.support.letters import find_code, list_letters, running_with_mail
from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.services import PUBLIC_URL, client_of

START, CALLBACK = "/api/auth/signin/email", "/api/auth/callback/email"
SENT = "/api/auth/verify-request"
VERIFICATION = f"{PUBLIC_URL}/api/auth/error?error=Verification"


@pytest.fixture
async def person(mail_client: httpx2.AsyncClient) -> Person:
    """Give somebody whose address is proven."""
    return await sign_up_and_in(mail_client, "Grace Hopper")


@pytest.fixture
async def proven(person: Person, database: asyncpg.Connection) -> Person:
    """Give the same, once their address is proven."""
    await database.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", person.id)
    return person


async def ask(client: httpx2.AsyncClient, email: str, **members: str) -> httpx2.Response:
    """Ask for a link as ``signIn("email", { email, redirect: false })`` does."""
    form = {"email": email, "callbackUrl": f"{PUBLIC_URL}/userposts", "redirect": "false", "json": "true"}
    form["csrfToken"] = await next_auth.get_csrf_token(client)
    return await client.post(START, data={**form, **members})


async def read_link(database: asyncpg.Connection) -> str:
    """Return path and query of the link in the last letter."""
    letter = (await list_letters(database))[-1]
    assert letter.kind == "sign_in_link"
    url = urlsplit(letter.facts["url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == PUBLIC_URL + CALLBACK
    return f"{url.path}?{url.query}"


async def press(client: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """Open a link and press its button."""
    page = await client.get(link)
    assert page.status_code == 200, page.headers
    return await client.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)


async def test_a_link_signs_in(mail_app: Starlette, proven: Person, database: asyncpg.Connection) -> None:
    """The letter's link shows a button; pressed, in any browser, it signs in and leads where they wanted to go."""
    async with client_of(mail_app) as browser, client_of(mail_app) as phone:
        answer = await ask(browser, proven.email)
        assert answer.json() == {"url": f"{PUBLIC_URL}/api/auth/verify-request?provider=email&type=email"}
        shown = await browser.get("/api/auth/verify-request?provider=email&type=email")
        assert "Check your e-mail" in shown.text
        signed_in = await press(phone, await read_link(database))
        assert (signed_in.status_code, signed_in.headers["location"]) == (302, f"{PUBLIC_URL}/userposts")
        assert (await next_auth.get_session(phone))["user"]["email"] == proven.email  # type: ignore[index]
        assert await next_auth.get_session(browser) == {}
    assert await sign_in(client_of(mail_app), proven.email)  # the password is what it was


async def test_opening_a_link_uses_nothing_up(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection
) -> None:
    """A scanner may open the link as often as it likes, by GET or HEAD; its button works once."""
    await ask(mail_client, proven.email)
    link = await read_link(database)
    for method in ("HEAD", "GET", "GET"):
        assert (await mail_client.request(method, link)).status_code == 200
    page = await mail_client.get(link)
    assert (await press(mail_client, link)).status_code == 302
    again = await mail_client.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)
    assert again.headers["location"] == VERIFICATION
    assert (await mail_client.get(link)).headers["location"] == VERIFICATION
    notice = await mail_client.get(VERIFICATION)
    assert (notice.status_code, "This link no longer works" in notice.text) == (403, True)


async def test_of_many_presses_one_signs_in(mail_app: Starlette, proven: Person, database: asyncpg.Connection) -> None:
    """However many press the button at once, one is signed in."""
    async with client_of(mail_app) as browser:
        await ask(browser, proven.email)
        page = await browser.get(await read_link(database))
        form = read_forms(page.text)[CALLBACK].fields
        answers = await asyncio.gather(*(browser.post(CALLBACK, data={**form, "json": "true"}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 19]
    assert {answer.json()["url"] for answer in answers} == {f"{PUBLIC_URL}/userposts", VERIFICATION}


async def test_an_unknown_address_is_not_told_apart(
    mail_app: Starlette, proven: Person, database: asyncpg.Connection
) -> None:
    """An address without an account gets the same answer, and a letter that says so, without a link."""
    known = await ask(client_of(mail_app), proven.email)
    unknown = await ask(client_of(mail_app), "nobody.here@example.com")
    assert (known.status_code, known.content, known.headers.keys()) == (
        unknown.status_code,
        unknown.content,
        unknown.headers.keys(),
    )
    last = (await list_letters(database))[-1]
    assert (last.kind, last.address, last.facts) == ("nobody_here", "nobody.here@example.com", {})


@pytest.mark.parametrize("change", [{"token": "x" * 43}, {"email": "another@example.com"}, {"token": ""}])
async def test_a_changed_link_is_refused(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection, change: dict[str, str]
) -> None:
    """A link with another token or address opens nothing, and leaves the real one as it was."""
    await ask(mail_client, proven.email)
    link = await read_link(database)
    query = {**dict(parse_qsl(urlsplit(link).query)), **change}
    assert (await mail_client.get(CALLBACK, params=query)).headers["location"] == VERIFICATION
    form = {**query, "csrfToken": await next_auth.get_csrf_token(mail_client)}
    assert (await mail_client.post(CALLBACK, data=form)).headers["location"] == VERIFICATION
    assert (await press(mail_client, link)).headers["location"] == f"{PUBLIC_URL}/userposts"


@pytest.mark.parametrize("member", ["email", "token"])
async def test_half_a_character_opens_nothing(mail_client: httpx2.AsyncClient, member: str) -> None:
    """A link with half a surrogate pair in it, which JSON can write, is refused like any other that is not ours."""
    members = {"email": "ada@example.com", "token": "x" * 43, member: "\ud800"}
    body = json.dumps({**members, "csrfToken": await next_auth.get_csrf_token(mail_client)})
    answer = await mail_client.post(CALLBACK, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["location"]) == (302, VERIFICATION)
    asked = await mail_client.post(START, content=body, headers={"content-type": "application/json"})
    assert asked.status_code == (400 if member == "email" else 302)


async def test_no_other_site_presses_the_button(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection
) -> None:
    """Without the csrf token of the browser that it is pressed in the button signs nobody in."""
    await ask(mail_client, proven.email)
    link = await read_link(database)
    query = dict(parse_qsl(urlsplit(link).query))
    assert (await mail_client.post(CALLBACK, data={**query, "csrfToken": "a" * 64})).status_code == 403
    assert await next_auth.get_session(mail_client) == {}
    assert (await press(mail_client, link)).status_code == 302


async def test_who_is_signed_in_is_told(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection
) -> None:
    """A browser that is signed in to another account says so before it is signed in to this one."""
    await ask(mail_client, proven.email)
    link = await read_link(database)
    other = await sign_up_and_in(mail_client, "Ada Lovelace")
    await next_auth.sign_in(mail_client, other.email)
    assert f"you are signed in as {other.email}" in (await mail_client.get(link)).text
    await press(mail_client, link)
    session = await next_auth.get_session(mail_client)
    assert session["user"]["email"] == proven.email  # type: ignore[index]


@pytest.mark.parametrize(
    "statement", ["UPDATE users SET disabled_at = now() WHERE id = $1", "DELETE FROM users WHERE id = $1"]
)
async def test_who_may_not_sign_in_stays_out(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection, statement: str
) -> None:
    """A link signs in no user who is disabled or deleted."""
    await ask(mail_client, proven.email)
    page = await mail_client.get(await read_link(database))
    await database.execute(statement, proven.id)
    answer = await mail_client.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)
    assert answer.headers["location"] == VERIFICATION


async def test_a_new_password_ends_links_that_wait(
    mail_client: httpx2.AsyncClient, proven: Person, database: asyncpg.Connection
) -> None:
    """Who changes their password, and so ends all other sessions, ends what would begin another: nobody is let in."""
    await ask(mail_client, proven.email)
    link = await read_link(database)
    change = {"currentPassword": PASSWORD, "newPassword": "purple monkey dishwasher"}
    assert (await mail_client.post("/api/me/password", json=change, headers=proven.bearer)).status_code == 204
    assert (await mail_client.get(link)).headers["location"] == VERIFICATION


async def test_who_proves_an_address_takes_it_over_clean(
    mail_app: Starlette, person: Person, database: asyncpg.Connection
) -> None:
    """Where an account's address was never proven, password, sessions and codes of that time are void once it is."""
    async with client_of(mail_app) as owner, client_of(mail_app) as stranger:
        assert (await ask_to_move(stranger, person)).status_code == 202
        await ask(owner, person.email)
        await press(owner, await read_link(database))
        assert (await owner.get("/api/auth/session")).json()["user"]["email"] == person.email
        credentials = {"username": person.email, "password": PASSWORD}
        assert (await stranger.post("/api/login", json=credentials)).status_code == 401
    assert await database.fetchval("SELECT count(*) FROM codes WHERE used_at IS NULL") == 0
    live = await database.fetch("SELECT user_id FROM live_sessions WHERE user_id = $1", person.id)
    assert len(live) == 1
    events = [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]
    assert events[-5:] == ["email_proven", "account_taken_over", "session_revoked", "signed_in", "sign_in_refused"]


async def test_a_disabled_user_keeps_what_they_had(
    mail_client: httpx2.AsyncClient, person: Person, database: asyncpg.Connection
) -> None:
    """A link that is refused changes nothing: a disabled user's password is what it was once they are enabled again."""
    await ask(mail_client, person.email)
    page = await mail_client.get(await read_link(database))
    await database.execute("UPDATE users SET disabled_at = now() WHERE id = $1", person.id)
    refused = await mail_client.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)
    assert refused.headers["location"] == VERIFICATION
    await database.execute("UPDATE users SET disabled_at = NULL WHERE id = $1", person.id)
    assert await sign_in(mail_client, person.email)


async def test_a_flood_of_made_up_links_is_a_few_audit_lines(
    mail_app: Starlette, proven: Person, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """Whoever sends ever new tokens is held back after so many, and the audit is not filled by it.

    Nobody who has a real link is held back by that, not even at the same address.
    """
    del mail_app  # the tables are there
    few = 3
    async with running_with_mail(auth_database_url, sign_in_failures_per_address=few) as app, client_of(app) as browser:
        await ask(browser, proven.email)
        page = await browser.get(await read_link(database))
        form = {"email": proven.email, "csrfToken": await next_auth.get_csrf_token(browser), "json": "true"}
        guesses = [await browser.post(CALLBACK, data={**form, "token": f"{n:043}"}) for n in range(few + 3)]
        assert [answer.status_code for answer in guesses] == [*[401] * few, *[429] * 3]
        assert guesses[-1].json()["retryAfter"] >= 1
        assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_in_refused'") == few
        signed_in = await browser.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)
        assert signed_in.headers["location"] == f"{PUBLIC_URL}/userposts"


@pytest.mark.parametrize(
    "change", [{"token": "\ud800" * 43}, {"email": "\ud800"}, {"email": "ada\0@example.com"}, {"token": "x" * 10_000}]
)
async def test_what_can_be_no_link_is_refused(mail_client: httpx2.AsyncClient, change: dict[str, str]) -> None:
    """Text that no link can contain, such as half a surrogate pair, is refused as any other wrong link."""
    form = {"email": "ada@example.com", "token": "x" * 43, "json": "true", **change}
    form["csrfToken"] = await next_auth.get_csrf_token(mail_client)
    headers = {"Content-Type": "application/json"}
    refused = await mail_client.post(CALLBACK, content=json.dumps(form), headers=headers)
    assert (refused.status_code, refused.json()["url"]) == (401, VERIFICATION)


async def test_a_link_to_an_address_of_before_is_refused(
    mail_app: Starlette, proven: Person, database: asyncpg.Connection
) -> None:
    """Once an account has moved, a link that was sent to its old address before signs nobody in."""
    async with client_of(mail_app) as browser, client_of(mail_app) as reader:
        await ask(reader, proven.email)
        link = await read_link(database)
        page = await reader.get(link)
        await ask_to_move(browser, proven)
        answer = await type_code(browser, MOVE_BY, proven, await find_code(database))
        assert answer.status_code == 204
        pressed = await reader.post(CALLBACK, data=read_forms(page.text)[CALLBACK].fields)
        assert pressed.headers["location"] == VERIFICATION


async def test_what_is_no_address_is_refused(mail_client: httpx2.AsyncClient) -> None:
    """What can't be an e-mail address is refused on the sign-in page, and in JSON mode as next-auth does."""
    answer = await ask(mail_client, "nobody")
    assert (answer.status_code, answer.json()["url"]) == (
        400,
        f"{PUBLIC_URL}/api/auth/error?error=EmailSignin&provider=email",
    )
    page = await ask(mail_client, "nobody", json="")
    assert (page.status_code, "That is not an e-mail address." in page.text) == (400, True)
    assert read_forms(page.text)[START].fields["email"] == "nobody"


async def test_letters_are_limited(mail_app: Starlette, proven: Person) -> None:
    """A second letter to an address within the pause is refused, and says when to ask again."""
    async with client_of(mail_app) as browser:
        await ask(browser, proven.email)
        refused = await ask(browser, proven.email.upper())
    assert refused.status_code == 429
    assert refused.json()["retryAfter"] >= 1


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_double_click_asks_once(
    mail_app: Starlette, proven: Person, database: asyncpg.Connection, *, is_known: bool
) -> None:
    """Both clicks on the form lead to the page that says that a link was sent, whether at once or one after the other.

    Later than by a double click, and after another letter, it is refused until the pause is over.
    """
    email = proven.email if is_known else "nobody.here@example.com"
    async with client_of(mail_app) as browser:
        answers = await asyncio.gather(*(ask(browser, email, json="") for _ in range(2)))
        for answer in (*answers, await ask(browser, email, json="")):
            assert (answer.status_code, urlsplit(answer.headers.get("location", "")).path) == (302, SENT)
        assert len(await list_letters(database)) == 1
        await database.execute("UPDATE codes SET created_at = created_at - interval '11 seconds'")
        assert (await ask(browser, email, json="")).status_code == 429
        await database.execute("DELETE FROM codes")
        assert (await ask(browser, email, json="")).status_code == 429


async def test_without_it_nothing_is_there(client: httpx2.AsyncClient) -> None:
    """Without ``EMAIL_SIGN_IN`` the provider, its paths and its form are unknown."""
    assert "email" not in (await client.get("/api/auth/providers")).json()
    assert START not in (await client.get("/api/auth/signin")).text
    assert (await client.get(CALLBACK)).status_code == 400
    assert (await client.post(START, data={})).status_code == 400
