"""A forgotten password on the running stack: the letter comes by SMTP, and what the old password opened is shut."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.accessibility import list_violations
from tests.support.browser import sign_in
from tests.support.mailbox import RunningMailbox, sending_to
from tests.support.people import PASSWORD, Person
from tests.support.recovery import NEW_PASSWORD, ask, confirm
from tests.support.running_stack import StackUrls, started_stack
from tests.support.waiting import wait_until

CODE = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b")


@pytest.fixture(scope="module")
def stack(mailbox: RunningMailbox) -> Iterator[StackUrls]:
    """Give a stack whose letters go to the mailbox."""
    with started_stack(sending_to(mailbox)) as urls:
        yield urls


def find_code(text: str) -> str:
    """Return the code in a letter."""
    found = CODE.search(text)
    assert found is not None, text
    return found[0]


async def test_what_the_old_password_opened_is_shut_everywhere(
    client: httpx2.AsyncClient, mailbox: RunningMailbox, stack: StackUrls, grace: Person
) -> None:
    """Soon after a reset an old access token is refused by gateway and services, and the user is told.

    How soon an ended session is refused is measured by ``tests.benchmarks.revocation``.
    """
    assert (await ask(client, grace.email)).status_code == 202
    (letter,) = await mailbox.wait_for_texts(grace.email, 1)
    assert (await client.get("/api/user/1", headers=grace.bearer)).status_code == 200
    assert (await confirm(client, grace.email, find_code(letter))).status_code == 204
    async with httpx2.AsyncClient(timeout=10) as inside:
        for url in (f"{stack.gateway}/api/me", f"{stack.auth}/api/me", f"{stack.posts}/api/user/1"):
            await wait_until(
                lambda url=url: inside.get(url, headers=grace.bearer), lambda answer: answer.status_code == 401
            )
    told, _ = await mailbox.wait_for_texts(grace.email, 2)
    assert "password" in told
    assert CODE.search(told) is None


async def test_an_address_without_an_account_is_told_so(client: httpx2.AsyncClient, mailbox: RunningMailbox) -> None:
    """Somebody without an account gets a letter too, and there is no code in it."""
    assert (await ask(client, "nobody@example.com")).status_code == 202
    (letter,) = await mailbox.wait_for_texts("nobody@example.com", 1)
    assert CODE.search(letter) is None


async def test_the_page_that_password_managers_look_for(client: httpx2.AsyncClient) -> None:
    """``/.well-known/change-password`` leads somebody who is signed out to a page with the way to a new password."""
    answer = await client.get("/.well-known/change-password")
    for _ in range(3):
        if answer.status_code == 200:
            break
        answer = await client.get(answer.headers["location"], headers={"accept": "text/html"})
    assert 'href="/forgot"' in answer.text


async def test_the_story_in_the_browser(page: Page, mailbox: RunningMailbox, stack: StackUrls, grace: Person) -> None:
    """Somebody who forgot their password gets a code by mail, sets a new one, and lands where they wanted to be."""
    await page.goto("/userposts")
    await page.get_by_role("link", name="Forgot your password?").click()
    await page.get_by_label("E-mail").fill(grace.email)
    await page.get_by_role("button", name="Send me a code").click()
    await expect(page).to_have_url(f"{stack.gateway}/forgot/code")
    await expect(page.get_by_text(grace.email)).to_be_visible()
    (letter,) = await mailbox.wait_for_texts(grace.email, 1)
    await page.get_by_label("Code").fill("7K3F-9QXM")
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Set the new password").click()
    await expect(page.get_by_label("Code")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Code").fill(find_code(letter).lower())
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Set the new password").click()
    await expect(page.get_by_role("status")).to_have_text("Your password was changed. Sign in with the new one.")
    await sign_in(page, grace, PASSWORD)
    await expect(page.get_by_role("alert")).to_be_visible()
    await sign_in(page, grace, NEW_PASSWORD)
    await expect(page).to_have_url(f"{stack.gateway}/userposts")


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_everybody_can_use_the_pages(browser: Browser, stack: StackUrls, language: str, width: int) -> None:
    """axe-core finds nothing on either page, fresh or refused, and nothing lies beside a narrow screen."""
    context = await browser.new_context(
        base_url=stack.gateway, locale=language, viewport={"width": width, "height": 800}
    )
    page = await context.new_page()
    for path in ("/forgot", "/forgot/code"):
        await page.goto(path)
        for _ in range(2):
            assert await list_violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.get_by_role("button").last.click()
            await expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    await context.close()
