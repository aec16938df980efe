"""A single-page application, built by Vite, with its own first page and its own ``/assets``."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Recipes, Running
from tests.support.running_stack import StackUrls


@pytest.fixture(scope="module", autouse=True)
def site(recipes: Recipes) -> Iterator[Running]:
    """Give the application, built and served."""
    with recipes.running("vite") as running:
        yield running


async def test_its_assets_and_ours_are_both_there(context: BrowserContext, grace: Person, stack: StackUrls) -> None:
    """The application runs with its script and style; our sign-in page has its style, and leads back."""
    page = await context.new_page()
    await page.goto("/members/7")
    await expect(page.get_by_role("heading")).to_have_text("/members/7")
    await expect(page.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")
    async with page.expect_response(lambda answer: answer.request.resource_type == "stylesheet") as style:
        await page.get_by_role("link", name="Sign in").click()
    found = await style.value
    assert (found.ok, "/_gatepost/" in found.url) == (True, True)
    await sign_in(page, grace)
    await expect(page).to_have_url(f"{stack.gateway}/members/7")
    await expect(page.get_by_text(f"Hello, {grace.name}")).to_be_visible()


async def test_its_files_are_kept_by_browsers(colleague: httpx2.AsyncClient) -> None:
    """A file of the build is revalidated by its tag, also by who has signed in."""
    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', (await colleague.get("/")).text)
    first = await colleague.get(script)
    again = await colleague.get(script, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
