"""The page of one's own e-mail address, as a browser without scripts uses it."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.mail.codes import TRIES
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.address_proofs import NEW_EMAIL
from tests.support.forged_tokens import read_claims
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.letters import WITH_MAIL, change_code, find_code, find_letter, forget_letters, list_letters
from tests.support.next_auth import open_session_cookie
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

NAVIGATION = {"accept": "text/html"}
PAGE, MOVE_BY = "/account/email", "/account/email/confirm"
PROVE, PROVE_BY = "/account/email/verification", "/account/email/verification/confirm"
OFFER, GOING = "/signup/code", "?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fposts%2F1"
MARY = {"name": "Mary Jackson", "email": "mary@example.com", "password": PASSWORD}


@pytest.fixture
async def mary(mail_client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in."""
    return await sign_up_and_in(mail_client, "Mary Jackson")


@pytest.fixture
async def browser(mail_client: httpx2.AsyncClient, mary: Person) -> httpx2.AsyncClient:
    """Give a browser that is signed in."""
    await next_auth.sign_in(mail_client, mary.email)
    mail_client.headers.update(NAVIGATION)
    return mail_client


async def list_forms(browser: httpx2.AsyncClient) -> dict[str, HtmlForm]:
    """Return the forms of the page."""
    answer = await browser.get(PAGE)
    assert answer.status_code == 200, answer.text
    return read_forms(answer.text)


async def send(browser: httpx2.AsyncClient, action: str, **typed: str) -> httpx2.Response:
    """Open the page, fill in one of its forms and send it."""
    return await browser.post(action, data=(await list_forms(browser))[action].fields | typed)


async def click_twice(
    app: Starlette, browser: httpx2.AsyncClient, form: HtmlForm, typed: dict[str, str], *, at_once: bool
) -> None:
    """Send a form twice with the cookies of a browser; both answers are the same redirect, which is followed."""

    async def click() -> httpx2.Response:
        async with client_of(app) as same:
            same.cookies = httpx2.Cookies(browser.cookies)
            return await same.post(form.action, data=form.fields | typed, headers=NAVIGATION)

    answers = await asyncio.gather(click(), click()) if at_once else [await click(), await click()]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1


async def test_an_address_is_proven_in_a_browser(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """The profile leads to the page, which sends a code and takes it; then it says since when the address is proven."""
    assert f'href="{PAGE}">Confirm that it is yours' in (await browser.get("/account")).text
    assert set(await list_forms(browser)) == {PAGE, PROVE}
    asked = await send(browser, PROVE)
    assert (asked.status_code, asked.headers["location"]) == (303, f"{PUBLIC_URL}{PAGE}?done=asked")
    assert "An e-mail is on its way." in (await browser.get(asked.headers["location"])).text
    assert set(await list_forms(browser)) == {PAGE, PROVE, PROVE_BY}
    assert (await find_letter(database)).address == mary.email
    done = await send(browser, PROVE_BY, code=await find_code(database))
    assert (done.status_code, done.headers["location"]) == (303, f"{PUBLIC_URL}{PAGE}?done=proven")
    page = (await browser.get(done.headers["location"])).text
    assert "Your address is confirmed." in page
    assert "<time" in page
    assert set(read_forms(page)) == {PAGE}
    assert "Confirm that it is yours" not in (await browser.get("/account")).text


async def test_an_account_moves_in_a_browser(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """The page names the address that a letter went to, takes the code, and the browser's cookie has the new address.

    So has the access token in it.
    """
    asked = await send(browser, PAGE, email=NEW_EMAIL)
    assert (asked.status_code, asked.headers["location"]) == (303, f"{PUBLIC_URL}{PAGE}?done=asked")
    page = (await browser.get(asked.headers["location"])).text
    assert NEW_EMAIL in page
    done = await send(browser, MOVE_BY, newCode=await find_code(database))
    assert (done.status_code, done.headers["location"]) == (303, f"{PUBLIC_URL}{PAGE}?done=moved")
    claims = open_session_cookie(browser)
    assert (claims["email"], read_claims(str(claims["accessToken"]))["email"]) == (NEW_EMAIL, NEW_EMAIL)
    page = (await browser.get(done.headers["location"])).text
    assert "Your account has its new address." in page
    assert mary.email not in page


async def test_forms_carry_a_token_of_their_browser(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Without the browser's csrf token each form is 403, does nothing and is shown again with what was typed."""
    await send(browser, PROVE)
    await send(browser, PAGE, email=NEW_EMAIL)
    before = await list_letters(database)
    code = await find_code(database)
    for path in (PAGE, PROVE, PROVE_BY, MOVE_BY):
        typed = {"email": NEW_EMAIL, "account": str(mary.id), "code": code, "newCode": code, "csrfToken": "0" * 64}
        answer = await browser.post(path, data=typed)
        assert (answer.status_code, 'role="alert"' in answer.text) == (403, True)
        shown = [value for form in read_forms(answer.text).values() for value in form.fields.values()]
        assert path == PROVE or {PAGE: NEW_EMAIL}.get(path, code) in shown
    assert await list_letters(database) == before
    assert open_session_cookie(browser)["email"] == mary.email


@pytest.mark.parametrize(("path", "field"), [(PROVE_BY, "code"), (MOVE_BY, "newCode")])
async def test_a_wrong_code_is_shown_again(
    browser: httpx2.AsyncClient, database: asyncpg.Connection, path: str, field: str
) -> None:
    """A wrong code is 400 and stays in its field, which is marked; after the last try the form is gone."""
    await (send(browser, PROVE) if path == PROVE_BY else send(browser, PAGE, email=NEW_EMAIL))
    wrong = change_code(await find_code(database))
    form = (await list_forms(browser))[path]
    for left in reversed(range(TRIES)):
        answer = await browser.post(path, data=form.fields | {field: wrong})
        assert answer.status_code == 400
        assert "This code is not right" in answer.text
        again = read_forms(answer.text)
        assert (path in again) == (left > 0)
        if left:
            assert again[path].fields[field] == wrong
            assert again[path].attributes[field]["aria-invalid"] == "true"


async def test_what_is_no_address_is_shown_again(browser: httpx2.AsyncClient) -> None:
    """An address that can't be one is 422, and stays in its field with what is wrong."""
    answer = await send(browser, PAGE, email="ada@")
    assert answer.status_code == 422
    form = read_forms(answer.text)[PAGE]
    assert (form.fields["email"], form.attributes["email"]["aria-invalid"]) == ("ada@", "true")


async def test_a_move_needs_a_recent_sign_in(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """With an older sign-in it is 401, and what was typed stays, to be sent again after a sign-in in another tab."""
    await database.execute("UPDATE sessions SET created_at = created_at - interval '301 seconds'")
    answer = await send(browser, PAGE, email=NEW_EMAIL)
    assert (answer.status_code, await list_letters(database)) == (401, [])
    assert "prompt=login" in answer.text
    form = read_forms(answer.text)[PAGE]
    assert form.fields["email"] == NEW_EMAIL
    other_tab = "/api/auth/signin?prompt=login&callbackUrl=%2Fapi%2Fauth%2Fsignin%3Fnotice%3Dagain"
    page = await browser.get(other_tab)
    assert next_auth.CALLBACK in read_forms(page.text)
    await next_auth.sign_in(browser, mary.email)
    back = await browser.get("/api/auth/signin?notice=again")
    assert "press the button again" in back.text
    assert (await browser.post(PAGE, data=form.fields)).status_code == 303


async def test_a_form_after_the_end_of_the_session_loses_nothing(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """An address that is sent after the session has ended is shown again; after a sign-in elsewhere it is accepted.

    The other forms, of a code alone, lead to the sign-in page, and from there back to the page with the code's field.
    """
    form = (await list_forms(browser))[PAGE]
    await next_auth.sign_out(browser)
    answer = await browser.post(PAGE, data=form.fields | {"email": NEW_EMAIL})
    assert answer.status_code == 401
    again = read_forms(answer.text)[PAGE]
    assert again.fields["email"] == NEW_EMAIL
    for path in (PROVE, PROVE_BY, MOVE_BY):
        led = (await browser.post(path, data=form.fields)).headers["location"]
        assert led == f"{PUBLIC_URL}/api/auth/signin?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Faccount%2Femail"
    assert (await browser.post(PAGE, data={"email": NEW_EMAIL})).status_code == 303
    assert await list_letters(database) == []
    await next_auth.sign_in(browser, mary.email)
    assert (await browser.post(PAGE, data=again.fields)).status_code == 303
    assert (await find_letter(database)).address == NEW_EMAIL


async def test_an_address_is_for_the_account_that_it_was_typed_for(
    mail_app: Starlette, browser: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A form that was opened by somebody else moves nobody until it is sent once more."""
    form = (await list_forms(browser))[PAGE]
    async with client_of(mail_app) as elsewhere:
        bob = await sign_up_and_in(elsewhere, "Bob")
    await next_auth.sign_in(browser, bob.email)
    answer = await browser.post(PAGE, data=form.fields | {"email": NEW_EMAIL})
    assert (answer.status_code, await list_letters(database)) == (403, [])
    assert "You are signed in to another account" in answer.text


async def test_two_tabs_know_the_newest_address(browser: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Where two tabs ask for two addresses, both show the last one, and only its code moves the account."""
    await send(browser, PAGE, email="first@example.com")
    first = await find_code(database)
    tab = (await list_forms(browser))[MOVE_BY]
    await send(browser, PAGE, email="second@example.com")
    refused = await browser.post(MOVE_BY, data=tab.fields | {"newCode": first})
    assert (refused.status_code, "second@example.com" in refused.text) == (400, True)
    done = await browser.post(MOVE_BY, data=tab.fields | {"newCode": await find_code(database)})
    assert done.status_code == 303
    assert open_session_cookie(browser)["email"] == "second@example.com"


async def test_a_double_click_does_it_once(
    mail_app: Starlette, browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Whichever answer the browser shows, it is that of the first click, be they at once or one after the other."""
    for at_once in (False, True):
        await database.execute("UPDATE users SET email_verified_at = NULL WHERE id = $1", mary.id)
        await forget_letters(database)
        await click_twice(mail_app, browser, (await list_forms(browser))[PROVE], {}, at_once=at_once)
        typed = {"code": await find_code(database)}
        await click_twice(mail_app, browser, (await list_forms(browser))[PROVE_BY], typed, at_once=at_once)
        wanted = {"email": f"mary.{at_once}@example.com"}
        await click_twice(mail_app, browser, (await list_forms(browser))[PAGE], wanted, at_once=at_once)
        typed = {"newCode": await find_code(database)}
        await click_twice(mail_app, browser, (await list_forms(browser))[MOVE_BY], typed, at_once=at_once)
        assert wanted["email"] in str(await next_auth.get_session(browser))
    kinds = [letter.kind for letter in await list_letters(database)]
    assert kinds == ["proof_code", "change_code", "address_changed"] * 2


async def test_who_wants_another_letter_is_told_when(browser: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Somebody who asks again later than by a double click, but too soon, is told to wait: 429."""
    await send(browser, PROVE)
    await database.execute("UPDATE codes SET created_at = created_at - interval '30 seconds'")
    answer = await send(browser, PROVE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Too many attempts." in answer.text


# After signing up


async def test_who_signs_up_is_offered_the_proof(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """The letter goes out with the account, once; the next page takes its code, and leads to where one was going."""
    form = read_forms((await mail_client.get(f"/signup{GOING}", headers=NAVIGATION)).text)["/signup"]
    await click_twice(mail_app, mail_client, form, MARY, at_once=True)
    assert [letter.kind for letter in await list_letters(database)] == ["proof_code"]
    await next_auth.sign_in(mail_client, MARY["email"])
    page = (await mail_client.get(f"{OFFER}{GOING}", headers=NAVIGATION)).text
    assert f'href="{PUBLIC_URL}/posts/1">Not now' in page
    form = read_forms(page)[OFFER]
    code = await find_code(database)
    refused = await mail_client.post(OFFER, data=form.fields | {"code": change_code(code)}, headers=NAVIGATION)
    assert (refused.status_code, f'href="{PUBLIC_URL}/posts/1">Not now' in refused.text) == (400, True)
    await click_twice(mail_app, mail_client, form, {"code": code}, at_once=True)
    assert await database.fetchval("SELECT email_verified_at IS NOT NULL FROM users")
    done = await mail_client.get(f"{OFFER}{GOING}", headers=NAVIGATION)
    assert (done.status_code, done.headers["location"]) == (303, f"{PUBLIC_URL}/posts/1")


async def test_signing_up_leads_to_the_proof(mail_client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The answer signs in and leads to the page for the code; a letter that may not be sent holds up nobody."""
    form = read_forms((await mail_client.get("/signup", headers=NAVIGATION)).text)["/signup"]
    answer = await mail_client.post("/signup", data=form.fields | MARY, headers=NAVIGATION)
    query = "?callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fuserposts"
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}{OFFER}{query}")
    assert read_forms((await mail_client.get(answer.headers["location"], headers=NAVIGATION)).text)[OFFER]
    await database.execute("DELETE FROM users")
    await database.execute("UPDATE attempts SET last_at = last_at + interval '1 hour'")
    mail_client.cookies.clear()
    form = read_forms((await mail_client.get("/signup", headers=NAVIGATION)).text)["/signup"]
    answer = await mail_client.post("/signup", data=form.fields | MARY, headers=NAVIGATION)
    assert answer.status_code == 303
    assert len(await list_letters(database)) == 1
    past = await mail_client.get(answer.headers["location"], headers=NAVIGATION)
    assert (past.status_code, past.headers["location"]) == (303, f"{PUBLIC_URL}/userposts")
    assert (await mail_client.get("/account", headers=NAVIGATION)).status_code == 200


async def test_the_offer_is_for_who_is_signed_in(
    browser: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Without a session its form leads to the sign-in page, and the page to where one was going; never elsewhere.

    The sign-in page leads back to the form, as long as the code is waited for.
    """
    await send(browser, PROVE)
    page = (await browser.get(f"{OFFER}?callbackUrl=https%3A%2F%2Fevil.example%2F")).text
    assert "evil.example" not in page
    form = read_forms(page)[OFFER]
    forged = await browser.post(OFFER, data=form.fields | {"csrfToken": "", "code": await find_code(database)})
    assert forged.status_code == 403
    await next_auth.sign_out(browser)
    answer = await browser.post(OFFER, data=form.fields)
    led = urlsplit(answer.headers["location"])
    assert f"{led.scheme}://{led.netloc}{led.path}" == f"{PUBLIC_URL}/api/auth/signin"
    assert (await browser.get(OFFER)).status_code == 303
    await next_auth.sign_in(browser, mary.email)
    (back,) = parse_qs(led.query)["callbackUrl"]
    assert OFFER in read_forms((await browser.get(back)).text)


async def test_where_nobody_proves_an_address_one_still_moves(
    app: Starlette, auth_database_url: str, database: asyncpg.Connection
) -> None:
    """With ``EMAIL_VERIFICATION=off`` signing up sends nothing and nobody is asked for a proof; moving needs a code."""
    del app  # it makes the tables
    settings = auth_settings(auth_database_url, **WITH_MAIL, email_verification="off")
    async with running(create_app(settings, Metrics())) as lax_app, client_of(lax_app) as browser:
        await lax_app.state.parts.database.wait_until_ready()
        browser.headers.update(NAVIGATION)
        form = read_forms((await browser.get("/signup")).text)["/signup"]
        answer = await browser.post("/signup", data=form.fields | MARY)
        assert (answer.headers["location"], await list_letters(database)) == (f"{PUBLIC_URL}/userposts", [])
        for path in (PROVE, PROVE_BY, OFFER, "/api/me/email/verification"):
            assert (await browser.post(path, data={})).status_code == 404
        assert "Prove" not in (await browser.get("/account")).text + (await browser.get(PAGE)).text
        assert (await send(browser, PAGE, email=NEW_EMAIL)).status_code == 303
        assert (await send(browser, MOVE_BY, newCode=await find_code(database))).status_code == 303
        assert open_session_cookie(browser)["email"] == NEW_EMAIL


@pytest.mark.parametrize("path", [PAGE, PROVE, PROVE_BY, MOVE_BY, "/signup/code"])
async def test_without_mail_there_is_no_such_page(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Without mail the page and its forms are 404, no page links to them, and signing up sets no cookie for them."""
    await next_auth.sign_in(client, ada.email)
    assert (await client.post(path, data={}, headers=NAVIGATION)).status_code == 404
    assert (await client.get(path, headers=NAVIGATION)).status_code == 404
    for shown in ("/account", "/account/password", "/account/sessions", "/api/auth/signin"):
        page = (await client.get(shown, headers=NAVIGATION)).text
        assert PAGE not in page
        assert "Prove" not in page
    client.cookies.clear()
    assert "gatepost.flow" not in str((await client.get("/signup", headers=NAVIGATION)).headers)
