"""The pages of one's own account, as a browser without scripts uses them."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support import next_auth
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.next_auth import SESSION_COOKIE, open_session_cookie
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.services import PUBLIC_URL, client_of

NAVIGATION = {"accept": "text/html,application/xhtml+xml"}
OTHER_PASSWORD = "staple battery horse"
PAGES = ("/account", "/account/password", "/account/sessions", "/account/delete")


@pytest.fixture
async def browser(client: httpx2.AsyncClient, ada: Person) -> httpx2.AsyncClient:
    """Give a browser that is signed in."""
    await next_auth.sign_in(client, ada.email)
    client.headers.update(NAVIGATION)
    return client


async def read_form(browser: httpx2.AsyncClient, path: str, action: str | None = None) -> HtmlForm:
    """Return the form on a page that is sent to ``action``, or to the page itself."""
    answer = await browser.get(path)
    assert answer.status_code == 200
    return read_forms(answer.text)[action or path]


async def fill_in(browser: httpx2.AsyncClient, path: str, **typed: str) -> httpx2.Response:
    """Open a page, fill in its form and send it."""
    form = await read_form(browser, path)
    return await browser.post(form.action, data={**form.fields, **typed})


@pytest.fixture
async def other(app: Starlette, ada: Person) -> AsyncIterator[httpx2.AsyncClient]:
    """Give another browser of the same person."""
    async with client_of(app) as other:
        other.headers["user-agent"] = "Mozilla/5.0 (Windows NT 10.0; rv:131.0) Gecko/20100101 Firefox/131.0"
        await next_auth.sign_in(other, ada.email)
        yield other


def sign_in_url(path: str) -> str:
    """Return the address of the sign-in page that leads to a path."""
    wanted = f"{PUBLIC_URL}{path}".replace(":", "%3A").replace("/", "%2F")
    return f"{PUBLIC_URL}/api/auth/signin?callbackUrl={wanted}"


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_is_led_to_sign_in_and_back(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Without a live session each page leads to sign-in and back, with or without a token, whatever the Host."""
    for headers in ({}, ada.bearer, {"host": "evil.example/x"}):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, sign_in_url(path))


@pytest.mark.parametrize("path", [*PAGES, f"/account/sessions/{uuid.UUID(int=1)}"])
async def test_a_form_of_nobody_leads_to_the_account(client: httpx2.AsyncClient, path: str) -> None:
    """A form sent without a live session leads to the sign-in page, and from there to a page that can be shown."""
    answer = await client.post(path, data={})
    assert (answer.status_code, answer.headers["location"]) == (303, sign_in_url("/account"))


@pytest.mark.parametrize("path", PAGES)
async def test_pages_lead_to_one_another(browser: httpx2.AsyncClient, path: str) -> None:
    """Each page links to all others and to writing, marks itself as current, has one script, and is never cached."""
    answer = await browser.get(path)
    assert all(f'href="{other}"' in answer.text for other in (*PAGES, "/", "/userposts", "/userposts/new", "/docs"))
    assert f'href="{path}" aria-current="page"' in answer.text
    assert answer.text.count("<script") == 1
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
async def test_forms_carry_a_token_of_their_browser(
    browser: httpx2.AsyncClient, other: httpx2.AsyncClient, ada: Person, path: str
) -> None:
    """A form without the browser's csrf token is 403, does nothing, and is shown again with a valid one."""
    typed = {"name": "Eve", "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD, "password": PASSWORD}
    for token in ("", "0" * 64):
        answer = await browser.post(path, data={**typed, "csrfToken": token})
        assert answer.status_code == 403
        assert 'role="alert"' in answer.text
        assert path in read_forms(answer.text)
    assert (await next_auth.get_session(other))["user"]
    assert (await browser.get("/account")).status_code == 200
    assert open_session_cookie(browser)["name"] == ada.name
    assert (await browser.post("/api/login", json={"username": ada.email, "password": PASSWORD})).status_code == 200


async def test_the_name_is_changed(browser: httpx2.AsyncClient, ada: Person) -> None:
    """The new name is on the page, which confirms it, in the account and in the cookie; reloading sends nothing."""
    answer = await fill_in(browser, "/account", name="Ada <King>")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/account?done=renamed")
    page = await browser.get(answer.headers["location"])
    assert "Saved. Your name was changed." in page.text
    assert read_forms(page.text)["/account"].fields["name"] == "Ada <King>"
    assert "<King>" not in page.text
    assert open_session_cookie(browser)["name"] == "Ada <King>"
    assert (await browser.get("/api/me", headers=ada.bearer)).json()["name"] == "Ada <King>"


async def test_a_name_is_saved_for_whom_it_was_typed(browser: httpx2.AsyncClient, app: Starlette) -> None:
    """A form that was opened by somebody else renames nobody until it is sent once more."""
    form = await read_form(browser, "/account")
    async with client_of(app) as elsewhere:
        bob = await sign_up_and_in(elsewhere, "Bob")
    await next_auth.sign_in(browser, bob.email)
    answer = await browser.post("/account", data={**form.fields, "name": "Ada King"})
    assert answer.status_code == 403
    assert "You are signed in to another account" in answer.text
    assert open_session_cookie(browser)["name"] == bob.name
    again = read_forms(answer.text)["/account"]
    assert again.fields["name"] == "Ada King"
    assert (await browser.post("/account", data=again.fields)).status_code == 303


async def test_a_wrong_name_is_shown_again(browser: httpx2.AsyncClient, ada: Person) -> None:
    """An invalid name: 422, with the error beside the field; what was typed is kept, and nothing is changed."""
    typed = "x" * 101
    answer = await fill_in(browser, "/account", name=typed)
    assert answer.status_code == 422
    field = read_forms(answer.text)["/account"].attributes["name"]
    assert (field["value"], field["aria-invalid"]) == (typed, "true")
    assert "Must be at most 100 characters" in answer.text
    assert open_session_cookie(browser)["name"] == ada.name


async def test_the_password_is_changed(browser: httpx2.AsyncClient, other: httpx2.AsyncClient, ada: Person) -> None:
    """The password is changed, this browser stays signed in, and the others are signed out."""
    answer = await fill_in(browser, "/account/password", currentPassword=PASSWORD, newPassword=OTHER_PASSWORD)
    assert answer.headers["location"] == f"{PUBLIC_URL}/account/password?done=changed"
    assert "Your password was changed" in (await browser.get(answer.headers["location"])).text
    assert await next_auth.get_session(other) == {}
    assert (await browser.post("/api/login", json={"username": ada.email, "password": PASSWORD})).status_code == 401
    credentials = {"username": ada.email, "password": OTHER_PASSWORD}
    assert (await browser.post("/api/login", json=credentials)).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "wrong"),
    [
        ("a wrong one", OTHER_PASSWORD, "currentPassword"),
        (PASSWORD, "short", "newPassword"),
        (PASSWORD, "", "newPassword"),
    ],
)
async def test_a_refused_password_is_shown_again(
    browser: httpx2.AsyncClient, current: str, new: str, wrong: str
) -> None:
    """Each error is shown beside its field, and no password comes back."""
    answer = await fill_in(browser, "/account/password", currentPassword=current, newPassword=new)
    assert answer.status_code == 422
    form = read_forms(answer.text)["/account/password"]
    assert {name for name, found in form.attributes.items() if "aria-invalid" in found} == {wrong}
    assert form.fields["currentPassword"] == form.fields["newPassword"] == ""
    assert form.attributes["newPassword"]["autocomplete"] == "new-password"


async def test_devices_are_shown_and_ended(browser: httpx2.AsyncClient, other: httpx2.AsyncClient, ada: Person) -> None:
    """Each device is described in words, this one first and marked; one of them is signed out, the others stay."""
    grace = await sign_up_and_in(browser, "Grace")
    page = await browser.get("/account/sessions")
    assert page.text.index("this device") < page.text.index("Firefox on Windows")
    sid = str(open_session_cookie(other)["sid"])
    form = read_forms(page.text)[f"/account/sessions/{sid}"]
    assert f"/account/sessions/{open_session_cookie(browser)['sid']}" not in read_forms(page.text)
    answer = await browser.post(form.action, data=form.fields)
    assert answer.headers["location"] == f"{PUBLIC_URL}/account/sessions?done=ended"
    assert await next_auth.get_session(other) == {}
    page = await browser.get(answer.headers["location"])
    assert "That device was signed out." in page.text
    assert "Firefox" not in page.text
    for person in (ada, grace):
        assert (await browser.get("/api/me", headers=person.bearer)).status_code == 200


@pytest.mark.parametrize("sid", ["nonsense", str(uuid.UUID(int=3))])
async def test_a_device_that_is_not_there_is_no_fault(browser: httpx2.AsyncClient, sid: str) -> None:
    """Ending a session that is over already, or never existed, leads to the list like any other."""
    form = await read_form(browser, "/account/sessions")
    answer = await browser.post(f"/account/sessions/{sid}", data=form.fields)
    assert answer.status_code == 303


async def test_nobody_ends_another_s_device(browser: httpx2.AsyncClient) -> None:
    """A form for another user's session ends nothing."""
    grace = await sign_up_and_in(browser, "Grace")
    form = await read_form(browser, "/account/sessions")
    await browser.post(f"/account/sessions/{grace.session_id}", data=form.fields)
    assert (await browser.get("/api/me", headers=grace.bearer)).status_code == 200


async def test_all_other_devices_are_ended(browser: httpx2.AsyncClient, ada: Person) -> None:
    """One button signs out everywhere else; this browser stays, and the button is gone with the last of them."""
    answer = await fill_in(browser, "/account/sessions")
    assert answer.headers["location"] == f"{PUBLIC_URL}/account/sessions?done=others"
    assert (await browser.get("/api/me", headers=ada.bearer)).status_code == 401
    page = await browser.get(answer.headers["location"])
    assert "/account/sessions" not in read_forms(page.text)


async def test_the_account_is_deleted(browser: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """With the password, the account is deleted, the browser forgets it, and the sign-in page says so."""
    answer = await fill_in(browser, "/account/delete", password=PASSWORD)
    assert answer.status_code == 303
    assert SESSION_COOKIE not in browser.cookies
    page = await browser.get(answer.headers["location"])
    assert "Your account and your posts were deleted." in page.text
    assert await database.fetchval("SELECT count(*) FROM users WHERE id = $1", ada.id) == 0


async def test_a_wrong_password_deletes_nothing(browser: httpx2.AsyncClient) -> None:
    """A wrong password is reported beside its field, and the account stays."""
    answer = await fill_in(browser, "/account/delete", password="not the password")
    assert answer.status_code == 422
    assert "aria-invalid" in read_forms(answer.text)["/account/delete"].attributes["password"]
    assert (await browser.get("/account")).status_code == 200


async def test_the_pages_speak_korean(browser: httpx2.AsyncClient) -> None:
    """For a Korean browser everything is in Korean, including errors and confirmations."""
    browser.headers["accept-language"] = "ko-KR,ko;q=0.9"
    assert "프로필" in (await browser.get("/account")).text
    assert "이 기기" in (await browser.get("/account/sessions")).text
    refused = await fill_in(browser, "/account/password", currentPassword="x", newPassword=OTHER_PASSWORD)
    assert "올바르지 않아요" in refused.text
    renamed = await fill_in(browser, "/account", name="에이다")
    assert "저장했어요. 이름을 바꿨어요." in (await browser.get(renamed.headers["location"])).text
