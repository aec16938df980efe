"""A Flask application with a sign-in, sessions and form tokens of its own, in a browser."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Recipes, Running
from tests.support.running_stack import StackUrls

PASSWORD = "the notes' own"
SIGN_IN_PAGE = re.compile(r"/api/auth/signin\?callbackUrl=")


@pytest.fixture(scope="module", autouse=True)
def notes(recipes: Recipes) -> Iterator[Running]:
    """Give the application, which has an account for ada."""
    with recipes.running("flask-login", NOTES_SECRET="k" * 32, ADAS_PASSWORD=PASSWORD) as running:
        yield running


async def log_in(page: Page) -> None:
    """Fill in the application's own form."""
    await page.get_by_label("Name").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


async def test_notes_are_written_after_both_sign_ins(context: BrowserContext, grace: Person, stack: StackUrls) -> None:
    """An anonymous browser signs in here, then there, and writes; logged out there, it still is signed in here."""
    page = await context.new_page()
    await page.goto("/notes/")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page, grace)
    await expect(page).to_have_url(f"{stack.gateway}/notes/login?next=%2Fnotes%2F")
    await log_in(page)
    await expect(page).to_have_url(f"{stack.gateway}/notes/")
    await page.get_by_label("Note").fill("Behind the gateway")
    await page.get_by_role("button", name="Add").click()
    await expect(page.get_by_role("listitem")).to_have_text("Behind the gateway (ada)")
    await page.get_by_role("button", name="Log out").click()
    await expect(page).to_have_url(f"{stack.gateway}/notes/login")
    await expect(page.get_by_role("button", name="Log in")).to_be_visible()


async def test_its_cookies_stay_below_the_prefix(colleague: httpx2.AsyncClient) -> None:
    """The application's cookie goes back to the application alone, not to those beside it."""
    answer = await colleague.get("/notes/login")
    assert answer.status_code == 200
    assert re.search("^notes_session=.*; Path=/notes$", answer.headers["set-cookie"])


async def test_without_its_form_token_nothing_is_written(colleague: httpx2.AsyncClient) -> None:
    """The application checks its form tokens as ever: the gateway takes nothing off its hands, and adds nothing."""
    refused = await colleague.post("/notes/login", data={"name": "ada", "password": PASSWORD})
    assert (refused.status_code, "CSRF" in refused.text) == (400, True)


async def test_nobody_comes_as_far_as_its_sign_in(visitor: httpx2.AsyncClient) -> None:
    """Whoever is not signed in here reaches nothing of it, whatever they claim in headers and cookies."""
    for headers in ({}, {"Remote-User": "ada", "X-Forwarded-User": "ada"}, {"Cookie": "notes_session=x"}):
        answer = await visitor.post("/notes/login", headers=headers, data={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 401


async def test_a_client_chooses_no_prefix_and_no_host(colleague: httpx2.AsyncClient) -> None:
    """What ``ProxyFix`` believes is the gateway's: a client's own does not arrive."""
    headers = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    answer = await colleague.get("/notes/", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (302, "/notes/login?next=%2Fnotes%2F")
