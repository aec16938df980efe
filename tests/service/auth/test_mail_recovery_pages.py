"""The pages for a forgotten password, as a browser without scripts uses them."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.errors import Unavailable
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.letters import WITH_MAIL, change_code, find_code, list_letters, running_without_database
from tests.support.next_auth import SESSION_COOKIE
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.recovery import FLOW_COOKIE, NEW_PASSWORD
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

NAVIGATION = {"accept": "text/html"}
SIGN_IN = f"{PUBLIC_URL}/api/auth/signin?notice=reset"
FORGOT, CODE = "/forgot", "/forgot/code"


@pytest.fixture
def browser(mail_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Give a browser that knows nothing yet."""
    mail_client.headers.update(NAVIGATION)
    return mail_client


@pytest.fixture
async def grace(mail_app: Starlette, browser: httpx2.AsyncClient) -> Person:
    """Give somebody who has an account, and never used this browser."""
    del browser  # the database is empty by now
    async with client_of(mail_app) as elsewhere:
        return await sign_up_and_in(elsewhere, "Grace Hopper")


@pytest.fixture(scope="module")
async def usual_app(mail_app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give a service that sends an address one letter a minute, as usual."""
    del mail_app  # the tables are there
    settings = auth_settings(auth_database_url, **WITH_MAIL | {"letter_pause": 60})
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


async def open_form(browser: httpx2.AsyncClient, path: str) -> HtmlForm:
    """Return the form of a page."""
    page = await browser.get(path)
    assert page.status_code == 200
    return read_forms(page.text)[path]


async def ask(browser: httpx2.AsyncClient, email: str) -> httpx2.Response:
    """Fill in an address, as if for the first time in a day, and send it."""
    form = await open_form(browser, FORGOT)
    return await browser.post(FORGOT, data={**form.fields, "email": email})


async def get_code(browser: httpx2.AsyncClient, database: asyncpg.Connection, email: str) -> str:
    """Ask for a code by the page, and return it from the letter."""
    await database.execute("DELETE FROM attempts")
    assert (await ask(browser, email)).status_code == 303
    return await find_code(database)


async def send(app: Starlette, cookies: httpx2.Cookies, form: HtmlForm, typed: dict[str, str]) -> httpx2.Response:
    """Send a form with the cookies that a browser had when it was clicked."""
    async with client_of(app) as clicked:
        clicked.cookies = httpx2.Cookies(cookies)
        return await clicked.post(form.action, data=form.fields | typed, headers=NAVIGATION)


async def click_twice(
    app: Starlette, browser: httpx2.AsyncClient, form: HtmlForm, typed: dict[str, str], *, at_once: bool
) -> list[httpx2.Response]:
    """Send a form twice, and return both answers."""
    clicks = [send(app, browser.cookies, form, typed) for _ in range(2)]
    return list(await asyncio.gather(*clicks)) if at_once else [await click for click in clicks]


async def test_from_the_sign_in_page_to_a_new_password(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """The sign-in page leads to the form for the address, that to the one for the code, and that back to sign in.

    The second form knows the address, which stands in no URL; the last page says what was done, and has no session.
    """
    assert 'href="/forgot"' in (await browser.get("/api/auth/signin")).text
    asked = await ask(browser, grace.email)
    assert (asked.status_code, asked.headers["location"]) == (303, f"{PUBLIC_URL}{CODE}")
    page = await browser.get(asked.headers["location"])
    form = read_forms(page.text)[CODE]
    assert (form.fields["email"], form.fields["code"], form.fields["password"]) == (grace.email, "", "")
    assert [form.attributes[name]["autocomplete"] for name in ("email", "code", "password")] == [
        "username",
        "one-time-code",
        "new-password",
    ]
    assert 'href="/forgot"' in page.text
    typed = {"code": await find_code(database), "password": NEW_PASSWORD}
    answer = await browser.post(CODE, data=form.fields | typed)
    assert (answer.status_code, answer.headers["location"]) == (303, SIGN_IN)
    assert SESSION_COOKIE not in answer.headers.get("set-cookie", "")
    shown = await browser.get(answer.headers["location"])
    assert "Your password was changed. Sign in with the new one." in shown.text
    signed_in = await next_auth.sign_in(browser, grace.email, NEW_PASSWORD)
    assert signed_in.status_code == 200


async def test_the_way_back_is_kept(browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person) -> None:
    """A user led to the sign-in page from another lands on that one once they sign in with their new password."""
    wanted = f"{PUBLIC_URL}/userposts/7/edit"
    await browser.get("/api/auth/signin", params={"callbackUrl": wanted})
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    answer = await browser.post(CODE, data=form.fields | {"code": code, "password": NEW_PASSWORD})
    page = await browser.get(answer.headers["location"])
    assert read_forms(page.text)[next_auth.CALLBACK].fields["callbackUrl"] == wanted


async def test_an_address_without_an_account_sees_the_same(
    database: asyncpg.Connection, grace: Person, mail_app: Starlette
) -> None:
    """Both pages are the same, to the byte but for the address and the csrf token, whether anybody has it or not."""
    shown = []
    for email in (grace.email, "nobody.here.at.all@example.com"):
        async with client_of(mail_app) as other:
            other.headers.update(NAVIGATION)
            answers = [await ask(other, email), await other.get(CODE)]
            form = read_forms(answers[1].text)[CODE]
            answers.append(await other.post(CODE, data=form.fields | {"code": "7K3F-9QXM", "password": NEW_PASSWORD}))
            token = form.fields["csrfToken"]
            shown.append([(a.status_code, a.text.replace(email, "").replace(token, "")) for a in answers])
    assert shown[0] == shown[1]
    assert [status for status, _ in shown[0]] == [303, 200, 400]
    assert len(await list_letters(database)) == 2


@pytest.mark.parametrize("fault", ["wrong", "short", "expired"])
async def test_what_was_typed_is_shown_again(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, fault: str
) -> None:
    """A refused form is shown again with what was typed but the password, and the fault beside its field."""
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    typed = {"code": change_code(code) if fault == "wrong" else code, "password": NEW_PASSWORD}
    if fault == "short":
        typed["password"] = "short"
    elif fault == "expired":
        await database.execute("UPDATE codes SET expires_at = now()")
    answer = await browser.post(CODE, data=form.fields | typed)
    assert answer.status_code == (422 if fault == "short" else 400)
    again = read_forms(answer.text)[CODE]
    assert (again.fields["email"], again.fields["code"], again.fields["password"]) == (grace.email, typed["code"], "")
    marked = [name for name, found in again.attributes.items() if "aria-invalid" in found]
    assert marked == ["password" if fault == "short" else "code"]


async def test_a_wrong_address_is_shown_again(browser: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """What is no address is 422, shown again with the fault beside it, and no letter is written."""
    answer = await ask(browser, "grace")
    assert answer.status_code == 422
    again = read_forms(answer.text)[FORGOT]
    assert again.fields["email"] == "grace"
    assert "aria-invalid" in again.attributes["email"]
    assert await list_letters(database) == []


async def test_a_letter_too_many_waits(usual_app: Starlette, grace: Person) -> None:
    """An address that was just sent a letter, asked for by another browser: 429, with what was typed, and when."""
    async with client_of(usual_app) as browser, client_of(usual_app) as other:
        assert (await ask(browser, grace.email)).status_code == 303
        answer = await ask(other, grace.email)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert read_forms(answer.text)[FORGOT].fields["email"] == grace.email
    assert "Too many attempts." in answer.text


async def test_who_has_a_code_already_finds_where_to_type_it(usual_app: Starlette, grace: Person) -> None:
    """A browser that asked for a code is led to the form for it, also where no other is sent yet; others are not.

    The answer may have been lost, or the tab closed, before the letter came.
    """
    async with client_of(usual_app) as browser, client_of(usual_app) as other:
        browser.headers.update(NAVIGATION)
        other.headers.update(NAVIGATION)
        form = await open_form(browser, FORGOT)
        nobody = {"email": "nobody.here.at.all@example.com"}
        for typed in (nobody, {"email": grace.email}):
            assert (await browser.post(FORGOT, data=form.fields | typed)).status_code == 303
            assert f'href="{CODE}"' in (await browser.get(FORGOT)).text
        refused = await browser.post(FORGOT, data=form.fields | nobody)
        assert (refused.status_code, f'href="{CODE}"' in refused.text) == (429, True)
        unknown = await other.post(FORGOT, data=(await open_form(other, FORGOT)).fields | {"email": grace.email})
        assert (unknown.status_code, f'href="{CODE}"' in unknown.text) == (429, False)


@pytest.mark.parametrize("path", [FORGOT, CODE])
async def test_forms_carry_a_token_of_their_browser(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, path: str
) -> None:
    """A form without the browser's csrf token is 403, does nothing, and is shown again with a valid one."""
    code = await get_code(browser, database, grace.email)
    typed = {"email": grace.email, "code": code, "password": NEW_PASSWORD}
    for token in ("", "0" * 64):
        answer = await browser.post(path, data={**typed, "csrfToken": token})
        assert answer.status_code == 403
        assert read_forms(answer.text)[path].fields["email"] == grace.email
    assert len(await list_letters(database)) == 1
    assert (await next_auth.sign_in(browser, grace.email, PASSWORD)).status_code == 200


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_double_click_asks_once(
    usual_app: Starlette, browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, *, at_once: bool
) -> None:
    """Both clicks lead on to the form for the code, and one letter is written; the code in it is good."""
    form = await open_form(browser, FORGOT)
    answers = await click_twice(usual_app, browser, form, {"email": grace.email}, at_once=at_once)
    assert [answer.headers.get("location") for answer in answers] == [f"{PUBLIC_URL}{CODE}"] * 2
    assert len(await list_letters(database)) == 1
    form = await open_form(browser, CODE)
    typed = {"code": await find_code(database), "password": NEW_PASSWORD}
    assert (await browser.post(CODE, data=form.fields | typed)).headers["location"] == SIGN_IN


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_double_click_sets_the_password_once(
    mail_app: Starlette, browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, *, at_once: bool
) -> None:
    """Both clicks lead to the sign-in page, and the user is told once."""
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    typed = {"code": code, "password": NEW_PASSWORD}
    answers = await click_twice(mail_app, browser, form, typed, at_once=at_once)
    assert [answer.headers.get("location") for answer in answers] == [SIGN_IN] * 2
    assert [letter.kind for letter in await list_letters(database)] == ["reset_code", "password_changed"]


@pytest.mark.parametrize("changed", ["password", "code", "browser"])
async def test_another_form_is_no_second_click(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person, changed: str
) -> None:
    """Right after a reset, another password, another code or another browser is refused: the code is used up."""
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    typed = {"code": code, "password": NEW_PASSWORD}
    assert (await browser.post(CODE, data=form.fields | typed)).status_code == 303
    if changed == "password":
        typed["password"] = "yet another password"
    elif changed == "code":
        typed["code"] = change_code(code)
    else:
        browser.cookies.delete(FLOW_COOKIE)
    before = await database.fetchval("SELECT count(*) FROM audit WHERE event = 'password_refused'")
    assert (await browser.post(CODE, data=form.fields | typed)).status_code == 400
    guesses = await database.fetchval("SELECT count(*) FROM audit WHERE event = 'password_refused'") - before
    assert guesses == (1 if changed == "password" else 0)  # a guess at the new password counts as one


async def test_two_tabs_use_the_newest_code(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Asked for in two tabs of one browser, the newest code is good in either; the other leads nowhere."""
    first = await get_code(browser, database, grace.email)
    older_tab = await open_form(browser, CODE)
    second = await get_code(browser, database, grace.email)
    refused = await browser.post(CODE, data=older_tab.fields | {"code": first, "password": NEW_PASSWORD})
    assert refused.status_code == 400
    answer = await browser.post(CODE, data=older_tab.fields | {"code": second, "password": NEW_PASSWORD})
    assert answer.headers["location"] == SIGN_IN


async def test_reloading_asks_for_nothing(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """The form for the code can be loaded any number of times, and is the same; so can the first, which asks anew."""
    await get_code(browser, database, grace.email)
    pages = [(await browser.get(CODE)).text for _ in range(3)]
    assert len(set(pages)) == 1
    assert len(await list_letters(database)) == 1
    assert (await open_form(browser, FORGOT)).fields["email"] == ""


async def test_another_browser_types_its_own_address(browser: httpx2.AsyncClient) -> None:
    """The form for the code, opened in a browser that asked for none, has no address, and says where a code is good."""
    page = await browser.get(CODE)
    assert read_forms(page.text)[CODE].fields["email"] == ""
    assert "in the browser where you asked for it" in page.text


async def test_who_is_signed_in_finds_the_way_too(browser: httpx2.AsyncClient, grace: Person) -> None:
    """The page for a new password leads here, and the form knows whose password it is."""
    await next_auth.sign_in(browser, grace.email)
    assert 'href="/forgot"' in (await browser.get("/account/password")).text
    assert (await open_form(browser, FORGOT)).fields["email"] == grace.email


async def test_who_is_led_to_sign_in_first_finds_the_way(browser: httpx2.AsyncClient) -> None:
    """``/.well-known/change-password`` leads to a page that needs a session, and that to one that links here."""
    answer = await browser.get("/account/password")
    assert answer.status_code == 303
    assert 'href="/forgot"' in (await browser.get(answer.headers["location"])).text


async def test_the_pages_are_in_korean(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Texts and refusals are in the reader's language."""
    browser.headers["accept-language"] = "ko"
    code = await get_code(browser, database, grace.email)
    assert "비밀번호를 잊으셨나요?" in (await browser.get(FORGOT)).text
    form = await open_form(browser, CODE)
    answer = await browser.post(CODE, data=form.fields | {"code": change_code(code), "password": NEW_PASSWORD})
    assert "코드가 올바르지 않거나 더는 쓸 수 없어요" in answer.text


async def test_a_service_that_is_busy_leaves_what_was_typed(
    mail_app: Starlette, browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """With no slot left to hash a password: 503, what was typed but the password, and the code is still good."""
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    typed = form.fields | {"code": code, "password": NEW_PASSWORD}
    with contextlib.ExitStack() as slots:
        with contextlib.suppress(Unavailable):
            for number in itertools.count():
                slots.enter_context(mail_app.state.parts.passwords.take_slot(f"site {number}", f"account {number}"))
        answer = await browser.post(CODE, data=typed)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    again = read_forms(answer.text)[CODE].fields
    assert (again["code"], again["password"]) == (code, "")
    assert (await browser.post(CODE, data=typed)).headers["location"] == SIGN_IN


async def test_while_the_database_is_away_nothing_typed_is_lost(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, grace: Person
) -> None:
    """Both forms are 503 then, with ``Retry-After``, and are shown again with what was typed but the password."""
    code = await get_code(browser, database, grace.email)
    form = await open_form(browser, CODE)
    typed = form.fields | {"code": code, "password": NEW_PASSWORD}
    async with running_without_database() as app, client_of(app) as meanwhile:
        meanwhile.cookies = httpx2.Cookies(browser.cookies)
        asked, answer = [await meanwhile.post(path, data=typed, headers=NAVIGATION) for path in (FORGOT, CODE)]
    assert [(each.status_code, "retry-after" in each.headers) for each in (asked, answer)] == [(503, True)] * 2
    assert read_forms(asked.text)[FORGOT].fields["email"] == grace.email
    again = read_forms(answer.text)[CODE].fields
    assert (again["email"], again["code"], again["password"]) == (grace.email, code, "")


@pytest.mark.parametrize("path", [FORGOT, CODE])
async def test_another_name_leads_to_the_public_one(browser: httpx2.AsyncClient, path: str) -> None:
    """Under another name than the public one, whose cookies these are, a page redirects there."""
    answer = await browser.get(path, headers={"host": "127.0.0.1:3000"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{PUBLIC_URL}{path}?moved=1")


async def test_pages_are_never_cached(browser: httpx2.AsyncClient) -> None:
    """Neither page is stored anywhere, and a link to sign in does not lead back to one."""
    for path in (FORGOT, CODE):
        page = await browser.get(path)
        assert page.headers["cache-control"] == "no-store"
        assert "callbackUrl" not in page.text
