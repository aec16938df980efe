"""Signing in with another provider on the running stack: by a button and by ``next-auth/react``, in Chromium.

And the story of somebody who signs up with an address of somebody else, over HTTP.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support import next_auth
from tests.support.accessibility import LOOKS, check_looks, list_violations
from tests.support.browser import prove_and_wait, prove_elsewhere
from tests.support.html_forms import read_forms
from tests.support.ports import find_free_port
from tests.support.providers import (
    Running,
    begin,
    prove_there,
    read_error,
    running_provider,
    sign_in,
)
from tests.support.react_page import PATH, started_ahead_of_page
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

PROVIDER_PORT, OTHER_PORT = find_free_port(), find_free_port()
REFUSED = "Signing in there did not work. Try again"


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackUrls]:
    """Give a stack in which people sign in with two providers, and whose gateway has the React page behind it."""
    folder = tmp_path_factory.mktemp("providers")
    table = f'id = "ours"\nname = "Example"\nissuer = "http://127.0.0.1:{PROVIDER_PORT}"'
    other = f'id = "other"\nname = "Other"\nissuer = "http://127.0.0.1:{OTHER_PORT}"'
    async with started_ahead_of_page(folder, table, other) as urls:
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
    yield context
    await context.close()


async def test_a_button_leads_there_and_back(page: Page, stack: StackUrls, provider: Running) -> None:
    """Without any script: the button leads to the provider, whatever the page's policy is, and back to one's page."""
    assert provider.port == PROVIDER_PORT
    await page.goto("/api/auth/signin?callbackUrl=/userposts")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove_elsewhere(page, "ada")
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_text("Ada Lovelace")).to_be_visible()


async def test_the_client_signs_in_unmodified(context: BrowserContext, provider: Running) -> None:
    """``signIn("<id>")`` leads there and back to its page, where ``useSession`` then has who they are."""
    assert provider.id == "ours"
    page = await context.new_page()
    await page.goto(f"{PATH}?elsewhere=ours")
    await page.get_by_role("button", name="Elsewhere").click()
    await prove_elsewhere(page, "ada")
    await expect(page.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    assert page.url.endswith(f"{PATH}?elsewhere=ours")


async def test_somebody_who_says_no_is_told_so(context: BrowserContext, provider: Running) -> None:
    """A user who turns back at the provider is on the sign-in page again, told so in their language.

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

    Adding it takes a proof there, though they are signed in there. The pages say what is missing, and axe-core finds no
    fault in them.
    """
    provider.know("grace", "grace@example.com", name="Grace Hopper")
    page = await context.new_page()
    await page.goto("/api/auth/signin?callbackUrl=/account/identities")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove_elsewhere(page, "grace")
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
    await prove_elsewhere(page, "grace")
    await expect(page.get_by_text("Added. From now on you can sign in that way, too.")).to_be_visible()
    assert await list_violations(page) == []


async def test_an_account_without_a_password_is_deleted(context: BrowserContext, provider: Running) -> None:
    """Who came by a provider deletes their account by a button; they have no password to type."""
    provider.know("leaving", "leaving@example.com", name="Lea Ving")
    page = await context.new_page()
    await page.goto("/api/auth/signin?callbackUrl=/account/delete")
    await page.get_by_role("button", name="Sign in with Example").click()
    await prove_elsewhere(page, "leaving")
    assert await list_violations(page) == []
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_text("Your account and your posts were deleted.")).to_be_visible()


@pytest.mark.parametrize("locale", LOOKS)
async def test_every_page_is_for_everybody(browser: Browser, stack: StackUrls, provider: Running, locale: str) -> None:
    """The sign-in page with buttons, and what only accounts without a password are shown, are so in all their looks."""
    provider.know("new", "new@example.com", name="새 사람")
    context = await browser.new_context(base_url=stack.gateway, locale=locale)
    page = await context.new_page()
    await page.goto("/api/auth/signin?callbackUrl=/account/identities")
    await check_looks(page, LOOKS[locale])
    await page.locator("form[action$='/signin/ours'] button").click()
    await prove_elsewhere(page, "new")
    for path in ("/account/identities", "/account/password", "/account/delete"):
        await page.goto(path)
        await check_looks(page, LOOKS[locale])
    await context.close()


# What goes wrong on the way


async def lead_to(page: Page, name: str, place: str = "/userposts") -> None:
    """Open the sign-in page, and press a provider's button."""
    await page.goto(f"/api/auth/signin?callbackUrl={place}")
    await page.get_by_role("button", name=f"Sign in with {name}").click()


async def test_an_answer_counts_once(context: BrowserContext, provider: Running) -> None:
    """Of an answer that comes twice at once, one signs in; after that it is refused, which signs nobody out."""
    provider.know("twice", "twice@example.com", name="Tw Ice")
    page = await context.new_page()
    await lead_to(page, "Example")
    back = await prove_and_wait(page, "twice")
    await asyncio.gather(page.goto(back), page.request.get(back))
    for _ in range(2):
        await page.goto("/userposts")
        await expect(page.get_by_text("Tw Ice")).to_be_visible()
        await page.goto(back)
        await expect(page).to_have_url(re.compile(r"/api/auth/signin\?error=OAuthCallback$"))
        await expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


async def test_an_answer_of_another_browser(
    context: BrowserContext, attacker: httpx2.AsyncClient, provider: Running
) -> None:
    """A user who is sent the answer that somebody else got is not signed in by it, on their own way or without one."""
    provider.know("mallory", "mallory@example.com")
    page = await context.new_page()
    for _ in range(2):
        await page.goto(await prove_there(await begin(attacker, "ours"), "mallory"))
        await expect(page.get_by_text(REFUSED)).to_be_visible()
        await page.goto("/userposts")
        await expect(page).to_have_url(re.compile("/api/auth/signin"))
        await lead_to(page, "Example")


async def test_an_answer_of_another_provider(context: BrowserContext, provider: Running) -> None:
    """An answer of one provider that is sent to the address of another signs nobody in (mix-up)."""
    provider.know("eve", "eve@example.com")
    page = await context.new_page()
    await lead_to(page, "Example")
    back = await prove_and_wait(page, "eve")
    await page.goto(back.replace("callback/ours", "callback/other"))
    await expect(page.get_by_text(REFUSED)).to_be_visible()
    await page.goto(back)
    await expect(page).to_have_url(re.compile("/userposts$"))


async def test_a_provider_that_dies_meanwhile(context: BrowserContext, stack: StackUrls) -> None:
    """A user who is there when a provider dies is on the sign-in page again, and signs in once it is back."""
    page = await context.new_page()
    told = {"REDIRECT_URIS": f"{stack.gateway}/api/auth/callback/other"}
    with running_provider("other", port=OTHER_PORT, **told) as mortal:
        mortal.know("patient", "patient@example.com", name="Pat Ient")
        await lead_to(page, "Other")
        back = await prove_and_wait(page, "patient")
        mortal.program.kill()
        await page.goto(back)
        await expect(page.get_by_text(REFUSED)).to_be_visible()
    with running_provider("other", port=OTHER_PORT, **told) as again:
        again.know("patient", "patient@example.com", name="Pat Ient")
        await lead_to(page, "Other")
        await prove_elsewhere(page, "patient")
        await expect(page.get_by_text("Pat Ient")).to_be_visible()


# Somebody who signs up with an address of somebody else


def open_browser(stack: StackUrls) -> httpx2.AsyncClient:
    """Return a browser that runs no script, and says of forms where they come from."""
    return httpx2.AsyncClient(base_url=stack.gateway, headers={"Origin": stack.gateway}, timeout=10)


@pytest.fixture
async def attacker(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of somebody who signs up with the address of somebody else."""
    async with open_browser(stack) as browser:
        yield browser


@pytest.fixture
async def victim(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of somebody who has that address."""
    async with open_browser(stack) as browser:
        yield browser


async def read_session(browser: httpx2.AsyncClient) -> dict[str, object] | None:
    """Return who is signed in to a browser."""
    user = (await next_auth.get_session(browser)).get("user")
    assert user is None or isinstance(user, dict)
    return user


async def test_an_account_made_with_anothers_address(
    attacker: httpx2.AsyncClient, victim: httpx2.AsyncClient, provider: Running
) -> None:
    """It is taken over clean by somebody who comes by a provider that says the address is theirs, and by nobody before.

    The attacker's password, session, tokens and own identity, all got before, open nothing from then on.
    """
    made = {"name": "Mallory", "email": "victim@example.com", "password": "the attacker knows"}
    provider.know("mallory", "mallory@example.com")
    provider.know("careless", made["email"], is_proven=False)
    provider.know("victim", made["email"], name="Victoria")
    assert (await attacker.post("/api/user", json=made)).status_code == 201
    login = {"username": made["email"], "password": made["password"]}
    tokens = (await attacker.post("/api/login", json=login)).json()
    bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
    assert (await attacker.post("/api/posts", json={"title": "Mine"}, headers=bearer)).status_code == 201
    await next_auth.sign_in(attacker, made["email"], made["password"])
    form = read_forms((await attacker.get("/account/identities")).text)["/account/identities/ours"]
    begun = await attacker.post(form.action, data=form.fields)
    added = await attacker.get(await prove_there(begun.headers["location"], "mallory"))
    assert added.headers["location"].endswith("?done=added")

    assert read_error(await sign_in(victim, "ours", "careless")) == "OAuthAccountNotLinked"
    assert await read_session(victim) is None
    assert await read_session(attacker) is not None, "an address that nobody verified ends nothing"
    assert read_error(await sign_in(victim, "ours", "victim")) == ""

    owner = await read_session(victim)
    assert owner is not None
    assert (owner["id"], owner["email"]) == (tokens["id"], made["email"])
    assert await read_session(attacker) is None
    assert (await next_auth.sign_in(attacker, made["email"], made["password"])).status_code == 401
    assert (await attacker.post("/api/login", json=login)).status_code == 401
    assert (await attacker.post("/api/token", json={"refreshToken": tokens["refreshToken"]})).status_code == 401
    assert (await attacker.get("/api/me", headers=bearer)).status_code == 401

    async def write() -> int:
        return (await attacker.post("/api/posts", json={"title": "Still mine"}, headers=bearer)).status_code

    await wait_until(write, lambda status: status == 401)
    assert read_error(await sign_in(attacker, "ours", "mallory")) == ""
    stranger = await read_session(attacker)
    assert stranger is not None
    assert (stranger["id"] == owner["id"], stranger["email"]) == (False, "mallory@example.com")
    assert (await read_session(victim) or {})["id"] == owner["id"]


async def test_an_account_that_is_proven_is_taken_by_nobody(
    attacker: httpx2.AsyncClient, victim: httpx2.AsyncClient, provider: Running
) -> None:
    """A user who brings the address of an account that is proven, and unverified, is told to sign in as before."""
    provider.know("proven", "proven@example.com")
    provider.know("pretender", "PROVEN@example.com", is_proven=False)
    assert read_error(await sign_in(victim, "ours", "proven")) == ""
    refused = await sign_in(attacker, "ours", "pretender")
    assert read_error(refused) == "OAuthAccountNotLinked"
    page = await attacker.get(refused.headers["location"], follow_redirects=True)
    assert "There is an account with your e-mail address already. Sign in the way you did before" in page.text
    assert await read_session(attacker) is None
    assert await read_session(victim) is not None
