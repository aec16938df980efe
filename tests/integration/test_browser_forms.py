"""Forms in a real browser when things go wrong: what was typed stays, what was clicked twice happens once."""

import re
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.support.browser import sign_in
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

LONG_TEXT = "\n".join(f'Line {number}: <i>thoughts</i> & "quotes" 그리고 생각' for number in range(400))
SAVE = "Save"
FOUND = 302  # to the sign-in page


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own, without any script."""
    context = await browser.new_context(base_url=stack.gateway, java_script_enabled=False)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """Give a page."""
    return await context.new_page()


async def end_session(client: httpx2.AsyncClient, context: BrowserContext, person: Person) -> None:
    """End the browser's session from elsewhere, and wait until the gateway knows."""
    answer = await client.delete("/api/me/sessions", headers=person.bearer)
    assert answer.status_code == 204

    await wait_until(lambda: context.request.get("/userposts", max_redirects=0), lambda answer: answer.status == FOUND)


async def sign_in_beside(context: BrowserContext, page: Page, person: Person) -> None:
    """Follow the link that a form shown again has, sign in in the new tab, and close it."""
    async with context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in in a new tab").click()
    beside = await opened.value
    await sign_in(beside, person)
    await expect(beside.get_by_role("status")).to_contain_text("go back to the tab")
    await beside.close()


async def list_posts(client: httpx2.AsyncClient, person: Person) -> list[tuple[object, object]]:
    """Return the titles and contents of a person's posts."""
    posts = (await client.get(f"/api/user/{person.id}", headers=person.bearer)).json()
    return [(post["title"], post["content"]) for post in posts]


async def test_a_long_text_outlives_its_session(
    context: BrowserContext, page: Page, client: httpx2.AsyncClient, ada: Person
) -> None:
    """A text whose session ended before it was saved is still there, is saved after signing in again, and once."""
    await page.goto("/userposts/new")
    await sign_in(page, ada)
    await page.get_by_label("Title").fill("A long one")
    await page.get_by_label("Content").fill(LONG_TEXT)
    await page.get_by_label("Published").check()
    await end_session(client, context, ada)
    await page.get_by_role("button", name=SAVE).click()
    await expect(page.get_by_role("alert")).to_contain_text("signed out")
    await expect(page.get_by_label("Content")).to_have_value(LONG_TEXT)
    await sign_in_beside(context, page, ada)
    await page.get_by_role("button", name=SAVE).click()
    await expect(page.get_by_role("alert")).to_contain_text("once more")
    await expect(page.get_by_label("Published")).to_be_checked()
    await page.get_by_role("button", name=SAVE).dblclick()
    await expect(page).to_have_url(re.compile(r"/userposts\?done=published$"))
    assert await list_posts(client, ada) == [("A long one", LONG_TEXT)]


async def test_a_change_and_a_name_outlive_their_session(
    context: BrowserContext, page: Page, client: httpx2.AsyncClient, ada: Person
) -> None:
    """So does the change of a post, and the name in the account."""
    await client.post("/api/posts", json={"title": "Before"}, headers=ada.bearer)
    await page.goto("/userposts")
    await sign_in(page, ada)
    await page.get_by_role("link", name="Edit").click()
    await page.get_by_label("Title").fill("After")
    other = await context.new_page()
    await other.goto("/account")
    await other.get_by_label("Name").fill("Countess Lovelace")
    await end_session(client, context, ada)
    for each, field, value in ((page, "Title", "After"), (other, "Name", "Countess Lovelace")):
        await each.get_by_role("button", name=SAVE).click()
        await expect(each.get_by_label(field)).to_have_value(value)
    await sign_in_beside(context, other, ada)
    await other.get_by_role("button", name=SAVE).click()
    await expect(other.get_by_role("status")).to_have_text("Saved. Your name was changed.")
    await page.get_by_role("button", name=SAVE).click()
    await page.get_by_role("button", name=SAVE).click()
    await expect(page).to_have_url(re.compile(r"/userposts\?done="))
    assert await list_posts(client, ada) == [("After", "")]


@pytest.mark.parametrize("leave", ["Cancel", SAVE])
async def test_going_back_finds_what_was_typed(page: Page, ada: Person, leave: str) -> None:
    """Whoever leaves a form by a link, or gets an error page, and goes back, finds every field as it was left."""

    async def fail(route: Route) -> None:
        if route.request.method == "POST":
            await route.fulfill(status=503, body="away", headers={"cache-control": "no-store"})
        else:
            await route.continue_()

    await page.route("**/userposts/new", fail)
    await page.goto("/userposts/new")
    await sign_in(page, ada)
    await page.get_by_label("Title").fill("A title")
    await page.get_by_label("Content").fill("A content")
    await page.get_by_role("link" if leave == "Cancel" else "button", name=leave).click()
    await expect(page.get_by_label("Title")).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_label("Content")).to_have_value("A content")
    await expect(page.get_by_label("Title")).to_have_value("A title")


async def test_a_double_click_on_sign_up_signs_in(page: Page, client: httpx2.AsyncClient) -> None:
    """A double click on "Sign up" ends signed in, on one's own posts."""
    email = f"mary.{uuid.uuid4().hex}@example.com"
    await page.goto("/signup")
    await page.get_by_label("Name").fill("Mary Jackson")
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").dblclick()
    await expect(page).to_have_url(re.compile("/userposts$"))
    await expect(page.get_by_text("Mary Jackson").first).to_be_visible()
    assert (await client.post("/api/login", json={"username": email, "password": PASSWORD})).status_code == 200


@pytest.mark.parametrize("path", ["/api/auth/signin?callbackUrl=%2Fuserposts", "/userposts"])
async def test_signing_in_under_another_name(page: Page, stack: StackUrls, ada: Person, path: str) -> None:
    """Opened at 127.0.0.1 where the public URL says localhost, the right password signs in, at the public URL."""
    await page.goto(at_address(stack) + path)
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_text(ada.name).first).to_be_visible()


async def test_signing_up_under_another_name(page: Page, stack: StackUrls) -> None:
    """So does signing up."""
    await page.goto(f"{at_address(stack)}/signup")
    await page.get_by_label("Name").fill("Dorothy Vaughan")
    await page.get_by_label("E-mail").fill(f"dorothy.{uuid.uuid4().hex}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_text("Dorothy Vaughan").first).to_be_visible()


def at_address(stack: StackUrls) -> str:
    """Return the gateway's base URL with the address for the name."""
    parts = urlsplit(stack.gateway)
    if parts.hostname != "localhost":
        pytest.skip("the running stack's public URL is no localhost")
    return f"{parts.scheme}://127.0.0.1:{parts.port}"
