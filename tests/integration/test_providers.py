"""Signing in with another provider on the running stack, in Chromium: by a button, and by ``next-auth/react``."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.accessibility import list_violations
from tests.support.ports import find_free_port
from tests.support.providers import Running, running_provider, write_providers
from tests.support.react_page import PATH, add_to_policy, build_front_end
from tests.support.running_stack import StackUrls, started_stack
from tests.support.victim import running_app

PROVIDER_PORT = find_free_port()


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackUrls]:
    """Give a stack in which people sign in with a provider, and whose gateway has the React page behind it."""
    folder = tmp_path_factory.mktemp("providers")
    table = f'id = "ours"\nname = "Example"\nissuer = "http://127.0.0.1:{PROVIDER_PORT}"'
    file = write_providers(folder, table)
    rules = folder / "rules.toml"
    async with running_app(build_front_end()) as port:
        rules.write_text(add_to_policy(f"http://127.0.0.1:{port}"))
        with started_stack({"GATEWAY_RULES": str(rules), "PROVIDERS_FILE": str(file)}) as urls:
            yield urls


@pytest.fixture(scope="module")
def provider(stack: StackUrls) -> Iterator[Running]:
    """Give the provider: on another site than the stack, as far as a browser can tell."""
    assert "//localhost:" in stack.gateway
    back = f"{stack.gateway}/api/auth/callback/ours"
    with running_provider("ours", port=PROVIDER_PORT, REDIRECT_URIS=back) as running:
        running.know("ada", "ada@example.com", name="Ada Lovelace")
        yield running


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context(base_url=stack.gateway)
    context.set_default_timeout(20_000)
    yield context
    await context.close()


async def prove(page: Page, person: str) -> None:
    """Fill in the provider's form."""
    await page.get_by_placeholder("Enter any login").fill(person)
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()


async def test_a_button_leads_there_and_back(page: Page, stack: StackUrls, provider: Running) -> None:
    """Without any script: the button leads to the provider, whatever the page's policy is, and back to what was wanted.

    The page is as accessible as without it.
    """
    assert provider.port == PROVIDER_PORT
    await page.goto("/api/auth/signin?callbackUrl=/userposts")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove(page, "ada")
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_text("Ada Lovelace")).to_be_visible()


async def test_the_client_signs_in_unmodified(context: BrowserContext, provider: Running) -> None:
    """``signIn("<id>")`` leads there and back to its page, where ``useSession`` then has who they are."""
    assert provider.id == "ours"
    page = await context.new_page()
    await page.goto(f"{PATH}?elsewhere=ours")
    await page.get_by_role("button", name="Elsewhere").click()
    await prove(page, "ada")
    await expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    assert page.url.endswith(f"{PATH}?elsewhere=ours")


async def test_whoever_says_no_is_told_so(context: BrowserContext, provider: Running) -> None:
    """Whoever turns back at the provider is on the sign-in page again, with a sentence that says so, in their language.

    The page with buttons and the sentence has no fault that axe-core finds.
    """
    assert provider.id == "ours"
    page = await context.new_page()
    await page.goto("/api/auth/signin")
    await page.get_by_role("button", name="Sign in with Example").click()
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_text("You did not sign in there. Try again, or sign in another way")).to_be_visible()
    assert await list_violations(page) == []


async def test_ways_to_sign_in_are_added_and_removed(context: BrowserContext, provider: Running) -> None:
    """Without any script: who came by a provider sets a password, and can then remove the provider and add it again.

    The pages say what is missing, and axe-core finds no fault in them.
    """
    provider.know("grace", "grace@example.com", name="Grace Hopper")
    page = await context.new_page()
    await page.goto("/api/auth/signin?callbackUrl=/account/identities")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove(page, "grace")
    await page.get_by_role("button", name="Remove Example").click()
    await expect(page.get_by_text("This is your only way to sign in.")).to_be_visible()
    assert await list_violations(page) == []
    await page.get_by_role("link", name="Set a password").click()
    assert await list_violations(page) == []
    await page.get_by_label("New password").fill("correct horse battery")
    await page.get_by_role("button", name="Set password").click()
    await expect(page.get_by_text("Your password was changed.")).to_be_visible()
    await page.get_by_role("link", name="Ways to sign in").click()
    assert await list_violations(page) == []
    await page.get_by_role("link", name="Sign in again").click()
    await page.get_by_label("E-mail").fill("grace@example.com")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("button", name="Remove Example").click()
    await expect(page.get_by_text("Removed. All your other devices were signed out.")).to_be_visible()
    await page.get_by_role("button", name="Add Example").click()
    await expect(page.get_by_text("Added. From now on you can sign in that way, too.")).to_be_visible()
    assert await list_violations(page) == []


async def test_an_account_without_a_password_is_deleted(context: BrowserContext, provider: Running) -> None:
    """Who came by a provider deletes their account by a button; they have no password to type."""
    provider.know("leaving", "leaving@example.com", name="Lea Ving")
    page = await context.new_page()
    await page.goto("/api/auth/signin?callbackUrl=/account/delete")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove(page, "leaving")
    assert await list_violations(page) == []
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_text("Your account and your posts were deleted.")).to_be_visible()
