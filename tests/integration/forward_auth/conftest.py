"""What the tests of forward auth share: the stack, an application that counts, and each real proxy ahead of both."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.support.people import PASSWORD, Person, sign_in
from tests.support.ports import find_free_port
from tests.support.proxies import CONFIGURATIONS, PROXIES, Ports, Proxy, running_proxy
from tests.support.raw_upstream import RawUpstream, Received, running_upstream
from tests.support.running_stack import ROOT, StackUrls, started_stack

PAGE = b"<!doctype html><title>Reports</title><h1>The reports of everybody</h1>"
ATTACKED = """
[[rule]]
matcher = ["/userposts/:path*"]
access = "page"
upstream = "gateway"
authorization = "token"

[[rule]]
matcher = ["/api/user/:id", "/api/posts", "/api/posts/:id"]
access = "protected"
upstream = "gateway"
authorization = "token"
"""


async def answer_page(request: Received) -> None:
    """Answer with a page, whatever was asked."""
    await request.read_body()
    await request.answer(PAGE, headers="Content-Type: text/html\r\n")


@pytest.fixture(scope="session")
def public_port() -> int:
    """Give the port that the proxies listen on, one after the other: the public URL is the same for all."""
    return find_free_port()


@pytest.fixture(scope="session")
def stack(public_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give the stack behind that public URL, trusting this machine; the documented policy, and the attacked paths.

    It is closed to strangers, as the documentation says.
    """
    rules = tmp_path_factory.mktemp("policy") / "rules.toml"
    rules.write_text((CONFIGURATIONS / "rules.toml").read_text() + ATTACKED)
    settings = {
        "NEXTAUTH_URL": f"http://localhost:{public_port}",
        "TRUSTED_PROXIES": "127.0.0.1",
        "GATEWAY_RULES": str(rules),
        "SIGN_UP": "closed",
    }
    with started_stack(settings) as urls:
        yield urls


@pytest.fixture(scope="session")
async def application() -> AsyncIterator[RawUpstream]:
    """Give the application behind the proxies. It keeps whatever reaches it."""
    async with running_upstream(answer_page) as upstream:
        yield upstream
    # What is still being served when the loop ends would be logged as an error.
    while upstream.open_connections:  # noqa: ASYNC110 - the upstream has no event to wait for
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, stack: StackUrls, application: RawUpstream, public_port: int
) -> Iterator[Proxy]:
    """Give each proxy in turn."""
    gateway = int(stack.gateway.rpartition(":")[2])
    with running_proxy(request.param, Ports(public_port, gateway, application.port)) as running:
        yield running


@pytest.fixture(scope="session")
async def ada(stack: StackUrls) -> Person:
    """Give somebody with the role that the pages ask for, whose account an operator made."""
    return await create_person(stack, "Ada Lovelace", "ada@example.com", "--role", "staff")


@pytest.fixture(scope="session")
async def bob(stack: StackUrls) -> Person:
    """Give somebody with an account and without that role."""
    return await create_person(stack, "Bob", "bob@example.com")


async def create_person(stack: StackUrls, name: str, email: str, *options: str) -> Person:
    """Let an operator make an account, and sign in to it."""
    command = [sys.executable, "-m", "stack", "--data", str(stack.data), "user", "create", name, email, *options]
    run = functools.partial(subprocess.run, cwd=ROOT, input=PASSWORD, capture_output=True, text=True, check=False)
    made = await asyncio.to_thread(run, command)
    assert made.returncode == 0, made.stderr
    async with httpx2.AsyncClient(base_url=stack.auth, timeout=10) as client:
        return await sign_in(client, email)


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the proxy that follows no redirect."""
    async with httpx2.AsyncClient(base_url=proxy.url, timeout=15) as client:
        yield client


@pytest.fixture(autouse=True)
def _forget(request: pytest.FixtureRequest) -> None:
    """Let each test begin with an application that nobody has asked."""
    if "application" in request.fixturenames:
        request.getfixturevalue("application").received.clear()
