"""The published next-auth 5 in everything that it can stand in, against a stack that speaks its protocol.

The front end ``examples/nextjs`` has ``auth()`` in a server component, a route handler and ``proxy.ts``, and passes
``/api/auth`` on to the gateway. Through it goes ``next-auth/react``, here on Node; ``test_nextjs_example.py`` has it in
Chromium. What Next.js does to the session cookie meanwhile does no harm.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.support.next_auth_5 import NAMES, get_session, sign_in, sign_out
from tests.support.next_auth_package import NextAuthClient, running_client
from tests.support.next_js import PROVIDER, FrontEnd
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("front_end", ["5"], indirect=True)

NOBODY = "You are not signed in."


@pytest.fixture(scope="session")
def url(front_end: FrontEnd) -> str:
    """Give the application's URL, which is the public one."""
    return front_end.url


@pytest.fixture(scope="session")
def stack(front_end: FrontEnd) -> StackUrls:
    """Give the stack behind the application, where people sign up."""
    return front_end.stack


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
    with running_client(f"{url}/", "5") as client:
        yield client


# What auth knows in Next.js


async def test_auth_knows_nobody(browser_of: httpx2.AsyncClient) -> None:
    """Without a session ``auth()`` gives null in a server component and a route handler."""
    assert NOBODY in (await browser_of.get("/")).text
    assert (await browser_of.get("/export")).status_code == 401


async def test_auth_knows_who_signed_in(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """``auth()`` opens our cookie in a server component and in a route handler, which asks the API with the id."""
    assert ada.email in (await signed_in.get("/")).text
    posts = await signed_in.get("/export")
    assert (posts.status_code, posts.json()) == (200, [])


async def test_the_proxy_guards_its_page(signed_in: httpx2.AsyncClient, url: str) -> None:
    """``proxy.ts`` lets a signed-in browser pass, and sends everybody else to the sign-in page, which leads back."""
    assert (await signed_in.get("/userposts")).status_code == 200
    async with httpx2.AsyncClient(base_url=url, follow_redirects=True, timeout=30) as stranger:
        page = await stranger.get("/userposts")
    assert page.url.path == "/signin"
    assert page.url.params["callbackUrl"] == f"{url}/userposts"


# What Next.js does to the cookie


async def test_a_cookie_that_next_js_rolled_on_is_the_session(
    signed_in: httpx2.AsyncClient, ada: Person, stack: StackUrls
) -> None:
    """A cookie sealed anew by a route handler and by ``proxy.ts`` opens every door, at the gateway itself too."""
    for place in ("/export", "/userposts"):
        before = signed_in.cookies[NAMES.session]
        await signed_in.get(place)
        rolled = signed_in.cookies[NAMES.session]
        assert rolled != before
        assert await email_of(signed_in) == ada.email
        async with httpx2.AsyncClient(base_url=stack.gateway, cookies={NAMES.session: rolled}, timeout=30) as other:
            assert (await other.get(f"/api/user/{ada.id}")).status_code == 200
        signed_in.cookies.set(NAMES.session, rolled, domain="localhost.local")


async def test_a_cookie_that_next_js_put_back_late_changes_nobody(signed_in: httpx2.AsyncClient, grace: Person) -> None:
    """An answer of Next.js that is older than a sign-in puts the older cookie back: the newer session stays."""
    late = await signed_in.get("/export")
    put_back = late.cookies[NAMES.session]
    await sign_in(signed_in, grace.email)
    replace_session(signed_in, put_back)
    assert await email_of(signed_in) == grace.email
    assert grace.email in (await signed_in.get("/")).text


async def test_a_cookie_that_next_js_put_back_after_signing_out(signed_in: httpx2.AsyncClient, ada: Person) -> None:
    """A cookie put back after signing out opens nothing here and is cleared; ``auth()`` believes it till then."""
    put_back = (await signed_in.get("/export")).cookies[NAMES.session]
    await sign_out(signed_in)
    replace_session(signed_in, put_back)
    assert ada.email in (await signed_in.get("/")).text
    cookie_header = {"cookie": f"{NAMES.session}={put_back}"}  # again and again, though answers clear it
    posts = f"/api/user/{ada.id}"
    await wait_until(lambda: signed_in.get(posts, headers=cookie_header), lambda answer: answer.status_code == 401)
    assert await get_session(signed_in) is None
    assert NAMES.session not in signed_in.cookies
    assert NOBODY in (await signed_in.get("/")).text


# next-auth/react on Node


def test_the_client_signs_in_and_out(next_auth: NextAuthClient, ada: Person, url: str) -> None:
    """``signIn``, ``getSession``, ``update`` and ``signOut`` do what version 5 says that they do."""
    assert next_auth.call("getSession") is None
    signed_in = next_auth.sign_in(ada.email, PASSWORD, redirectTo="/userposts")
    assert signed_in == {"status": 200, "ok": True, "url": f"{url}/userposts"}
    session: Any = next_auth.call("getSession")
    assert (session["user"]["id"], session["user"]["email"]) == (str(ada.id), ada.email)
    updated: Any = next_auth.call("update", {"name": "Countess Lovelace"})
    assert updated["user"]["name"] == "Countess Lovelace"
    assert next_auth.call("signOut", {"redirect": False}) == {"url": f"{url}/"}
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
    """``getProviders`` gives ``credentials`` and the provider, on the public origin."""
    providers: Any = next_auth.call("getProviders")
    assert list(providers) == ["credentials", PROVIDER]
    assert providers["credentials"]["callbackUrl"] == f"{url}/api/auth/callback/credentials"


async def email_of(browser: httpx2.AsyncClient) -> object:
    """Return whose session a browser has, by the auth service."""
    session: Any = await get_session(browser)
    return session and session["user"]["email"]


def replace_session(browser: httpx2.AsyncClient, sealed: str) -> None:
    """Put a session cookie in the place of a browser's own."""
    if NAMES.session in browser.cookies:
        browser.cookies.delete(NAMES.session)
    browser.cookies.set(NAMES.session, sealed, domain="localhost.local")
