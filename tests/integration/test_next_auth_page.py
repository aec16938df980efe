"""``SessionProvider`` and ``useSession`` of the published next-auth, in a React page that Chromium shows."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.browser import sign_in
from tests.support.next_auth_package import NEXT_SECOND
from tests.support.people import Person
from tests.support.react_page import PATH
from tests.support.running_stack import StackUrls

SIGN_IN_PAGE = re.compile(r"/api/auth/signin\?")


@pytest.fixture(scope="session")
def stack(stack_with_pages: StackUrls) -> StackUrls:
    """Give the stack whose gateway has the React page behind it."""
    return stack_with_pages


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context(base_url=stack.gateway)
    yield context
    await context.close()


async def open_page(context: BrowserContext, query: str = "") -> Page:
    """Open the page in a new tab."""
    page = await context.new_page()
    await page.goto(f"{PATH}{query}")
    return page


async def expect_status(page: Page, status: str) -> None:
    """Wait until ``useSession`` has a status."""
    await expect(page.get_by_role("status")).to_have_text(status)


async def end_session(page: Page, client: httpx2.AsyncClient) -> None:
    """End the page's session behind its back, with the access token that it shows."""
    token = await page.locator("code").inner_text()
    answer = await client.post("/api/logout", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 204


async def test_the_session_is_shown_after_signing_in(context: BrowserContext, ada: Person) -> None:
    """``useSession`` turns from nobody to the user when ``signIn`` succeeds, without the page being loaded again."""
    page = await open_page(context)
    await expect_status(page, "unauthenticated")
    await sign_in(page, ada)
    await expect_status(page, "authenticated")
    await expect(page.get_by_role("heading")).to_have_text(ada.name)


async def test_the_session_outlives_the_page(context: BrowserContext, ada: Person) -> None:
    """A page that is loaded again, and a new tab, find the session."""
    page = await open_page(context)
    await sign_in(page, ada)
    await expect_status(page, "authenticated")
    await page.reload()
    await expect_status(page, "authenticated")
    await expect_status(await open_page(context), "authenticated")


async def test_a_tab_that_is_seen_again_asks_for_the_session(
    context: BrowserContext, ada: Person, client: httpx2.AsyncClient
) -> None:
    """A session that ended meanwhile is gone from the page once its tab becomes visible."""
    page = await open_page(context)
    await sign_in(page, ada)
    await expect_status(page, "authenticated")
    await end_session(page, client)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect_status(page, "unauthenticated")


async def test_a_page_that_asks_every_second_sees_the_session_end(
    context: BrowserContext, ada: Person, client: httpx2.AsyncClient
) -> None:
    """With ``refetchInterval`` the page notices by itself that its session ended."""
    page = await open_page(context, "?refetch=1")
    await sign_in(page, ada)
    await expect_status(page, "authenticated")
    await end_session(page, client)
    await expect_status(page, "unauthenticated")


async def test_signing_out_in_one_tab_reaches_the_other(context: BrowserContext, ada: Person) -> None:
    """``signOut`` in one tab signs the other tab out too, and neither finds a session when loaded again."""
    first, second = await open_page(context), await open_page(context)
    await sign_in(first, ada)
    await expect_status(first, "authenticated")
    await second.reload()
    await expect_status(second, "authenticated")
    await first.get_by_role("button", name="Sign out").click()
    await expect_status(second, "unauthenticated")
    await expect_status(first, "unauthenticated")
    await second.reload()
    await expect_status(second, "unauthenticated")


async def test_update_in_one_tab_reaches_the_other(context: BrowserContext, ada: Person) -> None:
    """``update`` shows the new name at once, in the other tab too."""
    first = await open_page(context)
    await sign_in(first, ada)
    await expect_status(first, "authenticated")
    second = await open_page(context)
    await expect_status(second, "authenticated")
    await first.wait_for_function(NEXT_SECOND)
    await first.get_by_role("button", name="Rename").click()
    for page in (first, second):
        await expect(page.get_by_role("heading")).to_have_text("Countess Lovelace")


async def test_a_page_that_requires_a_session_leads_to_the_sign_in_page_and_back(
    context: BrowserContext, ada: Person
) -> None:
    """``useSession({required: true})`` sends an anonymous browser to our sign-in page, which says why, and back."""
    page = await open_page(context, "?required")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await expect(page.get_by_role("status")).to_have_text("Please sign in to see this page.")
    await sign_in(page, ada)
    await expect(page).to_have_url(re.compile(rf"{PATH}\?required$"))
    await expect_status(page, "authenticated")
