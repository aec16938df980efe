"""The front end ``examples/nextjs``, built as its users build it, with next-auth 4 and 5, in a real browser."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.tokens.protocol import PROTOCOLS
from shared.tokens.session_cookie import CookieNames
from tests.support import next_auth, next_auth_5
from tests.support.accessibility import list_violations
from tests.support.browser import sign_in
from tests.support.forged_tokens import let_run_out
from tests.support.next_auth_package import NEXT_SECOND
from tests.support.next_js import FrontEnd
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import ask_until_available

SIGN_IN_PAGE = re.compile(r"/signin\?(error=SessionRequired&)?callbackUrl=[^&]*%2Fuserposts(&moved=1)?$")
SPOKEN = {"4": next_auth, "5": next_auth_5}


@pytest.fixture(scope="session")
def stack(front_end: FrontEnd) -> StackUrls:
    """Give the stack behind the front end, where people sign up."""
    return front_end.stack


@pytest.fixture
async def context(browser: Browser, front_end: FrontEnd) -> AsyncIterator[BrowserContext]:
    """Give a browser of its own that shows the front end."""
    context = await browser.new_context(base_url=front_end.url)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """Give a tab of the browser."""
    return await context.new_page()


async def expect_posts_of(page: Page, name: str, front_end: FrontEnd) -> None:
    """Wait until the page shows somebody's own posts."""
    await expect(page).to_have_url(f"{front_end.url}/userposts")
    await expect(page.get_by_role("heading")).to_have_text(f"Posts of {name}")


async def test_the_whole_story(page: Page, ada: Person, front_end: FrontEnd) -> None:
    """Anonymous at /userposts: to the own sign-in page; a wrong password is told, the right one leads back; and out."""
    await page.goto("/")
    await expect(page.get_by_role("status")).to_have_text("You are not signed in.")
    await page.get_by_role("link", name="My posts").click()
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page.get_by_role("main"), ada, "not the password")
    await expect(page.locator("p[role=alert]")).to_have_text("That e-mail address or password is not right.")
    assert await list_violations(page) == []
    await sign_in(page.get_by_role("main"), ada)
    await expect_posts_of(page, ada.name, front_end)
    await page.get_by_label("Title").fill("Notes on the engine")
    await page.get_by_role("button", name="Save a draft").click()
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_text("Notes on the engine")
    assert await list_violations(page) == []
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_role("status")).to_have_text(f"You are signed in as {ada.email}.")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_have_text("You are not signed in.")
    await page.goto("/userposts")
    await expect(page).to_have_url(SIGN_IN_PAGE)


async def test_a_button_for_each_provider(page: Page, front_end: FrontEnd) -> None:
    """The page's buttons are those of ``getProviders()``: one leads there and back; a no is told on the page."""
    front_end.provider.know("grace", f"grace.{uuid.uuid4().hex}@example.com", name="Grace Hopper")
    await page.goto("/userposts")
    await page.get_by_role("button", name="Sign in with Example").click()
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.locator("p[role=alert]")).to_have_text(re.compile("You did not sign in there"))
    await page.goto("/userposts")
    await page.get_by_role("button", name="Sign in with Example").click()
    await page.get_by_placeholder("Enter any login").fill("grace")
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await expect_posts_of(page, "Grace Hopper", front_end)


async def test_posts_that_can_not_be_fetched_are_told(page: Page, ada: Person) -> None:
    """When the posts can't be fetched the page says so, and does not wait for ever."""
    await page.route("**/api/user/*", lambda route: route.fulfill(status=503))
    await page.goto("/userposts")
    await sign_in(page.get_by_role("main"), ada)
    await expect(page.locator("p[role=alert]")).to_have_text("That did not work: status 503")


async def test_a_profile(context: BrowserContext, page: Page, ada: Person) -> None:
    """The server's page shows the account as it is; a new name is in each tab at once."""
    await page.goto("/profile")
    await sign_in(page.get_by_role("main"), ada)
    await expect(page.get_by_role("heading", level=1)).to_have_text(ada.name)
    other = await context.new_page()
    await other.goto("/")
    await expect(other.get_by_role("banner")).to_contain_text(ada.name)
    await page.wait_for_function(NEXT_SECOND)
    await page.get_by_label("Name").fill("Countess Lovelace")
    await page.get_by_role("button", name="Change name").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Countess Lovelace")
    await expect(other.get_by_role("banner")).to_contain_text("Countess Lovelace")
    assert await list_violations(page) == []


async def test_signing_out_everywhere(page: Page, ada: Person, client: httpx2.AsyncClient) -> None:
    """One button ends the session of this browser, and all others."""
    await page.goto("/profile")
    await sign_in(page.get_by_role("main"), ada)
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_role("status")).to_have_text("You are not signed in.")
    await page.goto("/profile")
    await expect(page).to_have_url(re.compile("/signin"))
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401


async def test_a_session_that_ended_elsewhere_is_over_here(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """When the session is ended elsewhere, both kinds of page lead to the sign-in page the next time."""
    await page.goto("/userposts")
    await sign_in(page.get_by_role("main"), ada)
    await expect(page.get_by_role("heading")).to_have_text(f"Posts of {ada.name}")
    session = await (await page.request.get("/api/auth/session")).json()
    bearer = {"authorization": session["user"]["accessToken"]}
    assert (await client.post("/api/logout", headers=bearer)).status_code == 204
    await page.get_by_role("link", name="Profile").click()
    await expect(page).to_have_url(re.compile(r"/signin\?callbackUrl="))
    await page.goto("/userposts")
    await expect(page).to_have_url(SIGN_IN_PAGE)


async def test_a_route_handler(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """The route handler answers 401 to nobody, and to Ada her posts."""
    assert (await page.request.get("/export")).status == 401
    await client.post("/api/posts", json={"title": "Notes on the engine"}, headers=ada.bearer)
    await page.goto("/userposts")
    await sign_in(page.get_by_role("main"), ada)
    await expect(page.get_by_role("main").get_by_role("listitem")).to_have_text("Notes on the engine")
    assert [post["title"] for post in await (await page.request.get("/export")).json()] == ["Notes on the engine"]


async def test_without_a_script(browser: Browser, front_end: FrontEnd, ada: Person) -> None:
    """Server actions sign in and out in a browser that runs no script; a wrong password is told, and one can go on."""
    context = await browser.new_context(base_url=front_end.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/profile")
    await sign_in(page, ada, "not the password")
    await expect(page.locator("p[role=alert]")).to_have_text("That e-mail address or password is not right.")
    await sign_in(page, ada)
    await expect(page.get_by_role("heading", level=1)).to_have_text(ada.name)
    await page.get_by_role("button", name="Sign out here").click()
    await expect(page.get_by_role("status")).to_have_text("You are not signed in.")
    await context.close()


async def test_gateposts_own_pages_are_there(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """Behind the rewrites Gatepost's pages have their stylesheet, and links to them and theirs lead somewhere."""
    post = (await client.post("/api/posts", json={"title": "Public", "published": True}, headers=ada.bearer)).json()
    await page.goto("/signin?callbackUrl=/account")
    await page.get_by_role("link", name="Create an account").click()
    await expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    await page.wait_for_load_state()  # a button can be there before the stylesheet is
    assert await page.evaluate("document.styleSheets.length") == 1
    await page.goto("/account")
    await sign_in(page.get_by_role("main"), ada)
    await expect(page).to_have_url(re.compile("/account$"))
    links = await page.locator("a[href^='/']").evaluate_all("links => links.map((link) => link.pathname)")
    for path in {*links, "/docs", "/openapi.json", f"/posts/{post['id']}", "/favicon.ico", "/robots.txt"}:
        assert (await page.request.get(path)).status == 200, path


async def test_a_proof_that_is_asked_for_anew_is_gateposts_page(page: Page) -> None:
    """Pages that want a recent sign-in lead to Gatepost's own page for it, whose buttons ask for a proof anew."""
    await page.goto("/api/auth/signin?callbackUrl=/account/identities&prompt=login")
    await expect(page).to_have_url(re.compile("/api/auth/signin"))
    await expect(page.get_by_role("button", name="Sign in with Example")).to_be_visible()


async def test_the_gateways_own_port_leads_to_the_front_end(page: Page, ada: Person, front_end: FrontEnd) -> None:
    """Opened at the gateway's own port, the sign-in page is the front end's, and the right password signs in there."""
    await page.goto(f"{front_end.stack.gateway}/api/auth/signin?callbackUrl=%2Fuserposts")
    await sign_in(page.get_by_role("main"), ada)
    await expect_posts_of(page, ada.name, front_end)


async def test_signing_up_at_the_gateways_own_port(page: Page, front_end: FrontEnd) -> None:
    """So does signing up."""
    await page.goto(f"{front_end.stack.gateway}/signup")
    await page.get_by_label("Name").fill("Dorothy Vaughan")
    await page.get_by_label("E-mail").fill(f"dorothy.{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()
    await expect_posts_of(page, "Dorothy Vaughan", front_end)


async def test_nobody_is_signed_out_while_the_gateway_renews(ada: Person, front_end: FrontEnd) -> None:
    """200 requests at once to Next.js and the gateway, with a token that has run out: Ada is signed in at each end.

    Each answer's cookie takes the place of the one before, in whatever order they come. A 503, while the gateway can't
    renew in time, is no answer yet.
    """
    spoken, names = SPOKEN[front_end.version], CookieNames.of(front_end.url, PROTOCOLS[front_end.version])
    async with (
        httpx2.AsyncClient(base_url=front_end.url, timeout=60) as next_js,
        httpx2.AsyncClient(base_url=front_end.stack.gateway, timeout=60) as gateway,
    ):
        await spoken.sign_in(next_js, ada.email)
        jar = {name: next_js.cookies[name] for name in (names.session, names.device)}
        now = int(time.time())
        claims = spoken.SEALER.open(jar[names.session], now) or {}
        jar[names.session] = spoken.SEALER.seal({**claims, "accessToken": let_run_out(str(claims["accessToken"]))}, now)
        next_js.cookies.clear()
        room = asyncio.Semaphore(20)

        def write_cookie() -> dict[str, str]:
            return {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}

        async def ask(number: int) -> bool:
            async with room:
                client, path = [
                    (next_js, "/export"),
                    (next_js, "/api/auth/session"),
                    (gateway, f"/api/user/{ada.id}"),
                    (gateway, "/api/auth/session"),
                ][number % 4]
                answer = await ask_until_available(lambda: client.get(path, headers=write_cookie()))
                jar[names.session] = answer.cookies.get(names.session) or jar[names.session]
                return answer.status_code == 200 and answer.json() not in (None, {})

        assert all(await asyncio.gather(*(ask(number) for number in range(200))))
        next_js.cookies.update(jar)
        session: Any = await spoken.get_session(next_js)
    assert session["user"]["email"] == ada.email
