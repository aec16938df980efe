"""Several hosts, one sign-in, as Chromium and the published ``next-auth/react`` live it."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.browser import launched_browser, sign_in
from tests.support.people import Person
from tests.support.react_page import PATH, RULE, build_front_end
from tests.support.several_hosts import APP, DOMAIN, ID, WIKI, SeveralHosts, started_hosts
from tests.support.victim import running_app

CORS_RULE = """
[[rule]]
matcher  = ["/api/posts"]
hosts    = "WIKI"
methods  = ["POST"]
access   = "protected"
upstream = "posts"
cors     = { origins = "http://APP", credentials = true }
"""
SIGN_IN_PAGE = re.compile(rf"^{ID}/api/auth/signin\?")
WRITE = f"""async () => {{
    const body = JSON.stringify({{title: "From afar", content: "x"}});
    const headers = {{"Content-Type": "application/json"}};
    try {{
        const answer = await fetch("{WIKI}/api/posts", {{method: "POST", credentials: "include", headers, body}});
        return answer.status;
    }} catch (error) {{ return error.name; }}
}}"""


@pytest.fixture(scope="module")
async def hosts() -> AsyncIterator[SeveralHosts]:
    """Give a stack with three hosts, each of which has the React page."""
    async with running_app(build_front_end()) as port:
        with started_hosts(CORS_RULE + RULE, f'react = "http://127.0.0.1:{port}"') as hosts:
            yield hosts


@pytest.fixture(scope="module")
async def browser(hosts: SeveralHosts) -> AsyncIterator[Browser]:
    """Give a browser that finds them."""
    async with launched_browser(hosts.resolver_rules) as browser:
        yield browser


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own."""
    context = await browser.new_context()
    yield context
    await context.close()


@pytest.fixture
async def client(hosts: SeveralHosts) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the hosts."""
    async with hosts.client() as client:
        yield client


async def open_page(context: BrowserContext, url: str) -> Page:
    """Open a page in a new tab."""
    page = await context.new_page()
    await page.goto(url)
    return page


async def expect_status(page: Page, status: str) -> None:
    """Wait until ``useSession`` has a status."""
    await expect(page.get_by_role("status")).to_have_text(status)


async def test_the_sign_in_page_is_at_one_host_and_leads_back_to_the_other(
    context: BrowserContext, ada: Person
) -> None:
    """An anonymous browser signs in at the public host and is back where it was, query and all; the rest knows it."""
    page = await open_page(context, f"{APP}/userposts?deep=C:\\x&y=%2F")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page, ada)
    await expect(page).to_have_url(re.compile(rf"^{APP}/userposts\?deep=C:(\\|%5C)x&y=%2F$"))
    await expect(page.get_by_text(ada.name).first).to_be_visible()
    for origin in (WIKI, ID):
        page = await open_page(context, f"{origin}/userposts")
        await expect(page).to_have_url(f"{origin}/userposts")
    kept = {cookie["name"]: cookie["domain"] for cookie in await context.cookies()}
    assert kept == {
        "next-auth.session-token": f".{DOMAIN}",
        "next-auth.callback-url": f".{DOMAIN}",
        "gatepost.shared-device": f".{DOMAIN}",
        "gatepost.device": f"id.{DOMAIN}",
        "next-auth.csrf-token": f"id.{DOMAIN}",
    }


async def test_a_react_page_at_another_host_has_the_session(context: BrowserContext, ada: Person) -> None:
    """Signed in at the public host, ``useSession`` knows it elsewhere; ``signOut`` there signs out at all hosts."""
    page = await open_page(context, f"{ID}/api/auth/signin")
    await sign_in(page, ada)
    react = await open_page(context, APP + PATH)
    await expect_status(react, "authenticated")
    await expect(react.get_by_role("heading")).to_have_text(ada.name)
    await react.get_by_role("button", name="Sign out").click()
    await expect_status(react, "unauthenticated")
    for origin in (ID, APP, WIKI):
        page = await open_page(context, f"{origin}/userposts")
        await expect(page).to_have_url(SIGN_IN_PAGE)
    assert "next-auth.session-token" not in {cookie["name"] for cookie in await context.cookies()}


async def test_a_react_page_signs_in_for_all_hosts(context: BrowserContext, ada: Person) -> None:
    """``signIn`` at one host counts at all, and the sign-out page of the public one ends it everywhere."""
    react = await open_page(context, WIKI + PATH)
    await expect_status(react, "unauthenticated")
    await sign_in(react, ada)
    await expect_status(react, "authenticated")
    other = await open_page(context, APP + PATH)
    await expect_status(other, "authenticated")
    page = await open_page(context, f"{APP}/api/auth/signout")
    await expect(page).to_have_url(re.compile(rf"^{ID}/api/auth/signout\?"))
    await page.get_by_role("button", name="Sign out").click()
    await expect(page).to_have_url(re.compile(rf"^{APP}/"))
    await other.reload()
    await expect_status(other, "unauthenticated")


async def test_a_page_that_requires_a_session_leads_to_the_public_host_and_back(
    context: BrowserContext, ada: Person
) -> None:
    """``useSession({required: true})`` asks its own host, which leads to the public one, and back afterwards."""
    page = await open_page(context, f"{APP}{PATH}?required")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{APP}{PATH}?required")
    await expect_status(page, "authenticated")


async def test_a_page_of_a_listed_origin_writes_and_reads_refusals(context: BrowserContext, ada: Person) -> None:
    """The browser asks ahead, sends the session cookie, and lets the page read 401 and 201; no other page is let in."""
    listed, other = await open_page(context, APP + PATH), await open_page(context, ID + PATH)
    assert await listed.evaluate(WRITE) == 401
    assert await other.evaluate(WRITE) == "TypeError"
    await sign_in(listed, ada)
    await expect_status(listed, "authenticated")
    assert await listed.evaluate(WRITE) == 201
    assert await other.evaluate(WRITE) == "TypeError"
