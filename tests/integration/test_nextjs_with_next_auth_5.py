"""The published next-auth 5 in everything that it can stand in, against a stack that speaks its protocol.

A built application of Next.js (``tests/next_auth/application``) has ``auth()`` in a server component, a route handler
and ``proxy.js``, and passes ``/api/auth`` on to the gateway. Through it goes ``next-auth/react``, on Node and in a page
that Chromium shows. What Next.js does to the session cookie meanwhile does no harm.
"""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support import browser as forms
from tests.support.forged_tokens import forge, read_claims
from tests.support.next_auth_5 import NAMES, SEALER, get_session, open_session, sign_in, sign_out
from tests.support.next_auth_package import NextAuthClient, running_client
from tests.support.next_js import APPLICATION_5, running_front_end
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

SIGN_IN_PAGE = re.compile(r"/api/auth/signin\?callbackUrl=.*%2Fguarded(&moved=1)?$")


@pytest.fixture(scope="module")
def front_end() -> Iterator[tuple[str, StackUrls]]:
    """Give the application, and the stack behind it."""
    with running_front_end(APPLICATION_5) as urls:
        yield urls


@pytest.fixture(scope="module")
def url(front_end: tuple[str, StackUrls]) -> str:
    """Give the application's URL, which is the public one."""
    return front_end[0]


@pytest.fixture(scope="module")
def stack(front_end: tuple[str, StackUrls]) -> StackUrls:
    """Give the stack behind the application, where people sign up."""
    return front_end[1]


@pytest.fixture
async def browser_of(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of its own that shows the application."""
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
async def signed_in(browser_of: httpx2.AsyncClient, ada: Person) -> httpx2.AsyncClient:
    """Give the browser in which Ada has signed in."""
    await sign_in(browser_of, ada.email)
    return browser_of


@pytest.fixture
def next_auth(url: str) -> Iterator[NextAuthClient]:
    """Give ``next-auth/react`` on Node, which shows a page of the application."""
    with running_client(f"{url}/react", "5") as client:
        yield client


# What auth knows in Next.js


async def test_auth_knows_nobody(browser_of: httpx2.AsyncClient) -> None:
    """Without a session ``auth()`` gives null in a server component and a route handler."""
    assert "nobody" in (await browser_of.get("/")).text
    assert (await browser_of.get("/own/session")).json() is None


async def test_auth_knows_who_signed_in(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """``auth()`` opens our cookie in a server component and a route handler, with the id and a token the API takes."""
    assert ada.email in (await signed_in.get("/")).text
    user = (await signed_in.get("/own/session")).json()["user"]
    assert (user["id"], user["name"], user["email"]) == (str(ada.id), ada.name, ada.email)
    posts = await signed_in.get(f"/api/user/{ada.id}", headers={"authorization": user["accessToken"]})
    assert posts.status_code == 200


async def test_the_proxy_guards_its_page(signed_in: httpx2.AsyncClient, ada: Person, url: str) -> None:
    """``proxy.js`` lets a signed-in browser pass, and sends everybody else to our sign-in page, which leads back."""
    assert ada.name in (await signed_in.get("/guarded")).text
    async with httpx2.AsyncClient(base_url=url, follow_redirects=True) as stranger:
        page = await stranger.get("/guarded")
    assert SIGN_IN_PAGE.search(str(page.url))
    assert f'value="{url}/guarded"' in page.text


# What Next.js does to the cookie


async def test_a_cookie_that_next_js_rolled_on_is_the_session(
    signed_in: httpx2.AsyncClient, ada: Person, stack: StackUrls
) -> None:
    """A cookie sealed anew by a route handler and by ``proxy.js`` opens every door, at the gateway itself too."""
    for place in ("/own/session", "/guarded"):
        before = signed_in.cookies[NAMES.session]
        await signed_in.get(place)
        rolled = signed_in.cookies[NAMES.session]
        assert rolled != before
        assert await email_of(signed_in) == ada.email
        async with httpx2.AsyncClient(base_url=stack.gateway, cookies={NAMES.session: rolled}) as other:
            assert (await other.get(f"/api/user/{ada.id}")).status_code == 200
        signed_in.cookies.set(NAMES.session, rolled, domain="localhost.local")


async def test_a_cookie_that_next_js_put_back_late_changes_nobody(signed_in: httpx2.AsyncClient, grace: Person) -> None:
    """An answer of Next.js that is older than a sign-in puts the older cookie back: the newer session stays."""
    late = await signed_in.get("/own/session")
    put_back = late.cookies[NAMES.session]
    await sign_in(signed_in, grace.email)
    replace_session(signed_in, put_back)
    assert await email_of(signed_in) == grace.email
    assert grace.email in (await signed_in.get("/")).text


async def test_a_cookie_that_next_js_put_back_after_signing_out(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """A cookie put back after signing out opens nothing here and is cleared; ``auth()`` believes it till then."""
    put_back = (await signed_in.get("/own/session")).cookies[NAMES.session]
    await sign_out(signed_in)
    replace_session(signed_in, put_back)
    assert ada.email in (await signed_in.get("/")).text
    cookie_header = {"cookie": f"{NAMES.session}={put_back}"}  # again and again, though answers clear it
    posts = f"/api/user/{ada.id}"
    await wait_until(lambda: signed_in.get(posts, headers=cookie_header), lambda answer: answer.status_code == 401)
    assert await get_session(signed_in) is None
    assert NAMES.session not in signed_in.cookies
    assert "nobody" in (await signed_in.get("/")).text


async def test_nobody_is_signed_out_while_the_gateway_renews(
    signed_in: httpx2.AsyncClient, ada: Person, stack: StackUrls
) -> None:
    """200 requests at once to Next.js and the gateway, with a token that has run out: Ada is signed in at each end.

    Each answer's cookie takes the place of the one before, in whatever order they come.
    """
    replace_session(signed_in, let_token_run_out(signed_in.cookies[NAMES.session]))
    device = {NAMES.device: signed_in.cookies[NAMES.device]}
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=60) as gateway:
        room = asyncio.Semaphore(20)

        async def ask(number: int) -> bool:
            async with room:
                sent = {**device, NAMES.session: signed_in.cookies[NAMES.session]}
                cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in sent.items())}
                client, path = [
                    (signed_in, "/own/session"),
                    (signed_in, "/api/auth/session"),
                    (gateway, f"/api/user/{ada.id}"),
                    (gateway, "/api/auth/session"),
                ][number % 4]
                answer = await client.get(path, headers=cookie)
                replace_session(signed_in, answer.cookies.get(NAMES.session) or sent[NAMES.session])
                return answer.status_code == 200 and answer.json() is not None

        assert all(await asyncio.gather(*(ask(number) for number in range(200))))
    assert await email_of(signed_in) == ada.email


# next-auth/react on Node


def test_the_client_signs_in_and_out(next_auth: NextAuthClient, ada: Person, url: str) -> None:
    """``signIn``, ``getSession``, ``update`` and ``signOut`` do what version 5 says that they do."""
    assert next_auth.call("getSession") is None
    signed_in = next_auth.sign_in(ada.email, PASSWORD, redirectTo="/guarded")
    assert signed_in == {"status": 200, "ok": True, "url": f"{url}/guarded"}
    session: Any = next_auth.call("getSession")
    assert (session["user"]["id"], session["user"]["email"]) == (str(ada.id), ada.email)
    updated: Any = next_auth.call("update", {"name": "Countess Lovelace"})
    assert updated["user"]["name"] == "Countess Lovelace"
    assert next_auth.call("signOut", {"redirect": False}) == {"url": f"{url}/react"}
    assert next_auth.call("getSession") is None


def test_the_client_is_told_what_failed(next_auth: NextAuthClient, ada: Person) -> None:
    """``signIn`` with a wrong password gives the error, its code and no URL, and nobody is signed in."""
    refused = next_auth.sign_in(ada.email, "not the password")
    assert refused == {
        "error": "CredentialsSignin",
        "code": "credentials",
        "status": 200,
        "ok": True,
        "url": None,
    }
    assert next_auth.call("getSession") is None


def test_the_client_lists_the_ways_to_sign_in(next_auth: NextAuthClient, url: str) -> None:
    """``getProviders`` gives ``credentials`` on the public origin."""
    providers: Any = next_auth.call("getProviders")
    assert list(providers) == ["credentials"]
    assert providers["credentials"]["callbackUrl"] == f"{url}/api/auth/callback/credentials"


# next-auth/react in Chromium


@pytest.fixture
async def context(browser: Browser, url: str) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context(base_url=url)
    context.set_default_timeout(20_000)
    yield context
    await context.close()


async def expect_status(page: Page, status: str) -> None:
    """Wait until ``useSession`` has a status."""
    await expect(page.get_by_role("status")).to_have_text(status)


async def test_a_page_of_react(context: BrowserContext, ada: Person) -> None:
    """``useSession`` turns with ``signIn``, ``update`` and ``signOut``, in another tab too, and shows what failed."""
    first, second = await context.new_page(), await context.new_page()
    for page in (first, second):
        await page.goto("/react")
        await expect_status(page, "unauthenticated")
    await forms.sign_in(first, ada, "not the password")
    await expect(first.get_by_text("CredentialsSignin credentials")).to_be_visible()
    await forms.sign_in(first, ada)
    await expect_status(first, "authenticated")
    await second.reload()
    await expect_status(second, "authenticated")
    await first.get_by_role("button", name="Rename").click()
    for page in (first, second):
        await expect(page.get_by_role("heading")).to_have_text("Countess Lovelace")
    await first.get_by_role("button", name="Sign out").click()
    for page in (first, second):
        await expect_status(page, "unauthenticated")


async def test_the_whole_story(context: BrowserContext, ada: Person, url: str) -> None:
    """Anonymous at a guarded page, to our sign-in page, back as Ada; signed out, the page is closed again."""
    page = await context.new_page()
    await page.goto("/guarded")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await forms.sign_in(page, ada)
    await expect(page).to_have_url(f"{url}/guarded")
    await expect(page.get_by_role("heading")).to_have_text(ada.name)
    await page.goto("/react")
    await page.get_by_role("button", name="Sign out").click()
    await expect_status(page, "unauthenticated")
    await page.goto("/guarded")
    await expect(page).to_have_url(SIGN_IN_PAGE)


async def test_server_actions(context: BrowserContext, ada: Person) -> None:
    """Two server actions sign in and out by way of the gateway; a wrong password leads to the page that says so."""
    page = await context.new_page()
    await page.goto("/actions")
    await expect_status(page, "nobody")
    await forms.sign_in(page, ada, "not the password")
    await expect(page.get_by_role("alert")).to_have_text("That e-mail address or password is not right.")
    await page.goto("/actions")
    await forms.sign_in(page, ada)
    await expect_status(page, ada.email)
    await page.get_by_role("button", name="Sign out").click()
    await expect_status(page, "nobody")


async def email_of(browser: httpx2.AsyncClient) -> object:
    """Return whose session a browser has, by the auth service."""
    session: Any = await get_session(browser)
    return session and session["user"]["email"]


def replace_session(browser: httpx2.AsyncClient, sealed: str) -> None:
    """Put a session cookie in the place of a browser's own."""
    if NAMES.session in browser.cookies:
        browser.cookies.delete(NAMES.session)
    browser.cookies.set(NAMES.session, sealed, domain="localhost.local")


def let_token_run_out(sealed: str) -> str:
    """Return a session whose access token has run out."""
    claims, now = open_session(sealed), int(time.time())
    old = forge({**read_claims(str(claims["accessToken"])), "iat": now - 3700, "exp": now - 100})
    return SEALER.seal({**claims, "accessToken": old, "jti": str(uuid.uuid4())}, now)
