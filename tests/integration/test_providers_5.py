"""Signing in with another provider by the published ``next-auth/react`` 5, on a stack that speaks its protocol."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.support.browser import prove_elsewhere
from tests.support.next_auth_5 import NAMES
from tests.support.next_auth_package import running_client
from tests.support.ports import find_free_port
from tests.support.providers import Running, running_provider
from tests.support.react_page import PATH, started_ahead_of_page
from tests.support.running_stack import StackUrls

PROVIDER_PORT = find_free_port()


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackUrls]:
    """Give a stack in which people sign in with a provider, and whose gateway has the React page behind it."""
    folder = tmp_path_factory.mktemp("providers")
    table = f'id = "ours"\nname = "Example"\nissuer = "http://127.0.0.1:{PROVIDER_PORT}"'
    async with started_ahead_of_page(folder, table, version="5") as urls:
        yield urls


@pytest.fixture(scope="module")
def provider(stack: StackUrls) -> Iterator[Running]:
    """Give the provider."""
    back = f"{stack.gateway}/api/auth/callback/ours"
    with running_provider("ours", port=PROVIDER_PORT, REDIRECT_URIS=back) as running:
        running.know("ada", "ada@example.com", name="Ada Lovelace")
        yield running


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context(base_url=stack.gateway)
    yield context
    await context.close()


async def test_the_client_signs_in_unmodified(context: BrowserContext, provider: Running) -> None:
    """``signIn("<id>")`` leads there and back to its page, where ``useSession`` then has who they are.

    The browser keeps version 5's cookies, none of version 4, and none of the checks.
    """
    assert provider.id == "ours"
    page = await context.new_page()
    await page.goto(f"{PATH}?elsewhere=ours")
    await page.get_by_role("button", name="Elsewhere").click()
    await prove_elsewhere(page, "ada")
    await expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    assert page.url.endswith(f"{PATH}?elsewhere=ours")
    kept = {cookie.get("name", "") for cookie in await context.cookies(page.url)}
    assert NAMES.session in kept
    assert {name for name in kept if name.startswith(("authjs.", "next-auth."))} == {
        NAMES.session,
        NAMES.csrf,
        NAMES.callback,
    }


def test_the_client_is_told_where_to_go(stack: StackUrls, provider: Running) -> None:
    """Without a redirect ``signIn("<id>")`` gives the provider's address, with what its caller asks of the provider."""
    with running_client(f"{stack.gateway}{PATH}", "5") as client:
        answer: Any = client.call("signIn", "ours", {"redirect": False}, {"login_hint": "ada"})
    assert (answer["ok"], answer.get("error"), answer.get("code")) == (True, None, None)
    assert answer["url"].startswith(f"{provider.issuer}/auth?login_hint=ada&")


async def test_somebody_who_says_no_is_told_so(context: BrowserContext, provider: Running) -> None:
    """A user who turns back at the provider is on the sign-in page by version 5's error, and told so."""
    assert provider.id == "ours"
    page = await context.new_page()
    await page.goto("/api/auth/signin")
    await page.get_by_role("button", name="Sign in with Example").click()
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_text("You did not sign in there. Try again, or sign in another way")).to_be_visible()
    assert page.url.endswith("/api/auth/signin?error=OAuthCallbackError")
