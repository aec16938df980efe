"""The page ``examples/spa``, in a real browser, behind a gateway."""

import time
import uuid
from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.accessibility import list_violations
from tests.support.browser import sign_in
from tests.support.forged_tokens import let_run_out, read_claims
from tests.support.next_auth import SEALER, SESSION_COOKIE
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.spa_example import PATH
from tests.support.waiting import wait_until


@pytest.fixture(scope="session")
def stack(stack_with_pages: StackUrls) -> StackUrls:
    """Give the stack that the page is in."""
    return stack_with_pages


@pytest.fixture
async def page(browser: Browser, stack: StackUrls) -> AsyncIterator[Page]:
    """Give a browser of its own that shows the page."""
    context = await browser.new_context(base_url=stack.gateway)
    page = await context.new_page()
    await page.goto(PATH)
    yield page
    await context.close()


async def test_the_whole_story(page: Page) -> None:
    """Sign up, and be told what is wrong; write, sign out, mistype the password, sign in, and find what was written."""
    name, email = "Mary Somerville", f"mary.{uuid.uuid4().hex}@example.com"
    mary = Person(0, name, email, "")
    form = page.get_by_role("form", name="Sign up")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("E-mail").fill(email)
    await form.get_by_label("Password").fill("short")
    assert await list_violations(page) == []
    await form.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_contain_text("at least")
    await form.get_by_label("Password").fill(PASSWORD)
    await form.get_by_role("button").click()
    await expect(page.get_by_role("heading", name=f"Posts of {name}")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_empty()
    await page.get_by_label("Title").fill("On the connexion")
    await page.get_by_role("button", name="Save a draft").click()
    await expect(page.get_by_role("listitem")).to_have_text("On the connexion")
    assert await list_violations(page) == []
    await page.get_by_role("button", name="Sign out").click()
    await sign_in(page.get_by_role("form", name="Sign in"), mary, "not the password")
    await expect(page.get_by_role("alert")).to_have_text("That e-mail address or password is not right.")
    await sign_in(page.get_by_role("form", name="Sign in"), mary)
    await expect(page.get_by_role("listitem")).to_have_text("On the connexion")


async def test_what_was_written_is_text(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """A title is shown as it was written, and nothing of it becomes HTML."""
    title = "<img src=x onerror=\"document.title='run'\">"
    await client.post("/api/posts", json={"title": title}, headers=ada.bearer)
    await sign_in(page.get_by_role("form", name="Sign in"), ada)
    await expect(page.get_by_role("listitem")).to_have_text(title)
    assert await page.locator("img").count() == 0


async def test_a_token_that_has_run_out_is_renewed(page: Page, ada: Person) -> None:
    """With an access token that has run out the page works on, and the cookie then holds a new one."""
    await sign_in(page.get_by_role("form", name="Sign in"), ada)
    await expect(page.get_by_role("heading", name=f"Posts of {ada.name}")).to_be_visible()
    now = int(time.time())
    claims = SEALER.open(await read_session(page.context), now) or {}
    old = SEALER.seal({**claims, "accessToken": let_run_out(str(claims["accessToken"]))}, now)
    await page.context.add_cookies([{"name": SESSION_COOKIE, "value": old, "domain": "localhost", "path": "/"}])
    assert await read_session(page.context) == old
    await page.get_by_label("Title").fill("Still here")
    await page.get_by_role("button", name="Save a draft").click()
    await expect(page.get_by_role("listitem")).to_have_text("Still here")
    claims = SEALER.open(await read_session(page.context), int(time.time())) or {}
    assert int(str(read_claims(str(claims["accessToken"]))["exp"])) > time.time()


async def test_a_session_that_has_ended_is_told(page: Page, client: httpx2.AsyncClient, ada: Person) -> None:
    """When the session was ended elsewhere, the page says so and shows the form, and one can go on."""
    await sign_in(page.get_by_role("form", name="Sign in"), ada)
    await page.get_by_label("Title").fill("Too late")
    session = await (await page.request.get("/api/auth/session")).json()
    bearer = {"authorization": session["user"]["accessToken"]}
    assert (await client.post("/api/logout", headers=bearer)).status_code == 204
    posts = f"/api/user/{ada.id}"
    await wait_until(lambda: client.get(posts, headers=bearer), lambda answer: answer.status_code == 401)
    await page.get_by_role("button", name="Save a draft").click()
    await expect(page.get_by_role("alert")).to_have_text("Your session has ended. Please sign in again.")
    await sign_in(page.get_by_role("form", name="Sign in"), ada)
    await page.get_by_role("button", name="Save a draft").click()
    await expect(page.get_by_role("listitem")).to_have_text("Too late")


async def read_session(context: BrowserContext) -> str:
    """Return the browser's session cookie."""
    return next(cookie["value"] for cookie in await context.cookies() if cookie["name"] == SESSION_COOKIE)
