"""The story in a real browser, as a person with a mouse or only a keyboard lives it. No page needs a script."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.browser import sign_in
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls

SIGN_IN_PAGE = re.compile(r"/api/auth/signin\?callbackUrl=")
PHONE = {"width": 360, "height": 640}


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser context of its own, without any script, that fails on what the security policy blocks."""
    context = await browser.new_context(base_url=stack.gateway, java_script_enabled=False)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """Give a page whose console must stay silent: a blocked stylesheet or form would speak there."""
    return await context.new_page()


async def test_sign_in_leads_back_to_the_page_that_was_wanted(page: Page, ada: Person, stack: StackUrls) -> None:
    """An anonymous browser that asks for /userposts signs in and is back there, with the posts shown."""
    await write_post(stack, ada, "A post from before")
    await page.goto("/userposts")
    await expect(page).to_have_url(SIGN_IN_PAGE)
    await sign_in(page, ada)
    await expect(page).to_have_url(f"{stack.gateway}/userposts")
    await expect(page.get_by_role("link", name="A post from before")).to_be_visible()


async def test_a_post_is_written_with_the_form_and_signing_out_closes_the_page(page: Page, ada: Person) -> None:
    """A signed-in person writes a draft, is told so, publishes it and signs out; /userposts leads to signing in again.

    After each step the page says what was done.
    """
    await page.goto("/userposts")
    await sign_in(page, ada)
    await page.get_by_role("link", name="Write").first.click()
    await page.get_by_label("Title").fill("안녕하세요 <b>bold</b>")
    await page.get_by_label("Content").fill("Line one\nLine two & more")
    await page.get_by_role("button", name=re.compile("Save|Write|Publish")).first.click()
    await expect(page).to_have_url(re.compile(r"/userposts\?"))
    await expect(page.get_by_role("link", name="안녕하세요 <b>bold</b>")).to_be_visible()
    await expect(page.get_by_role("status")).to_contain_text("Draft saved. Only you can see it.")
    await page.get_by_role("status").get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("status")).to_have_text("Published. Everybody can read it.")
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_have_text("You are signed out.")
    await expect(page.get_by_role("link", name="안녕하세요 <b>bold</b>")).to_be_visible()
    await page.goto("/userposts")
    await expect(page).to_have_url(SIGN_IN_PAGE)


async def test_sign_up_in_the_browser_ends_signed_in(page: Page) -> None:
    """A new person signs up with the form and is signed in."""
    await page.goto("/signup")
    await page.get_by_label("Name").fill("Mary Jackson")
    await page.get_by_label("E-mail").fill("mary.jackson@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()
    await page.goto("/userposts")
    await expect(page).to_have_url(re.compile("/userposts$"))
    await expect(page.get_by_text("Mary Jackson").first).to_be_visible()


async def test_a_wrong_password_keeps_the_email_and_says_what_is_wrong(page: Page, ada: Person) -> None:
    """A wrong password shows the form again, with the error, the e-mail kept and the password not."""
    await page.goto("/userposts")
    await sign_in(page, ada, "not the password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_label("E-mail")).to_have_value(ada.email)
    await expect(page.get_by_label("Password")).to_have_value("")
    await sign_in(page, ada)
    await expect(page).to_have_url(re.compile("/userposts$"))


async def test_the_form_keeps_what_was_typed_when_it_is_refused(page: Page, ada: Person) -> None:
    """A post with a blank title shows the error beside the field and keeps the content."""
    await page.goto("/userposts/new")
    await sign_in(page, ada)
    await page.get_by_label("Title").fill("   ")
    await page.get_by_label("Content").fill("Long thoughts")
    await page.get_by_role("button", name=re.compile("Save|Write|Publish")).first.click()
    await expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Content")).to_have_value("Long thoughts")


async def test_the_account_in_the_browser(browser: Browser, page: Page, stack: StackUrls, ada: Person) -> None:
    """A person renames themselves, signs a forgotten device out, changes the password, and deletes the account."""
    forgotten = await browser.new_context(base_url=stack.gateway, java_script_enabled=False)
    other = await forgotten.new_page()
    for each in (other, page):
        await each.goto("/account")
        await expect(each).to_have_url(SIGN_IN_PAGE)
        await sign_in(each, ada)
        await expect(each).to_have_url(f"{stack.gateway}/account")
    await page.get_by_label("Name").fill("Countess Lovelace")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_have_text("Saved. Your name was changed.")
    await expect(page.get_by_role("link", name="Countess Lovelace")).to_be_visible()
    await page.get_by_role("link", name="Devices").click()
    await expect(page.get_by_role("listitem").filter(has_text="this device")).to_have_count(1)
    await page.get_by_role("button", name="Sign out there").first.click()
    await expect(page.get_by_role("status")).to_have_text("That device was signed out.")
    await page.get_by_role("button", name="Sign out everywhere else").click()
    await other.goto("/account")
    await expect(other).to_have_url(SIGN_IN_PAGE)
    await page.get_by_role("link", name="Password", exact=True).click()
    await page.get_by_label("Current password").fill(PASSWORD)
    await page.get_by_label("New password").fill("staple battery horse")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("status")).to_contain_text("Your password was changed.")
    await page.get_by_role("link", name="Delete account").click()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Password").fill("staple battery horse")
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_role("status")).to_have_text("Your account and your posts were deleted.")
    await sign_in(page, ada, "staple battery horse")
    await expect(page.get_by_role("alert")).to_be_visible()
    await forgotten.close()


async def test_the_story_in_korean(browser: Browser, stack: StackUrls, ada: Person) -> None:
    """A Korean browser gets Korean pages on the whole way: signing in and writing, refused and not."""
    context = await browser.new_context(base_url=stack.gateway, java_script_enabled=False, locale="ko-KR")
    page = await context.new_page()
    await page.goto("/userposts/new")
    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    for password in ("not the password", PASSWORD):
        await page.get_by_label("이메일").fill(ada.email)
        await page.get_by_label("비밀번호").fill(password)
        await page.get_by_role("button", name="로그인").click()
        if password != PASSWORD:
            await expect(page.get_by_role("alert")).to_have_text("이메일 주소 또는 비밀번호가 올바르지 않아요.")
    for title in ("   ", "첫 글"):
        await page.get_by_label("제목").fill(title)
        await page.get_by_role("button", name="저장").click()
        if title != "첫 글":
            await expect(page.get_by_text("비워 둘 수 없어요")).to_be_visible()
    await expect(page.get_by_role("heading", name="내 글")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"\d{4}년 \d{1,2}월 \d{1,2}일 \d\d:\d\d"))).to_be_visible()
    await expect(page.get_by_text("시각은 UTC 기준이에요.")).to_be_visible()
    await page.goto("/account/sessions")
    await expect(page.get_by_role("listitem").filter(has_text="이 기기")).to_have_count(1)
    await page.goto("/account")
    await page.get_by_label("이름").fill("에이다")
    await page.get_by_role("button", name="저장").click()
    await expect(page.get_by_role("status")).to_have_text("저장했어요. 이름을 바꿨어요.")
    await page.goto("/nowhere")
    await expect(page.get_by_role("heading")).to_have_text("찾을 수 없는 페이지예요")
    await context.close()


async def test_signing_in_works_by_keyboard_alone(page: Page, ada: Person) -> None:
    """The sign-in form can be filled in and sent with the keyboard only: its first field has the focus."""
    await page.goto("/userposts")
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.keyboard.type(ada.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/userposts$"))


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/signup", "/api/auth/signin", "/userposts", "/userposts/new", "/nowhere", "/docs"),
        *("/account", "/account/password", "/account/sessions", "/account/delete"),
    ],
)
async def test_pages_fit_a_phone(browser: Browser, stack: StackUrls, ada: Person, path: str) -> None:
    """No page scrolls sideways on a phone, and no page's stylesheet is missing or blocked."""
    faults: list[str] = []
    context = await browser.new_context(base_url=stack.gateway, viewport=PHONE)
    page = await context.new_page()
    page.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
    await page.goto("/userposts")
    await sign_in(page, ada)
    await page.goto(path)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await page.evaluate("document.styleSheets.length") == 1
    assert faults == []
    await context.close()


async def write_post(stack: StackUrls, person: Person, title: str) -> None:
    """Write a post through the API."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=30) as client:
        answer = await client.post("/api/posts", json={"title": title}, headers=person.bearer)
        assert answer.status_code == 201
