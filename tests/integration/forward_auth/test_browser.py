"""Signing in through a proxy that asks the gateway, in a real browser."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.proxies import Proxy
from tests.support.raw_upstream import RawUpstream


@pytest.fixture
async def page(browser: Browser, proxy: Proxy) -> AsyncIterator[Page]:
    """Give a page of a browser that nobody has signed in with."""
    context = await browser.new_context(base_url=proxy.url)
    page = await context.new_page()
    yield page
    await context.close()


async def test_sign_in_leads_back_through_the_proxy(
    page: Page, proxy: Proxy, application: RawUpstream, ada: Person
) -> None:
    """An anonymous browser that asks for the application's page signs in and is back there, as that person."""
    await page.goto("/reports/2026?by=day")
    await expect(page).to_have_url(re.compile(r"/api/auth/signin\?callbackUrl="))
    assert await page.evaluate("document.styleSheets.length") == 1
    assert application.received == []
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{proxy.url}/reports/2026?by=day")
    await expect(page.get_by_role("heading")).to_have_text("The reports of everybody")
    reached = [each for each in application.received if each.target == "/reports/2026?by=day"]
    assert len(reached) == 1
    assert reached[0].values("authorization")[0].startswith("Bearer ey")
    assert not any("next-auth" in cookie for cookie in reached[0].values("cookie"))
