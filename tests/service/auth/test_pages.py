"""The pages of the auth service, as a browser without scripts uses them."""

import html
import re
import time

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from shared.web.error_pages import say_wait
from tests.support import next_auth
from tests.support.forged_tokens import TTL, forge, read_claims
from tests.support.html_forms import read_forms
from tests.support.next_auth import CALLBACK, SEALER, SESSION_COOKIE, open_session_cookie
from tests.support.people import PASSWORD, Person
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

SIGN_IN = "/api/auth/signin"
NAVIGATION = {"accept": "text/html,application/xhtml+xml"}


def read_form(page: httpx2.Response) -> dict[str, str]:
    """Return the fields of a page's form as we filled them in."""
    tags = re.findall(r"<input[^>]*>", page.text)
    pairs = [(re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)) for tag in tags]
    return {name[1]: html.unescape(value[1]) if value else "" for name, value in pairs if name}


async def fill_in(client: httpx2.AsyncClient, path: str, to: str, **typed: str) -> httpx2.Response:
    """Open a page, fill in its form and send it."""
    form = read_form(await client.get(path, headers=NAVIGATION))
    return await client.post(to, data={**form, **typed}, headers=NAVIGATION)


async def test_the_sign_in_form_is_for_people_and_password_managers(client: httpx2.AsyncClient) -> None:
    """The form has labels, the csrf token, where to go, and autocomplete tokens; and one script, like all pages."""
    page = await client.get(f"{SIGN_IN}?callbackUrl=/userposts", headers=NAVIGATION)
    assert page.status_code == 200
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert read_form(page)["callbackUrl"] == f"{PUBLIC_URL}/userposts"
    assert read_form(page)["csrfToken"] == await next_auth.get_csrf_token(client)
    assert page.text.count("<script") == 1
    policy = page.headers["content-security-policy"]
    assert all(part in policy for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"))
    assert "unsafe" not in policy


async def test_signing_in_leads_back(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signed in with the form, the browser is sent to the page it wanted, with a session."""
    wanted = "/userposts/7?from=mail"
    answer = await fill_in(
        client, f"{SIGN_IN}?callbackUrl=%2Fuserposts%2F7%3Ffrom%3Dmail", CALLBACK, email=ada.email, password=PASSWORD
    )
    assert (answer.status_code, answer.headers["location"]) == (302, PUBLIC_URL + wanted)
    assert (await next_auth.get_session(client))["user"]


async def test_a_refused_form_keeps_the_email(client: httpx2.AsyncClient, ada: Person) -> None:
    """Wrong credentials show the form again, 401, with an alert; e-mail and destination are kept, not the password."""
    answer = await fill_in(
        client, f"{SIGN_IN}?callbackUrl=/userposts", CALLBACK, email='"<i>x@example.com', password="my secret guess"
    )
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "<i>" not in answer.text
    assert "my secret guess" not in answer.text
    form = read_form(answer)
    assert (form["email"], form["password"]) == ('"<i>x@example.com', "")
    again = await client.post(CALLBACK, data={**form, "email": ada.email, "password": PASSWORD})
    assert again.headers["location"] == f"{PUBLIC_URL}/userposts"


async def test_a_form_without_its_token_is_shown_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """A form with a wrong csrf token is 403 and shown again with a valid one."""
    typed = {"email": ada.email, "password": PASSWORD}
    answer = await fill_in(client, SIGN_IN, CALLBACK, csrfToken="", **typed)
    assert answer.status_code == 403
    again = await client.post(CALLBACK, data={**read_form(answer), **typed})
    assert again.status_code == 302


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("CredentialsSignin", "not right"),
        ("SessionRequired", "Please sign in"),
        ("<b>", "did not work"),
    ],
)
async def test_the_sign_in_page_explains_errors(client: httpx2.AsyncClient, error: str, words: str) -> None:
    """``?error=`` is explained in our own words, never echoed."""
    page = await client.get(SIGN_IN, params={"error": error})
    assert page.status_code == 200
    assert words in page.text
    assert "<b>" not in page.text


async def test_whoever_is_signed_in_may_go_on_or_sign_out(client: httpx2.AsyncClient, ada: Person) -> None:
    """The sign-in and sign-up pages say who is signed in and offer to go on, but never back to themselves."""
    await next_auth.sign_in(client, ada.email)
    for path, target in (
        (f"{SIGN_IN}?callbackUrl=/userposts/3", f"{PUBLIC_URL}/userposts/3"),
        (f"{SIGN_IN}?callbackUrl={SIGN_IN}", "/userposts"),
        ("/signup?callbackUrl=/signup", "/userposts"),
    ):
        page = await client.get(path)
        assert html.escape(ada.name) in page.text
        assert f'href="{target}"' in page.text
        assert 'href="/api/auth/signout"' in page.text


async def test_a_stale_access_token_is_renewed_on_the_way(client: httpx2.AsyncClient, ada: Person) -> None:
    """A live session whose access token has expired passes through the sign-in page with a fresh one, once, unseen."""
    await next_auth.sign_in(client, ada.email)
    claims = open_session_cookie(client)
    now = int(time.time())
    old = forge({**read_claims(str(claims["accessToken"])), "iat": now - TTL - 5, "exp": now - 5})
    client.cookies.set(SESSION_COOKIE, SEALER.seal({**claims, "accessToken": old}, now), domain="localhost.local")
    answer = await client.get(f"{SIGN_IN}?callbackUrl=/userposts")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PUBLIC_URL}/userposts")
    again = await client.get(f"{SIGN_IN}?callbackUrl=/userposts")
    assert (again.status_code, "You are signed in" in again.text) == (200, True)


async def test_signing_up_signs_in(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """A new person is signed in at once and led to their own posts, or to the page they wanted."""
    for email, query, path in (("a@example.com", "", "/userposts"), ("b@example.com", "?callbackUrl=/x", "/x")):
        client.cookies.clear()
        answer = await fill_in(client, f"/signup{query}", "/signup", name="Mary", email=email, password=PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, PUBLIC_URL + path)
        assert (await next_auth.get_session(client))["user"]
    events = [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]
    assert events == ["signed_up", "signed_in"] * 2


async def test_an_account_begins_with_its_session_or_not_at_all(
    client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """If a new user's session can't be stored (503) there is no account either: the repeat is not 409."""
    typed = {"name": "Mary", "email": "mary@example.com", "password": PASSWORD}
    async with database.transaction():
        await database.execute("LOCK TABLE sessions")
        answer = await fill_in(client, "/signup", "/signup", **typed)
    assert answer.status_code == 503
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    assert (await fill_in(client, "/signup", "/signup", **typed)).status_code == 303


async def test_signing_up_ends_the_browser_s_session(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Signing up in a signed-in browser leaves no session behind that nobody could end."""
    form = read_form(await client.get("/signup", headers=NAVIGATION))
    await next_auth.sign_in(client, ada.email)
    before = str(open_session_cookie(client)["sid"])
    typed = {**form, "name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    answer = await client.post("/signup", data={**typed, "csrfToken": await next_auth.get_csrf_token(client)})
    assert answer.status_code == 303
    after = str(open_session_cookie(client)["sid"])
    rows = await database.fetch("SELECT id::text, revoked_because FROM sessions ORDER BY created_at")
    assert [tuple(row) for row in rows] == [(ada.session_id, None), (before, "replaced"), (after, None)]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"name": "  "}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": "NUL\0@example.com"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "Mary Jackson"}, "password"),
    ],
)
async def test_a_refused_sign_up_keeps_what_was_typed(
    client: httpx2.AsyncClient, typed: dict[str, str], wrong: str
) -> None:
    """The form comes back, 422, with each error beside its field and everything except the password as typed."""
    right = {"name": "Mary Jackson", "email": "mary@example.com", "password": PASSWORD}
    answer = await fill_in(client, "/signup", "/signup", **{**right, **typed})
    assert answer.status_code == 422
    assert f'id="{wrong}-error"' in answer.text
    assert len(re.findall(r'class="error"', answer.text)) == 1
    form = read_form(answer)
    assert form["name"] == {**right, **typed}["name"]
    assert form["password"] == ""


async def test_a_taken_email_is_said_beside_the_field(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signing up with a taken e-mail address is 409 and says so beside its field."""
    answer = await fill_in(client, "/signup", "/signup", name="Eve", email=ada.email, password=PASSWORD)
    assert answer.status_code == 409
    assert 'id="email-error"' in answer.text


async def test_signing_up_needs_the_csrf_token(client: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """Without the csrf token the sign-up form is shown again, 403, and nobody is signed up."""
    form = {"name": "Mary", "email": "mary@example.com", "password": PASSWORD}
    answer = await fill_in(client, "/signup", "/signup", csrfToken="x", **form)
    assert answer.status_code == 403
    assert read_form(answer)["email"] == "mary@example.com"
    assert await database.fetchval("SELECT count(*) FROM users") == 0


async def test_signing_out_asks_first(client: httpx2.AsyncClient, ada: Person) -> None:
    """A link only shows the form, which names the signed-in user; that signs out, and the first page says so, once."""
    await next_auth.sign_in(client, ada.email, callbackUrl="/userposts")
    page = await client.get("/api/auth/signout", headers=NAVIGATION)
    assert page.status_code == 200
    assert html.escape(ada.name) in page.text
    assert (await next_auth.get_session(client))["user"]
    answer = await client.post("/api/auth/signout", data=read_form(page))
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}/?done=signed-out")
    assert await next_auth.get_session(client) == {}
    assert read_form(await client.get(SIGN_IN))["callbackUrl"] == PUBLIC_URL


async def test_a_sign_out_form_without_its_token_is_shown_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """A wrong csrf token signs nobody out: 403 and the form again; where to go is kept."""
    await next_auth.sign_in(client, ada.email)
    answer = await client.post("/api/auth/signout?callbackUrl=/userposts", data={"csrfToken": "x"}, headers=NAVIGATION)
    assert answer.status_code == 403
    assert read_form(answer)["callbackUrl"] == f"{PUBLIC_URL}/userposts"
    assert (await next_auth.get_session(client))["user"]


@pytest.mark.parametrize(
    ("error", "status"), [("AccessDenied", 403), ("Verification", 403), ("Configuration", 500), ("", 200), ("<b>", 200)]
)
async def test_the_error_page(client: httpx2.AsyncClient, error: str, status: int) -> None:
    """``/error`` says what went wrong, with the matching status."""
    page = await client.get("/api/auth/error", params={"error": error}, headers=NAVIGATION)
    assert page.status_code == status
    assert "<h1>" in page.text
    assert "<b>" not in page.text


@pytest.mark.parametrize("error", ["Signin", "OAuthCallback", "Callback", "CredentialsSignin", "SessionRequired"])
async def test_errors_of_signing_in_are_shown_where_one_signs_in(client: httpx2.AsyncClient, error: str) -> None:
    """An error that another try can fix redirects to the sign-in page."""
    answer = await client.get(f"/api/auth/error?error={error}")
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}{SIGN_IN}?error={error}")


async def test_nobody_is_told_to_wait_for_a_message(client: httpx2.AsyncClient) -> None:
    """``/verify-request`` is a page, and does not claim that a message was sent: none ever is."""
    page = (await client.get("/api/auth/verify-request")).text
    assert "<h1>No e-mail was sent</h1>" in page
    assert "Check your e-mail" not in page


async def test_without_cookies_the_forms_say_so(client: httpx2.AsyncClient, ada: Person) -> None:
    """A form from a browser without cookies says that they are needed; one with another cookie, that it is old."""
    typed = {"name": "Eve", "email": ada.email, "password": PASSWORD}
    for path, to in ((SIGN_IN, CALLBACK), ("/signup", "/signup"), ("/api/auth/signout", "/api/auth/signout")):
        form = read_form(await client.get(path, headers=NAVIGATION))
        client.cookies.clear()
        without = await client.post(to, data={**form, **typed}, headers=NAVIGATION)
        assert (without.status_code, "sent no cookies" in without.text) == (403, True)
        stale = await client.post(to, data={**form, **typed}, headers=NAVIGATION)
        assert (stale.status_code, "This form is out of date" in stale.text) == (403, True)


async def test_a_form_of_the_first_of_two_tabs_is_sent_twice(client: httpx2.AsyncClient, ada: Person) -> None:
    """Two tabs opened at once by a browser without cookies: the first one's form is shown again, and says why."""
    first = read_form(await client.get(SIGN_IN, headers=NAVIGATION))
    client.cookies.clear()
    await client.get(SIGN_IN, headers=NAVIGATION)
    typed = {"email": ada.email, "password": PASSWORD}
    refused = await client.post(CALLBACK, data={**first, **typed}, headers=NAVIGATION)
    assert (refused.status_code, "another tab was opened since" in refused.text) == (403, True)
    again = read_form(refused)
    assert again["email"] == ada.email
    answer = await client.post(CALLBACK, data={**again, "password": PASSWORD}, headers=NAVIGATION)
    assert answer.status_code == 302
    assert (await next_auth.get_session(client))["user"]["email"] == ada.email


async def test_a_refusal_belongs_to_its_fields(client: httpx2.AsyncClient, ada: Person) -> None:
    """For screen readers the wrong fields are marked and described by the alert; a general error marks none."""
    wrong = await fill_in(client, SIGN_IN, CALLBACK, email=ada.email, password="not this one")
    fields = read_forms(wrong.text)[CALLBACK].attributes
    for name in ("email", "password"):
        assert (fields[name]["aria-invalid"], fields[name]["aria-describedby"]) == ("true", "alert")
    assert 'id="alert" role="alert"' in wrong.text
    assert "autofocus" in fields["password"]
    for page in (
        await fill_in(client, SIGN_IN, CALLBACK, csrfToken="", email=ada.email, password=PASSWORD),
        await client.get(f"{SIGN_IN}?error=TooManyAttempts"),
    ):
        assert "aria-invalid" not in page.text


async def test_a_throttled_form_says_when_to_come_back(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """After too many tries either form says how long to wait, in agreement with ``Retry-After``."""
    del app, database  # the tables are there, and empty
    strict = create_app(
        auth_settings(auth_database_url, sign_in_failures_per_account=1, sign_ups_per_hour=1), Metrics()
    )
    async with running(strict) as replica, client_of(replica) as client:
        await replica.state.parts.database.wait_until_ready()
        for path, to in ((SIGN_IN, CALLBACK), ("/signup", "/signup")):
            held = None
            for number in range(5):
                client.cookies.clear()
                email = "nobody@example.com" if to == CALLBACK else f"mary{number}@example.com"
                answer = await fill_in(client, path, to, name="Mary", email=email, password=PASSWORD)
                held = answer if answer.status_code == 429 else held
            assert held is not None
            assert f"Too many attempts. {say_wait(int(held.headers['retry-after']))}" in held.text


async def test_pages_are_in_the_browsers_language(client: httpx2.AsyncClient, ada: Person) -> None:
    """For a Korean browser a form, the errors beside its fields, and a notice are in Korean; JSON stays English."""
    korean = {**NAVIGATION, "accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}
    page = await client.get("/signup", headers=korean)
    assert '<html lang="ko">' in page.text
    assert (page.headers["content-language"], page.headers["vary"]) == ("ko", "Accept-Language")
    typed = {**read_form(page), "name": "메리", "email": "nobody", "password": "short"}
    refused = await client.post("/signup", data=typed, headers=korean)
    assert refused.status_code == 422
    assert "올바른 이메일 주소를 입력해 주세요" in refused.text
    assert "8자 이상이어야 해요" in refused.text
    taken = await client.post("/signup", data={**typed, "email": ada.email, "password": PASSWORD}, headers=korean)
    assert "이미 사용 중인 이메일 주소예요" in taken.text
    wrong = {**read_form(page), "email": ada.email, "password": "not this one"}
    assert "비밀번호가 올바르지 않아요" in (await client.post(CALLBACK, data=wrong, headers=korean)).text
    assert (
        "이 계정으로는 로그인할 수 없어요"
        in (await client.get("/api/auth/error?error=AccessDenied", headers=korean)).text
    )
    body = {"name": "Mary", "email": "nobody", "password": PASSWORD}
    answer = await client.post("/api/user", json=body, headers={"accept-language": "ko"})
    assert answer.json()["fields"] == {"email": "must be a valid e-mail address"}


async def test_prompt_login_asks_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """With ``prompt=login`` a signed-in user gets the form and the reason, and goes on with a new session."""
    await next_auth.sign_in(client, ada.email)
    before = open_session_cookie(client)["sid"]
    path = f"{SIGN_IN}?callbackUrl=%2Fuserposts&prompt=login"
    assert "Please sign in again to go on." in (await client.get(path, headers=NAVIGATION)).text
    answer = await fill_in(client, path, CALLBACK, email=ada.email, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{PUBLIC_URL}/userposts")
    assert open_session_cookie(client)["sid"] != before
