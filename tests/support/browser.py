"""A real Chromium for the tests, driven by Playwright: the system's own."""

import contextlib
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.support.people import PASSWORD, Person

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find_chromium() -> str | None:
    """Return the path of the system's Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.asynccontextmanager
async def launched_browser(*further: str) -> AsyncIterator[Browser]:
    """Give a browser with these arguments beside the usual ones; skip the test where none is installed."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium is installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *further])
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(page: Page, person: Person, password: str = PASSWORD) -> None:
    """Fill in the sign-in form that is shown, in English, and send it."""
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()
