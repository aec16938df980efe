"""Every page, at two sizes, light and dark, in English and Korean: axe-core finds nothing, and the columns line up."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.accessibility import LOOKS, check_looks
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.running_stack import StackUrls

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff" * 2
POSTS = {
    "A first post": "Read more at https://example.com/a?b=c\n\n    indented",
    "X" * 200: "y" * 2000,
    "שלום לכולם, זהו הפוסט הראשון שלי": "טקסט בעברית. " * 30,
    "안녕하세요, 첫 번째 글이에요": "오늘은 날씨가 아주 좋아요. " * 30,
    '🎉 <script>alert("x")</script>': "https://example.com/" + "long" * 100,
}


@dataclass(frozen=True, slots=True)
class Visit:
    """How a page is come to: its address, who asks, and what is typed into its form before it is sent."""

    path: str
    who: str = "nobody"
    typed: Mapping[str, str] = field(default_factory=dict)


VISITS = {
    "feed": Visit("/"),
    "feed, signed out": Visit("/?done=signed-out"),
    "feed, signed in": Visit("/", "long"),
    "author": Visit("/authors/{long}"),
    "post": Visit("/posts/{post}"),
    "own post": Visit("/posts/{post}", "long"),
    "own posts": Visit("/userposts?done=saved", "long"),
    "own posts, none": Visit("/userposts", "new"),
    "write": Visit("/userposts/new", "long"),
    "write, refused": Visit("/userposts/new", "long", {"title": "  "}),
    "draft saved": Visit("/userposts/new", "long", {"title": "Draft"}),
    "edit": Visit("/userposts/{post}", "long"),
    "sign in": Visit("/api/auth/signin"),
    "sign in, refused": Visit("/api/auth/signin", typed={"email": "a@example.com", "password": "wrong"}),
    "sign in, deleted": Visit("/api/auth/signin?notice=deleted"),
    "sign in, asked": Visit("/api/auth/signin?error=SessionRequired"),
    "signed in": Visit("/api/auth/signin", "long"),
    "sign up": Visit("/signup"),
    "sign up, refused": Visit("/signup", typed={"name": " ", "email": "x", "password": "y"}),
    "sign out": Visit("/api/auth/signout", "long"),
    "access denied": Visit("/api/auth/error?error=AccessDenied"),
    "no mail": Visit("/api/auth/verify-request"),
    "account": Visit("/account?done=renamed", "long"),
    "account, refused": Visit("/account", "long", {"name": " "}),
    "password": Visit("/account/password", "long", {"currentPassword": "x", "newPassword": "y"}),
    "devices": Visit("/account/sessions", "long"),
    "delete account": Visit("/account/delete", "long"),
    "not found": Visit("/nowhere", "long"),
    "bad link": Visit("/%75serposts"),
    "not signed in": Visit("/shown-by-posts"),
    "API": Visit("/docs"),
}


@dataclass(frozen=True, slots=True)
class World:
    """Browser pages by language and person, and what may stand in a path."""

    pages: Mapping[tuple[str, str], Page]
    names: Mapping[str, int]


@pytest.fixture(scope="module")
async def world(browser: Browser, stack: StackUrls) -> AsyncIterator[World]:
    """Give people with odd names and posts, each with a browser in each language."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10) as client:
        people = {"long": await sign_up_and_in(client, LONG_NAME), "new": await sign_up_and_in(client, "새 사람")}
        for title, content in POSTS.items():
            body = {"title": title, "content": content, "published": True}
            answer = await client.post("/api/posts", json=body, headers=people["long"].bearer)
            assert answer.status_code == 201
        refused = await client.get(f"{stack.posts}/userposts", headers={"accept": "text/html"})
    contexts: list[BrowserContext] = []
    pages: dict[tuple[str, str], Page] = {}
    for locale in LOOKS:
        for who, person in {"nobody": None, **people}.items():
            context = await browser.new_context(base_url=stack.gateway, locale=locale)
            contexts.append(context)
            page = pages[locale, who] = await context.new_page()
            # The gateway sends whoever is not signed in elsewhere; a program that asks for a page gets this one.
            await page.route(
                "**/shown-by-posts", lambda route: route.fulfill(body=refused.text, content_type="text/html")
            )
            if person is not None:
                await sign_in(page, person)
    yield World(pages, {"long": people["long"].id, "post": answer.json()["id"]})
    for context in contexts:
        await context.close()


async def sign_in(page: Page, person: Person) -> None:
    """Sign in with the form, in whatever language it is."""
    await page.goto("/api/auth/signin")
    await fill_in(page, {"email": person.email, "password": PASSWORD})


async def fill_in(page: Page, typed: Mapping[str, str]) -> None:
    """Fill in the form that has these fields, and send it."""
    for name, text in typed.items():
        await page.locator(f'[name="{name}"]').fill(text)
    form = page.locator("form", has=page.locator(f'[name="{next(iter(typed))}"]'))
    await form.locator("button:not([type])").click()
    await page.wait_for_load_state()


@pytest.mark.parametrize("visit", VISITS.values(), ids=VISITS)
async def test_every_page_is_for_everybody(world: World, visit: Visit) -> None:
    """A page has no fault that axe knows, no sideways scroll, a head of one row, and one column from head to foot."""
    for locale, looks in LOOKS.items():
        page = world.pages[locale, visit.who]
        await page.goto(visit.path.format(**world.names))
        if visit.typed:
            await fill_in(page, visit.typed)
        await check_looks(page, looks)


async def test_times_are_the_readers(browser: Browser, stack: StackUrls, world: World) -> None:
    """Without the script a page says once that its times are in UTC; with it they are in the reader's time zone."""
    path = f"/posts/{world.names['post']}"
    without = await browser.new_context(base_url=stack.gateway, locale="en-GB", java_script_enabled=False)
    page = await without.new_page()
    await page.goto(path)
    await expect(page.get_by_text("UTC")).to_have_text("Times are in UTC.")
    utc = await page.locator("time").inner_text()
    await without.close()
    reader = await browser.new_context(base_url=stack.gateway, locale="en-GB", timezone_id="Asia/Kathmandu")
    page = await reader.new_page()
    await page.goto(path)
    await expect(page.get_by_text("Times are in your time zone.")).to_be_visible()
    await expect(page.locator("time")).not_to_have_text(utc)
    await expect(page.locator("time")).to_have_attribute("title", f"{utc} UTC")
    minutes = [int(re.findall(r":(\d\d)", text)[0]) for text in (utc, await page.locator("time").inner_text())]
    assert (minutes[1] - minutes[0]) % 60 == 45  # Kathmandu is at +05:45
    await reader.close()


async def test_a_password_can_be_shown(world: World) -> None:
    """A button shows and hides what was typed, says which, and the form is sent as a password whatever is shown."""
    page = world.pages["en-GB", "nobody"]
    await page.goto("/api/auth/signin")
    password = page.locator("#password")
    await page.locator("#email").fill("nobody@example.com")
    await password.fill("a wrong one")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(password).to_have_attribute("type", "text")
    await expect(password).to_have_attribute("autocomplete", "current-password")
    await page.get_by_role("button", name="Hide", exact=True).click()
    await expect(password).to_have_attribute("type", "password")
    await page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("button", name="Sign in").click()
    await expect(password).to_have_attribute("type", "password")


async def test_what_was_done_has_the_focus(world: World) -> None:
    """What was done is announced: it has the focus when the page is there; so has a refused field, with its fault."""
    page = world.pages["en-GB", "long"]
    await page.goto("/userposts?done=saved")
    await expect(page.get_by_role("status")).to_be_focused()
    page = world.pages["en-GB", "nobody"]
    await page.goto("/api/auth/signin")
    await fill_in(page, {"email": "nobody@example.com", "password": "wrong"})
    await expect(page.locator("#password")).to_be_focused()
    await expect(page.locator("#password")).to_have_accessible_description(
        "That e-mail address or password is not right."
    )
