"""Proving an address on the running stack, where that is required: sign up, sign in, and move to another address."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.accessibility import list_violations
from tests.support.mailbox import RunningMailbox, sending_to
from tests.support.people import PASSWORD
from tests.support.running_stack import StackUrls, started_stack
from tests.support.waiting import wait_until

CODE = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b")
NARROW = 320  # pixels


@pytest.fixture(scope="module")
def stack(mailbox: RunningMailbox) -> Iterator[StackUrls]:
    """Give a stack in which nobody signs in before they have proved their address."""
    with started_stack({**sending_to(mailbox), "EMAIL_VERIFICATION": "required"}) as urls:
        yield urls


async def read_code(mailbox: RunningMailbox, email: str, number: int = 1) -> str:
    """Return the code in the newest of so many letters to an address."""
    text = (await mailbox.wait_for_texts(email, number))[0]
    found = CODE.search(text)
    assert found is not None, text
    return found[0]


async def test_the_story_in_the_browser(
    page: Page, mailbox: RunningMailbox, stack: StackUrls, client: httpx2.AsyncClient
) -> None:
    """Somebody signs up, types the code, signs in, writes a post, and moves to another address, as the post shows."""
    old, new = "mary@example.com", "mary.jackson@example.com"
    await page.goto("/userposts")
    await page.get_by_role("main").get_by_role("link", name="Create an account").click()
    await page.get_by_label("Name").fill("Mary Jackson")
    await page.get_by_label("E-mail").fill(old)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_role("heading", name="Confirm your e-mail address")).to_be_visible()
    refused = await client.post("/api/login", json={"username": old, "password": PASSWORD})
    assert refused.status_code == 401  # there is no account yet
    await page.get_by_label("Code").fill(await read_code(mailbox, old))
    await page.get_by_role("button", name="Create my account").click()
    await expect(page.get_by_role("status")).to_contain_text("Sign in with your password")
    await page.get_by_label("E-mail").fill(old)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    signed_in = (await client.post("/api/login", json={"username": old, "password": PASSWORD})).json()
    bearer = {"Authorization": f"Bearer {signed_in['accessToken']}"}
    post = {"title": "Hello", "content": "A first post", "published": True}
    assert (await client.post("/api/posts", json=post, headers=bearer)).status_code == 201
    await page.goto("/account/email")
    await page.get_by_label("New address").fill(new)
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await read_code(mailbox, new))
    await page.get_by_role("button", name="Change address", exact=True).click()
    await expect(page.get_by_text("Your account has its new address.")).to_be_visible()
    assert "address" in (await mailbox.wait_for_texts(old, 2))[0]
    again = (await client.post("/api/login", json={"username": new, "password": PASSWORD})).json()
    bearer = {"Authorization": f"Bearer {again['accessToken']}"}
    answer = await wait_until(
        lambda: client.get(f"/api/user/{again['id']}", headers=bearer),
        lambda found: found.json()[0]["author"] == {"email": new, "name": "Mary Jackson"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("email", ["taken@example.com", "free@example.com"])
async def test_taken_addresses_are_not_told_apart(
    client: httpx2.AsyncClient, mailbox: RunningMailbox, email: str
) -> None:
    """Whether an address is taken or free, signing up answers 202 with the same body; the letter says which."""
    body = {"name": "Mary", "email": "taken@example.com", "password": PASSWORD}
    if email == "taken@example.com":
        assert (await client.post("/api/user", json=body)).status_code == 202
        code = {"email": email, "code": await read_code(mailbox, email)}
        assert (await client.post("/api/user/confirm", json=code)).status_code == 201
        await wait_until(lambda: client.post("/api/user", json=body), lambda answer: answer.status_code == 202)
        assert "already" in (await mailbox.wait_for_texts(email, 2))[0]
    else:
        answer = await client.post("/api/user", json={**body, "email": email})
        assert (answer.status_code, answer.json()) == (202, {"expiresIn": 600})
        assert await read_code(mailbox, email)


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
async def test_everybody_can_use_the_pages(
    browser: Browser, stack: StackUrls, mailbox: RunningMailbox, language: str
) -> None:
    """axe-core finds nothing on the pages of a code and of one's address, and nothing lies beside a narrow screen."""
    email = f"dorothy.{language.lower()}@example.com"
    context = await browser.new_context(
        base_url=stack.gateway, locale=language, viewport={"width": NARROW, "height": 800}
    )
    page = await context.new_page()

    async def check() -> None:
        assert await list_violations(page) == [], page.url
        assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW, page.url

    await page.goto("/signup")
    for name, value in {"name": "Dorothy", "email": email, "password": PASSWORD}.items():
        await page.locator(f"input[name={name}]").fill(value)
    await page.locator("form[action='/signup'] button").last.click()
    await page.wait_for_url("**/signup/code*")
    await check()
    await page.locator("input[name=code]").fill("wrong")
    await page.get_by_role("button").last.click()
    await check()
    await page.locator("input[name=code]").fill(await read_code(mailbox, email))
    await page.get_by_role("button").last.click()
    await page.wait_for_url("**/api/auth/signin*")
    await check()
    await page.locator("input[name=email]").fill(email)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("form button").last.click()
    await page.goto("/account/email")
    await check()
    await page.locator("input[name=email]").fill(f"new.{email}")
    await page.get_by_role("button").last.click()
    await expect(page.locator("input[name=newCode]")).to_be_visible()
    await check()
    await context.close()
