"""Signing in by a link that is mailed, on the running stack: the published ``next-auth/react``, and a browser."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.accessibility import list_violations
from tests.support.mailbox import RunningMailbox, sending_to
from tests.support.next_auth_package import NextAuthClient, running_client
from tests.support.people import Person, sign_up_and_in
from tests.support.running_stack import StackUrls, started_stack


@pytest.fixture(scope="module")
def stack(mailbox: RunningMailbox) -> Iterator[StackUrls]:
    """Give a stack in which people sign in by mail."""
    with started_stack({**sending_to(mailbox), "EMAIL_SIGN_IN": "on"}) as urls:
        yield urls


@pytest.fixture
def next_auth(stack: StackUrls) -> Iterator[NextAuthClient]:
    """Give a browser of its own that shows a page of the stack."""
    with running_client(f"{stack.gateway}/posts/1") as client:
        yield client


async def read_link(mailbox: RunningMailbox, email: str) -> str:
    """Return the link in the newest letter to an address."""
    text = (await mailbox.wait_for_texts(email, 1))[0]
    found = re.search(r"https?://\S+/api/auth/callback/email\?\S+", text)
    assert found is not None, text
    return found[0]


async def test_the_client_asks_for_a_link_unmodified(
    next_auth: NextAuthClient, stack: StackUrls, mailbox: RunningMailbox, grace: Person, page: Page
) -> None:
    """``getProviders()`` lists ``email``, ``signIn("email")`` sends a link, and its button signs in.

    The account's name was given before anybody had proven the address, so it goes: the address has the name.
    """
    providers: Any = next_auth.call("getProviders")
    assert providers["email"] == {
        "id": "email",
        "name": "Email",
        "type": "email",
        "signinUrl": f"{stack.gateway}/api/auth/signin/email",
        "callbackUrl": f"{stack.gateway}/api/auth/callback/email",
    }
    asked = next_auth.call("signIn", "email", {"email": grace.email, "redirect": False, "callbackUrl": "/userposts"})
    verify = f"{stack.gateway}/api/auth/verify-request?provider=email&type=email"
    assert asked == {"error": None, "status": 200, "ok": True, "url": verify}
    await page.goto(await read_link(mailbox, grace.email))
    await expect(page.get_by_text(grace.email)).to_be_visible()
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_role("link", name=grace.email.partition("@")[0], exact=True)).to_be_visible()
    await expect(page.get_by_text(grace.name)).to_have_count(0)


async def test_what_the_client_is_told(next_auth: NextAuthClient, mailbox: RunningMailbox, grace: Person) -> None:
    """What is no address is an error to ``signIn()``; one without an account is not, and gets a letter that says so."""
    refused: Any = next_auth.call("signIn", "email", {"email": "nobody", "redirect": False})
    assert refused == {"error": "EmailSignin", "status": 400, "ok": False, "url": None}
    unknown: Any = next_auth.call("signIn", "email", {"email": "stranger@example.com", "redirect": False})
    known: Any = next_auth.call("signIn", "email", {"email": grace.email, "redirect": False})
    assert unknown == known
    (letter,) = await mailbox.wait_for_texts("stranger@example.com", 1)
    assert "/callback/" not in letter


async def test_the_story_in_the_browser(page: Page, mailbox: RunningMailbox, stack: StackUrls, grace: Person) -> None:
    """Somebody asks for a link on the sign-in page and follows it to where they wanted to be; it works once."""
    await page.goto("/userposts")
    form = page.locator("form[action='/api/auth/signin/email']")
    await form.get_by_label("E-mail").fill(grace.email)
    await form.get_by_role("button").click()
    await expect(page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    link = await read_link(mailbox, grace.email)
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await page.goto(link)
    await expect(page.get_by_role("heading", name="This link no longer works")).to_be_visible()


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
async def test_everybody_can_use_the_pages(
    browser: Browser, stack: StackUrls, mailbox: RunningMailbox, client: httpx2.AsyncClient, language: str
) -> None:
    """axe-core finds nothing on the pages of the way, and nothing lies beside a narrow screen."""
    person = await sign_up_and_in(client, "Mary Somerville")
    context = await browser.new_context(base_url=stack.gateway, locale=language, viewport={"width": 320, "height": 800})
    page = await context.new_page()
    await page.goto("/api/auth/signin")
    form = page.locator("form[action='/api/auth/signin/email']")
    await form.get_by_label("E-mail" if language == "en-GB" else "이메일").fill(person.email)
    for step in ("sign-in page", "sent", "link"):
        assert await list_violations(page) == [], step
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, step
        if step == "sign-in page":
            await form.get_by_role("button").click()
            await page.wait_for_url("**/verify-request*")
        elif step == "sent":
            await page.goto(await read_link(mailbox, person.email))
    await context.close()
