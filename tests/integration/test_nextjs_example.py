"""The Next.js front end of ``examples/nextjs``, built as its users build it, in a real browser."""

import re
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import sign_in
from tests.support.next_js import EXAMPLE, running_front_end
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls

SIGN_IN_PAGE = re.compile(r"/api/auth/signin\?callbackUrl=%2Fuserposts")


@pytest.fixture(scope="module")
def front_end() -> Iterator[tuple[str, StackUrls]]:
    """Give the front end, and the stack behind it."""
    with running_front_end(EXAMPLE) as urls:
        yield urls


@pytest.fixture(scope="module")
def stack(front_end: tuple[str, StackUrls]) -> StackUrls:
    """Give the stack behind the front end, where people sign up."""
    return front_end[1]


@pytest.fixture
async def page(browser: Browser, front_end: tuple[str, StackUrls]) -> AsyncIterator[Page]:
    """Give a tab of a browser that shows the front end."""
    context = await browser.new_context(base_url=front_end[0])
    context.set_default_timeout(10_000)
    yield await context.new_page()
    await context.close()


async def test_the_whole_story(page: Page, client: httpx2.AsyncClient, ada: Person, front_end: tuple[str, str]) -> None:
    """Anonymous at /userposts, to the sign-in page, back, own posts shown; signed out, the page is closed again."""
    await client.post("/api/posts", json={"title": "Notes on the engine"}, headers=ada.bearer)
    await page.goto("/")
    await page.get_by_role("link", name="My posts").click()
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{front_end[0]}/userposts")
    await expect(page.get_by_role("heading")).to_have_text(f"Posts of {ada.name}")
    await expect(page.get_by_role("listitem")).to_have_text("Notes on the engine")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(f"{front_end[0]}/")
    await page.goto("/userposts")
    await expect(page).to_have_url(SIGN_IN_PAGE)


async def test_posts_that_can_not_be_fetched_are_told(page: Page, ada: Person) -> None:
    """When the posts can't be fetched the page says so, and does not wait for ever."""
    await page.route("**/api/user/*", lambda route: route.fulfill(status=503))
    await page.goto("/userposts")
    await sign_in(page, ada)
    await expect(page.get_by_text("Your posts can't be fetched: 503")).to_be_visible()


async def test_a_wrong_password_shows_the_form_again(page: Page, ada: Person, front_end: tuple[str, str]) -> None:
    """A wrong password is refused on the front end's own origin, and the right one then leads to the page."""
    await page.goto("/userposts")
    await sign_in(page, ada, "not the password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{front_end[0]}/userposts")


async def test_the_sign_in_page_keeps_its_looks_and_ways_behind_the_front_end(page: Page) -> None:
    """Behind the rewrites the sign-in page finds its stylesheet, and its link to sign-up leads somewhere."""
    await page.goto("/userposts")
    assert await page.evaluate("document.styleSheets.length") == 1
    await page.get_by_role("link", name=re.compile("Sign up|account")).first.click()
    await expect(page.get_by_role("button", name="Sign up")).to_be_visible()


async def test_a_session_that_ended_elsewhere_is_over_here(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """When the session is ended elsewhere, the page leads to the sign-in page the next time it is shown."""
    await page.goto("/userposts")
    await sign_in(page, ada)
    await expect(page.get_by_role("heading")).to_have_text(f"Posts of {ada.name}")
    session = await (await page.request.get("/api/auth/session")).json()
    bearer = {"authorization": session["user"]["accessToken"]}
    assert (await client.post("/api/logout", headers=bearer)).status_code == 204
    await page.goto("/userposts")
    await expect(page).to_have_url(re.compile(r"/api/auth/signin\?"))


async def test_the_gateways_own_port_leads_to_the_front_end(
    page: Page, ada: Person, stack: StackUrls, front_end: tuple[str, str]
) -> None:
    """Opened at the gateway's own port, the sign-in page is the front end's, and the right password signs in there."""
    await page.goto(f"{stack.gateway}/api/auth/signin?callbackUrl=%2Fuserposts")
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{front_end[0]}/userposts")
    await expect(page.get_by_role("heading")).to_have_text(f"Posts of {ada.name}")


async def test_signing_up_at_the_gateways_own_port(page: Page, stack: StackUrls, front_end: tuple[str, str]) -> None:
    """So does signing up."""
    await page.goto(f"{stack.gateway}/signup")
    await page.get_by_label("Name").fill("Dorothy Vaughan")
    await page.get_by_label("E-mail").fill(f"dorothy.{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()
    await expect(page).to_have_url(f"{front_end[0]}/userposts")
    await expect(page.get_by_role("heading")).to_have_text("Posts of Dorothy Vaughan")
