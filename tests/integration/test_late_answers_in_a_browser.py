"""The same races in Chromium, with the published ``next-auth/react`` in two tabs of one browser."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from starlette.requests import Request

from tests.support.browser import sign_in
from tests.support.holding_proxy import HoldingProxy, Matches
from tests.support.people import Person, sign_up_and_in
from tests.support.react_page import PATH, add_to_policy, build_front_end
from tests.support.running_stack import started_stack
from tests.support.victim import running_app

SESSION = "/api/auth/session"


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[HoldingProxy, str]]:
    """Give the proxy ahead of a stack that has the React page behind it, and the public URL."""
    rules, proxy = tmp_path_factory.mktemp("react") / "rules.toml", HoldingProxy()
    async with running_app(build_front_end()) as front_end, running_app(proxy) as port:
        rules.write_text(add_to_policy(f"http://127.0.0.1:{front_end}"))
        url = f"http://localhost:{port}"
        with started_stack({"GATEWAY_RULES": str(rules), "NEXTAUTH_URL": url}) as stack:
            proxy.target = stack.gateway
            yield proxy, url
        await proxy.close()


@pytest.fixture
async def people(proxy: tuple[HoldingProxy, str]) -> tuple[Person, Person]:
    """Give Ada and Grace."""
    async with httpx2.AsyncClient(base_url=proxy[1], timeout=20) as client:
        return await sign_up_and_in(client, "Ada Lovelace"), await sign_up_and_in(client, "Grace Hopper")


@pytest.fixture
async def context(browser: Browser, proxy: tuple[HoldingProxy, str]) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context(base_url=proxy[1])
    yield context
    await context.close()


def polls(method: str = "GET") -> Matches:
    """Return what finds a request for the session."""

    def matches(request: Request) -> bool:
        return request.url.path == SESSION and request.method == method

    return matches


async def sign_in_afresh(page: Page, person: Person) -> None:
    """Sign in on the page of the auth service, where nothing polls, whoever is signed in."""
    await page.goto(f"/api/auth/signin?prompt=login&callbackUrl={PATH}")
    await sign_in(page, person)
    await expect(page).to_have_url(re.compile(rf"{PATH}$"))


async def expect_user(page: Page, person: Person) -> None:
    """Wait until a page shows somebody as signed in."""
    await expect(page.get_by_role("heading")).to_have_text(person.name)


async def expect_nobody(page: Page) -> None:
    """Wait until a page shows that nobody is signed in."""
    await expect(page.get_by_role("status")).to_have_text("unauthenticated")


@pytest.mark.parametrize("who", [0, 1], ids=["the-same", "another"])
async def test_a_late_poll_does_not_undo_a_sign_in(
    context: BrowserContext, proxy: tuple[HoldingProxy, str], people: tuple[Person, Person], who: int
) -> None:
    """A poll from before a sign-in in another tab arrives after it: both tabs are signed in, as who signed in last."""
    polling, other, held_back = await context.new_page(), await context.new_page(), proxy[0]
    await sign_in_afresh(polling, people[0])
    await expect_user(polling, people[0])
    held = held_back.hold_next(polls())
    await polling.reload()
    await held.arrived()
    await sign_in_afresh(other, people[who])  # its own poll waits: Chromium asks for an address once at a time
    held.release()
    await polling.wait_for_load_state("networkidle")
    for page in (polling, other):
        await page.reload()
        await expect_user(page, people[who])
    await polling.goto("/userposts")
    await expect(polling.locator("body")).to_contain_text(people[who].name)


async def test_a_late_poll_brings_nobody_back(
    context: BrowserContext, proxy: tuple[HoldingProxy, str], people: tuple[Person, Person]
) -> None:
    """A poll from before signing out in another tab arrives after it: both tabs are signed out."""
    polling, other, held_back = await context.new_page(), await context.new_page(), proxy[0]
    await sign_in_afresh(other, people[0])
    await expect_user(other, people[0])
    held = held_back.hold_next(polls())
    await polling.goto(PATH)
    await held.arrived()
    async with other.expect_response(re.compile("/api/auth/signout$")):
        await other.get_by_role("button", name="Sign out").click()
    held.release()
    await polling.wait_for_load_state("networkidle")
    for page in (polling, other):
        await page.reload()
        await expect_nobody(page)
    await polling.goto("/userposts")
    await expect(polling).to_have_url(re.compile("/api/auth/signin"))
