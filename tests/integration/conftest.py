"""What the integration tests share: the running stack, clients, and people who signed up."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import Browser, Page

from tests.support import react_page, spa_example
from tests.support.browser import launched_browser
from tests.support.mailbox import RunningMailbox, running_mailbox
from tests.support.next_js import FrontEnd, running_front_end
from tests.support.people import Person, sign_up_and_in
from tests.support.running_stack import StackUrls, running_stack, started_stack
from tests.support.services import signing_environment
from tests.support.victim import running_app


@pytest.fixture(scope="session")
def stack() -> Iterator[StackUrls]:
    """Give the URLs of a running stack, whose access tokens the usual signer signs."""
    with running_stack(signing_environment()) as urls:
        yield urls


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give one browser to all tests, each of which opens a context of its own in it."""
    async with launched_browser() as browser:
        yield browser


@pytest.fixture
async def client(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the gateway that follows no redirect and keeps its cookies."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has just signed up."""
    return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture
async def grace(client: httpx2.AsyncClient) -> Person:
    """Give somebody else."""
    return await sign_up_and_in(client, "Grace Hopper")


@pytest.fixture(scope="session")
def mailbox() -> Iterator[RunningMailbox]:
    """Give a mailbox; a module whose stack sends letters there makes that ``stack`` itself."""
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
async def page(browser: Browser, stack: StackUrls) -> AsyncIterator[Page]:
    """Give a page of a browser that runs no script, on a narrow screen."""
    context = await browser.new_context(
        base_url=stack.gateway, java_script_enabled=False, viewport={"width": 320, "height": 800}
    )
    page = await context.new_page()
    yield page
    await context.close()


@pytest.fixture(scope="session")
async def stack_with_pages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StackUrls]:
    """Give a stack whose gateway has two pages behind it: one of React, and the example without a framework."""
    rules = tmp_path_factory.mktemp("pages") / "rules.toml"
    async with running_app(react_page.build_front_end()) as port:
        with spa_example.served_page() as url:
            policy = react_page.add_to_policy(f"http://127.0.0.1:{port}")
            rules.write_text(spa_example.add_to_policy(url, policy))
            with started_stack({"GATEWAY_RULES": str(rules)}) as urls:
                yield urls


@pytest.fixture(scope="session", params=["4", "5"])
def front_end(request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    """Give the front end in Next.js, with either next-auth; a module of one version alone says so."""
    with running_front_end(request.param) as front_end:
        yield front_end
