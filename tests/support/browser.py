"""A real Chromium for the tests, driven by Playwright: the system's own."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

expect.set_options(timeout=30_000)  # as long as everything else in Playwright waits; without this it's 5 s


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


async def sign_in(page: Page | Locator, person: Person, password: str = PASSWORD) -> None:
    """Fill in the sign-in form that is shown on a page or a part of it, in English, and send it."""
    await page.get_by_label("E-mail").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def prove_elsewhere(page: Page, person: str) -> None:
    """Fill in the form of ``tests/providers/provider.mjs``, and send it."""
    await page.get_by_placeholder("Enter any login").fill(person)
    await page.get_by_placeholder("and password").fill("any")
    await page.get_by_role("button", name="Sign-in").click()


async def prove_and_wait(page: Page, person: str) -> str:
    """Do the same, and return where that leads back to: the page itself does not go there yet."""
    await page.wait_for_load_state()  # of a page that has only begun to arrive the form may be missing
    [form] = read_forms(await page.content()).values()
    fields: dict[str, str | float | bool] = {**form.fields, "login": person, "password": "any"}
    answer = await page.request.post(urljoin(page.url, form.action), form=fields, max_redirects=0)
    while "/api/auth/callback/" not in (url := urljoin(answer.url, answer.headers["location"])):
        answer = await page.request.get(url, max_redirects=0)
    return url
