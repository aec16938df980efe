"""A Next.js server behind the gateway, which knows who has signed in by next-auth's ``getServerSession``."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, expect

from tests.support import next_auth
from tests.support.browser import sign_in
from tests.support.next_auth_package import name_settings
from tests.support.people import Person
from tests.support.recipes import Recipes, Running
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until


@pytest.fixture(scope="module", autouse=True)
def team(recipes: Recipes, stack: StackUrls) -> Iterator[Running]:
    """Give the server, built and started."""
    with recipes.running("nextjs", **name_settings(stack.gateway), NEXT_TELEMETRY_DISABLED="1") as running:
        yield running


async def test_the_server_knows_who_has_signed_in(context: BrowserContext, grace: Person, stack: StackUrls) -> None:
    """A link to a guarded page leads an anonymous browser to sign in; then pages and actions know who it is."""
    page = await context.new_page()
    await page.goto("/team")
    await expect(page.get_by_role("heading")).to_have_text("Welcome")
    await page.get_by_role("link", name="Members").click()
    await sign_in(page, grace)
    await expect(page.get_by_text(f"{grace.name}, number {grace.id}")).to_be_visible()
    assert page.url.partition("?")[0] == f"{stack.gateway}/team/members"
    await page.get_by_role("button", name="Greet").click()
    await expect(page.get_by_role("listitem")).to_have_text(f"Greetings from {grace.name}")
    await page.goto("/team")
    await expect(page.get_by_role("heading")).to_have_text(f"Welcome, {grace.name}")
    await page.get_by_role("link", name="Members").click()
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.goto("/team")
    await expect(page.get_by_role("heading")).to_have_text("Welcome")


async def test_a_cookie_of_an_ended_session_is_nobodys(
    colleague: httpx2.AsyncClient, visitor: httpx2.AsyncClient, grace: Person
) -> None:
    """The server gets no cookie of a session that has ended, though next-auth would still open it."""
    assert f"Welcome, {grace.name}" in (await colleague.get("/team")).text
    kept = dict(colleague.cookies)
    await next_auth.sign_out(colleague)
    visitor.cookies.update(kept)
    await wait_until(lambda: visitor.get("/team/members"), lambda answer: answer.status_code == 302)
    assert grace.name not in (await visitor.get("/team")).text


async def test_nobody_comes_in_without_signing_in(visitor: httpx2.AsyncClient, grace: Person) -> None:
    """A forged cookie, a name in a header, and what once got past middleware of Next.js open no guarded page."""
    forged = {"Cookie": f"next-auth.session-token={grace.token}"}
    subrequest = {"X-Middleware-Subrequest": "middleware:middleware:middleware:middleware:middleware"}
    for headers in ({}, forged, subrequest, {"Remote-User": str(grace.id)}):
        for path in ("/team/members", "/team/members/"):
            assert (await visitor.get(path, headers=headers)).status_code == 302
        assert (await visitor.get("/team/members", headers=headers | {"RSC": "1"})).status_code in {302, 401}
