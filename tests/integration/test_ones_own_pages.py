"""A stack ahead of an application alone, with pages of its own: by invitation, without posts, in a real browser."""

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.accessibility import list_violations
from tests.support.people import PASSWORD
from tests.support.raw_upstream import RawUpstream, Received, running_upstream
from tests.support.running_stack import ROOT, StackUrls, started_stack

FORM = b"""<!doctype html><html lang="en"><title>Reports</title><main><h1>Reports</h1>
<form method="post"><label>Text <input name="text"></label><button>Send</button></form></main></html>"""
BRAND = """
name = "Acme"
first_page = "/reports"

[[link]]
to = "/reports"
label = { en = "Reports", ko = "보고서" }
signed_in = true

[[link]]
to = "/nowhere"
label = "Nowhere"
"""
STYLE = """
:root { --accent: #5b2bb5; --accent-deep: #43208a; --tint: #efe8fb; --ground: #f7f5fb; }
@media (prefers-color-scheme: dark) {
  :root { --accent: #c3a9f4; --accent-deep: #dccdfa; --on-accent: #22103f; --tint: #2b2140; --ground: #16131d; }
}
"""
RULES = """
[upstreams]
auth = {{ address = "${{AUTH_SERVICE_URL}}", session_cookies = true }}
application = "{application}"

[[rule]]
matcher  = ["/api/auth/:path*", "/signup"]
access   = "public"
upstream = "auth"

[[rule]]
matcher  = ["/account/:path*"]
access   = "page"
upstream = "auth"
anonymous_forms = true

[[rule]]
matcher  = ["/reports/:path*"]
access   = "page"
upstream = "application"

[[rule]]
matcher  = ["/_gatepost/assets/:path*", "/favicon.ico"]
access   = "public"
upstream = "gateway"
"""


@pytest.fixture(scope="module")
async def application() -> AsyncIterator[RawUpstream]:
    """Give the application behind it: a form."""

    async def answer(request: Received) -> None:
        await request.read_body()
        await request.answer(FORM, headers="Content-Type: text/html\r\n")

    async with running_upstream(answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def branded(application: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give the stack."""
    folder: Path = tmp_path_factory.mktemp("branded")
    folder.chmod(0o755)
    (folder / "rules.toml").write_text(RULES.format(application=application.url))
    (folder / "pages").mkdir()
    for name, text in {"brand.toml": BRAND, "style.css": STYLE, "logo.svg": LOGO}.items():
        (folder / "pages" / name).write_text(text)
    settings = {
        "BRANDING": str(folder / "pages"),
        "GATEWAY_RULES": str(folder / "rules.toml"),
        "SIGN_UP": "invitation",
    }
    with started_stack(settings) as urls:
        yield urls


LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 32"><rect width="60" height="32" fill="#5b2bb5"/></svg>'


@pytest.fixture
async def page(browser: Browser, branded: StackUrls) -> AsyncIterator[Page]:
    """Give a page of a browser that nobody has signed in with."""
    context = await browser.new_context(base_url=branded.gateway)
    page = await context.new_page()
    yield page
    await context.close()


async def invite(branded: StackUrls) -> str:
    """Return the link of a new invitation."""
    port = branded.gateway.rpartition(":")[2]
    command = [
        sys.executable,
        "-m",
        "stack",
        "--port",
        port,
        "--data",
        str(branded.data),
        "invitation",
        "new",
        "--json",
    ]
    run = functools.partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=False)
    made = await asyncio.to_thread(run, command)
    assert made.returncode == 0, made.stderr
    link: str = json.loads(made.stdout)["link"]
    return link


async def join(page: Page, branded: StackUrls, name: str) -> None:
    """Sign up by an invitation."""
    await page.goto(await invite(branded))
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("E-mail").fill(f"{name.lower()}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()


async def test_who_is_invited_lands_in_the_application(page: Page, branded: StackUrls) -> None:
    """Without a link there is no form; with it, signing up leads to the application, as the operator says."""
    await page.goto("/signup")
    await expect(page.get_by_role("heading")).to_have_text("You need an invitation")
    await join(page, branded, "Ada")
    await expect(page).to_have_url(f"{branded.gateway}/reports")
    await page.goto("/account")
    ways = await page.eval_on_selector_all("header a", "links => links.map(link => link.getAttribute('href'))")
    assert ways == ["/reports", "/reports", "/account", "/api/auth/signout"]
    assert await page.evaluate("document.styleSheets.length") == 2
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('button')).backgroundColor") == "rgb(91, 43, 181)"
    )
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_have_text("You are signed out.")


async def test_a_form_sent_after_the_session_ended_leads_back(page: Page, branded: StackUrls) -> None:
    """The page says so, signs in in another tab, and what was typed into the application's form is not lost."""
    await join(page, branded, "Bob")
    await page.get_by_label("Text").fill("all that was typed")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading")).to_have_text("You were signed out, so this was not saved")
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in in a new tab").click()
    beside = await opened.value
    await beside.get_by_label("E-mail").fill("bob@example.com")
    await beside.get_by_label("Password").fill(PASSWORD)
    await beside.get_by_role("button", name="Sign in").click()
    await expect(beside.get_by_role("status")).to_contain_text("press the button again")
    await page.go_back()
    await expect(page.get_by_label("Text")).to_have_value("all that was typed")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading")).to_have_text("Reports")


@pytest.mark.parametrize(
    "path", ["/api/auth/signin", "/signup", "/account", "/account/delete", "/elsewhere", "/api/auth/error"]
)
async def test_pages_of_ones_own_are_for_everybody(page: Page, branded: StackUrls, path: str) -> None:
    """No page has a fault that axe knows, scrolls sideways, speaks of posts, or links to what no rule reaches."""
    if path.startswith("/account"):
        await join(page, branded, f"Eve{len(path)}")
    await page.goto(path)
    for size, scheme in (((1280, 800), "light"), ((360, 640), "dark")):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await list_violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    text = (await page.inner_text("body")).lower()
    assert "post" not in text
    assert "nowhere" not in text
    links = await page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    for link in {each.partition("?")[0] for each in links if each.startswith("/")}:
        assert (await page.request.get(link)).status < 400, link
