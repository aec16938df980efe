"""Server-sent events, to the browser's own ``EventSource``."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Recipes, Running

PATH = "/news/events"


@pytest.fixture(scope="module", autouse=True)
def news(recipes: Recipes) -> Iterator[Running]:
    """Give the service."""
    with recipes.running("event-stream") as running:
        yield running


async def read_events(lines: AsyncIterator[str], count: int) -> list[str]:
    """Return the data of the next events."""
    found: list[str] = []
    async for line in lines:
        if line.startswith("data: "):
            found.append(line.removeprefix("data: "))
            if len(found) == count:
                break
    return found


async def test_events_appear_while_the_stream_goes_on(context: BrowserContext, grace: Person) -> None:
    """Whoever signs in sees the events come, one after the other, with the name that they have here."""
    page = await context.new_page()
    await page.goto("/news")
    await sign_in(page, grace)
    items = page.get_by_role("listitem")
    await expect(items.first).to_have_text(f"1 for {grace.name}")
    await expect(items.nth(2)).to_have_text(f"3 for {grace.name}")


async def test_a_stream_is_taken_up_where_it_broke(colleague: httpx2.AsyncClient, grace: Person) -> None:
    """After a break the browser says which event it saw last, and gets the one after it."""
    async with colleague.stream("GET", PATH, headers={"Last-Event-ID": "41"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert await read_events(answer.aiter_lines(), 1) == [f"42 for {grace.name}"]


async def test_nobody_listens_who_has_not_signed_in(visitor: httpx2.AsyncClient) -> None:
    """An anonymous caller gets 401 whatever name they send, and the page's is the way to sign in."""
    for headers in ({}, {"Remote-Name": "Grace Hopper"}):
        assert (await visitor.get(PATH, headers=headers)).status_code == 401
    answer = await visitor.get("/news")
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "/api/auth/signin")


async def test_the_name_is_nobody_elses(colleague: httpx2.AsyncClient, grace: Person) -> None:
    """The name is the one of the account, whichever is sent along."""
    headers = {"Remote-Name": "Ada", "remote_name": "Ada", "Last-Event-ID": "1"}
    async with colleague.stream("GET", PATH, headers=headers) as answer:
        assert await read_events(answer.aiter_lines(), 1) == [f"2 for {grace.name}"]
