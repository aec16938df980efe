"""What the tests of the recipes share: one stack whose policy has all of them. Each test module starts its program."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext

from tests.support import next_auth
from tests.support.people import Person
from tests.support.ports import find_free_port
from tests.support.recipes import TITLES, Operate, Recipes
from tests.support.running_stack import ROOT, StackUrls, started_stack

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="package")
def recipes() -> Recipes:
    """Give all recipes, with the ports that their programs have here."""
    return Recipes({name: find_free_port() for name in TITLES})


@pytest.fixture(scope="package")
def stack(recipes: Recipes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give a stack whose policy has all recipes."""
    rules = tmp_path_factory.mktemp("policy") / "rules.toml"
    rules.write_text(recipes.compose_policy())
    with started_stack({"GATEWAY_RULES": str(rules)}) as urls:
        yield urls


@pytest.fixture(scope="package")
def operate(stack: StackUrls) -> Operate:
    """Give what runs an operator's command on the stack."""

    def operate(*words: str) -> None:
        command = [sys.executable, "-m", "stack", "--data", str(stack.data), *words]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)

    return operate


@pytest.fixture
async def visitor(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the gateway that nobody has signed in with, and that follows no redirect."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20) as client:
        yield client


@pytest.fixture
async def colleague(stack: StackUrls, grace: Person) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client with the session cookie of somebody who signed in as browsers do."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, headers=FROM_HERE) as client:
        await next_auth.sign_in(client, grace.email)
        yield client


@pytest.fixture
async def context(browser: Browser, stack: StackUrls) -> AsyncIterator[BrowserContext]:
    """Give a browser that nobody has signed in with."""
    context = await browser.new_context(base_url=stack.gateway)
    yield context
    await context.close()
