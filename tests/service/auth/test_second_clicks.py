"""A double click, and a form sent after its session has ended: nothing is lost, and nobody gets in that way."""

import asyncio
import contextlib
import itertools

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from shared.errors import Unavailable
from tests.support import next_auth
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.next_auth import SESSION_COOKIE
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import PUBLIC_URL, client_of

NAVIGATION = {"accept": "text/html"}
ROUNDS = 10  # of clicks at once
OTHER_PASSWORD = "staple battery horse"
MARY = {"name": "Mary Jackson", "email": "mary@example.com", "password": PASSWORD}


async def open_form(client: httpx2.AsyncClient, path: str) -> HtmlForm:
    """Return the form of a page."""
    return read_forms((await client.get(path, headers=NAVIGATION)).text)[path]


async def send(app: Starlette, cookies: httpx2.Cookies, path: str, fields: dict[str, str]) -> httpx2.Response:
    """Send a form with the cookies that a browser had when it was clicked."""
    async with client_of(app) as browser:
        browser.cookies = httpx2.Cookies(cookies)
        return await browser.post(path, data=fields, headers=NAVIGATION)


async def click_twice(
    app: Starlette, client: httpx2.AsyncClient, form: HtmlForm, typed: dict[str, str], *, at_once: bool
) -> list[httpx2.Response]:
    """Send a form twice, as a browser holds it, and return both answers."""
    clicks = [send(app, client.cookies, form.action, form.fields | typed) for _ in range(2)]
    return list(await asyncio.gather(*clicks)) if at_once else [await click for click in clicks]


def is_signed_in(answer: httpx2.Response) -> bool:
    """Tell whether an answer redirects with a session."""
    return answer.status_code == 303 and f"{SESSION_COOKIE}=ey" in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize("rounds", [1, ROUNDS])
async def test_a_double_click_signs_up_once_and_in(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection, rounds: int
) -> None:
    """Whichever answer the browser shows, it is signed in, on its way to where it wanted, and there is one account.

    Once one click after the other, and ten times both at once.
    """
    form = await open_form(client, "/signup")
    for number in range(rounds):
        mary = MARY | {"email": f"mary{number}@example.com"}
        answers = await click_twice(app, client, form, mary, at_once=rounds > 1)
        assert [is_signed_in(answer) for answer in answers] == [True, True]
        assert {answer.headers["location"] for answer in answers} == {f"{PUBLIC_URL}/userposts"}
        assert await database.fetchval("SELECT count(*) FROM users") == number + 1


@pytest.mark.parametrize(
    "changed",
    [{"password": "another password"}, {"name": "Somebody Else"}],
)
async def test_a_new_account_lets_nobody_else_in(
    app: Starlette, client: httpx2.AsyncClient, changed: dict[str, str]
) -> None:
    """With another password, or another name, it is another form: the address is taken, and no session begins."""
    form = await open_form(client, "/signup")
    assert is_signed_in(await send(app, client.cookies, "/signup", form.fields | MARY))
    refused = await send(app, client.cookies, "/signup", form.fields | MARY | changed)
    assert refused.status_code == 409
    assert SESSION_COOKIE not in refused.headers.get("set-cookie", "")
    assert "aria-invalid" in read_forms(refused.text)["/signup"].attributes["email"]


async def test_an_account_from_before_is_taken(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """The sign-up form signs nobody in to an older account, whether the password is right or not."""
    form = await open_form(client, "/signup")
    assert is_signed_in(await send(app, client.cookies, "/signup", form.fields | MARY))
    await database.execute("UPDATE users SET created_at = created_at - interval '2 minutes'")
    assert (await send(app, client.cookies, "/signup", form.fields | MARY)).status_code == 409


async def test_guesses_by_the_sign_up_form_count(
    app: Starlette, client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A wrong password for a brand-new account is a failed sign-in like any other, in the audit and in the limits."""
    form = await open_form(client, "/signup")
    await send(app, client.cookies, "/signup", form.fields | MARY)
    before = await database.fetchval("SELECT count(*) FROM attempts WHERE recent > 0")
    await send(app, client.cookies, "/signup", form.fields | MARY | {"password": "another password"})
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'sign_in_refused'") == 1
    assert await database.fetchval("SELECT count(*) FROM attempts WHERE recent > 0") > before


async def test_the_api_still_says_taken(client: httpx2.AsyncClient) -> None:
    """``POST /api/user`` twice is 201 and 409: a program knows what it sent."""
    statuses = [(await client.post("/api/user", json=MARY)).status_code for _ in range(2)]
    assert statuses == [201, 409]


@pytest.mark.parametrize("rounds", [1, ROUNDS])
async def test_a_double_click_changes_the_password_once(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, rounds: int
) -> None:
    """Both answers confirm that the password was changed; the old one is not demanded again.

    Once one click after the other, and ten times both at once, back and forth between two passwords.
    """
    old, new = PASSWORD, OTHER_PASSWORD
    for _ in range(rounds):
        await next_auth.sign_in(client, ada.email, old)
        form = await open_form(client, "/account/password")
        typed = {"currentPassword": old, "newPassword": new}
        answers = await click_twice(app, client, form, typed, at_once=rounds > 1)
        led_to = [answer.headers.get("location") for answer in answers]
        assert led_to == [f"{PUBLIC_URL}/account/password?done=changed"] * 2
        old, new = new, old


async def test_another_new_password_is_no_second_click(app: Starlette, client: httpx2.AsyncClient, ada: Person) -> None:
    """The old password with yet another new one is refused, beside its field, even right after a change."""
    await next_auth.sign_in(client, ada.email)
    form = await open_form(client, "/account/password")
    typed = form.fields | {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
    await send(app, client.cookies, form.action, typed)
    refused = await send(app, client.cookies, form.action, typed | {"newPassword": "yet another one"})
    assert refused.status_code == 422
    assert "aria-invalid" in read_forms(refused.text)[form.action].attributes["currentPassword"]


@pytest.mark.parametrize("rounds", [1, ROUNDS])
async def test_a_double_click_deletes_the_account_once(app: Starlette, client: httpx2.AsyncClient, rounds: int) -> None:
    """Both answers confirm that the account was deleted, and the browser forgets it.

    Once one click after the other, and ten times both at once.
    """
    for number in range(rounds):
        person = await sign_up_and_in(client, f"Person{number}")
        await next_auth.sign_in(client, person.email)
        form = await open_form(client, "/account/delete")
        answers = await click_twice(app, client, form, {"password": PASSWORD}, at_once=rounds > 1)
        led_to = [answer.headers.get("location") for answer in answers]
        assert led_to == [f"{PUBLIC_URL}/api/auth/signin?notice=deleted"] * 2
        assert all(f"{SESSION_COOKIE}=; Max-Age=0" in str(answer.headers) for answer in answers)


async def test_a_name_is_kept_after_the_session(client: httpx2.AsyncClient, ada: Person) -> None:
    """A name sent after the session's end is 401 and shown again, with a way to sign in; sent once more it is saved."""
    await next_auth.sign_in(client, ada.email)
    form = await open_form(client, "/account")
    await client.request("DELETE", "/api/me/sessions", headers=ada.bearer)
    refused = await client.post(form.action, data=form.fields | {"name": "Ada <King>"}, headers=NAVIGATION)
    assert refused.status_code == 401
    shown = read_forms(refused.text)["/account"]
    assert shown.fields["name"] == "Ada <King>"
    assert 'href="/api/auth/signin?' in refused.text
    assert ada.email not in refused.text
    await next_auth.sign_in(client, ada.email)
    saved = await client.post(shown.action, data=shown.fields, headers=NAVIGATION)
    assert saved.headers["location"] == f"{PUBLIC_URL}/account?done=renamed"


async def test_no_other_site_fills_in_a_form(client: httpx2.AsyncClient) -> None:
    """A form without the browser's csrf token is not shown again to a signed-out user: it leads to the sign-in page."""
    await client.get("/api/auth/csrf")
    answer = await client.post("/account", data={"name": "Buy now", "csrfToken": "0" * 64}, headers=NAVIGATION)
    assert answer.status_code == 303
    assert "Buy now" not in answer.text


async def test_passwords_are_never_shown_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """A form with passwords sent after the session's end leads to the sign-in page, without them."""
    await next_auth.sign_in(client, ada.email)
    form = await open_form(client, "/account/password")
    await client.request("DELETE", "/api/me/sessions", headers=ada.bearer)
    typed = form.fields | {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
    answer = await client.post(form.action, data=typed, headers=NAVIGATION)
    assert answer.status_code == 303
    assert PASSWORD not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", ["/signup", "/account/password", "/account/delete"])
async def test_a_service_that_is_busy_leaves_what_was_typed(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, path: str
) -> None:
    """With no slot left to hash a password: 503, ``Retry-After``, and the form with everything except the passwords."""
    if path != "/signup":
        await next_auth.sign_in(client, ada.email)
    form = await open_form(client, path)
    typed = form.fields | MARY | {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
    with contextlib.ExitStack() as slots:
        with contextlib.suppress(Unavailable):
            for number in itertools.count():  # each for another address: none has more than its share
                slots.enter_context(app.state.parts.passwords.take_slot(f"site {number}", f"account {number}"))
        answer = await client.post(path, data=typed, headers=NAVIGATION)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    shown = read_forms(answer.text)[path].fields
    assert PASSWORD not in shown.values()
    if path == "/signup":
        assert (shown["name"], shown["email"]) == (MARY["name"], MARY["email"])
