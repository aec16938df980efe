"""Sign-out reaches external services, by the files that our pages show, in Python and in Node.

How soon is measured by ``tests.benchmarks.revocation``.
"""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Sized
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.followers_elsewhere import COMMANDS, Elsewhere, Line, following_elsewhere, line_to
from tests.support.house import ROOT
from tests.support.people import Person, sign_in, sign_up_and_in
from tests.support.raw_upstream import Received, running_upstream
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

PATIENCE = 1.0  # seconds for which a cut feed makes no difference


@dataclass(frozen=True, slots=True)
class Service:
    """An external service, as the operator knows it."""

    name: str
    credential: str
    stack: StackUrls

    def revoke(self) -> None:
        """Make its credential void."""
        command(self.stack, "revoke", self.name)


def command(stack: StackUrls, *words: str) -> dict[str, str]:
    """Run an operator's command about services on the running stack, and return what it prints."""
    if stack.data is None:
        pytest.skip("needs the command line of a stack that was started for the tests")
    run = [sys.executable, "-m", "stack", "--data", str(stack.data), "service", *words, "--json"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def create_service(stack: StackUrls) -> Service:
    """Make a credential for a service that is new."""
    created = command(stack, "create", f"orders-{uuid.uuid4().hex[:8]}")
    return Service(created["name"], created["credential"], stack)


@pytest.fixture(scope="module")
def service(stack: StackUrls) -> Service:
    """Give a service with a credential."""
    return create_service(stack)


@pytest.fixture(params=COMMANDS)
def language(request: pytest.FixtureRequest) -> str:
    """Give the language of a service."""
    return str(request.param)


@pytest.fixture
async def elsewhere(language: str, stack: StackUrls, service: Service) -> AsyncIterator[Elsewhere]:
    """Give a process of the service, which follows through the gateway."""
    async with following_elsewhere(language, stack.gateway, service.credential) as process:
        yield process


@pytest.fixture
async def line(stack: StackUrls) -> AsyncIterator[Line]:
    """Give a line to the auth service, past the gateway, which knows its own name only."""
    async with line_to(urlsplit(stack.auth).port or 80) as line:
        yield line


async def sign_out(client: httpx2.AsyncClient, person: Person) -> None:
    """End the session of somebody's token."""
    assert (await client.post("/api/logout", headers=person.bearer)).status_code == 204


async def test_a_token_is_refused_elsewhere_after_sign_out(
    client: httpx2.AsyncClient, elsewhere: Elsewhere, ada: Person
) -> None:
    """Soon after the sign-out an external service refuses the token, and no other of the user's."""
    other = await sign_in(client, ada.email)
    assert not await elsewhere.refuses(ada)
    await sign_out(client, ada)
    await elsewhere.wait_until_refused(ada)
    assert not await elsewhere.refuses(other)


async def test_a_process_that_starts_knows_what_ended_before(
    client: httpx2.AsyncClient, stack: StackUrls, service: Service, language: str, ada: Person, grace: Person
) -> None:
    """What ended while no process followed is refused from the first request on: it is read before start() returns."""
    await sign_out(client, ada)
    async with following_elsewhere(language, stack.gateway, service.credential) as process:
        assert await process.refuses(ada)
        assert not await process.refuses(grace)


async def test_several_processes_follow_at_once(
    client: httpx2.AsyncClient, stack: StackUrls, service: Service, elsewhere: Elsewhere, ada: Person
) -> None:
    """Two services, or two processes of one, each learn of every end."""
    async with following_elsewhere("python", stack.gateway, service.credential) as another:
        await sign_out(client, ada)
        for process in (elsewhere, another):
            await process.wait_until_refused(ada)


async def test_a_cut_feed_and_going_on(
    client: httpx2.AsyncClient, service: Service, line: Line, language: str, ada: Person, grace: Person
) -> None:
    """With "go on" a cut feed changes nothing about what is known; what it missed is known soon after its end."""
    eve = await sign_up_and_in(client, "Eve")
    await sign_out(client, ada)
    async with following_elsewhere(language, line.url, service.credential, "go on", PATIENCE) as process:
        await process.wait_until_refused(ada)  # it may start before the first page has come
        line.cut()
        await sign_out(client, grace)
        with pytest.raises(TimeoutError):
            await process.wait_until_refused(grace, seconds=2 * PATIENCE)
        assert (await process.refuses(ada), await process.refuses(eve)) == (True, False)
        line.mend()
        await process.wait_until_refused(grace)
        assert not await process.refuses(eve)


async def test_a_cut_feed_and_refusing(
    client: httpx2.AsyncClient, service: Service, line: Line, language: str, ada: Person, grace: Person
) -> None:
    """With "refuse" every token is refused once the feed has been cut for a while, until it is back."""
    async with following_elsewhere(language, line.url, service.credential, "refuse", 6 * PATIENCE) as process:
        await process.wait_until_refused(ada, is_so=False)  # it may start before the first page has come
        line.cut()
        await process.wait_until_refused(ada)
        await sign_out(client, grace)
        line.mend()
        await process.wait_until_refused(ada, is_so=False)
        assert await process.refuses(grace)


@pytest.mark.parametrize(("when_cut", "is_refused"), [("go on", False), ("refuse", True)])
async def test_a_start_while_the_feed_is_cut(
    service: Service, line: Line, language: str, ada: Person, when_cut: str, *, is_refused: bool
) -> None:
    """A process that has not heard of anything yet serves or refuses as it was told, and recovers by itself."""
    line.cut()
    async with following_elsewhere(language, line.url, service.credential, when_cut, PATIENCE) as process:
        assert await process.refuses(ada) is is_refused
        line.mend()
        await process.wait_until_refused(ada, is_so=False)


@pytest.mark.parametrize(("when_cut", "is_refused"), [("go on", False), ("refuse", True)])
async def test_a_revoked_credential_is_a_cut(
    client: httpx2.AsyncClient,
    stack: StackUrls,
    language: str,
    ada: Person,
    when_cut: str,
    *,
    is_refused: bool,
) -> None:
    """Once the credential is revoked the service hears of nothing any more, which is a cut like any other."""
    service = create_service(stack)
    async with following_elsewhere(language, stack.gateway, service.credential, when_cut, 6 * PATIENCE) as process:
        service.revoke()
        if is_refused:
            await process.wait_until_refused(ada)
        else:
            await sign_out(client, ada)
            with pytest.raises(TimeoutError):
                await process.wait_until_refused(ada, seconds=2 * PATIENCE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_credential_goes_nowhere_else(language: str, status: int) -> None:
    """A redirect is a cut as any other error is, and is not followed: another host would get the credential."""

    async def redirect(request: Received) -> None:
        location = request.target.replace("/api/revocations", f"{elsewhere.url}/")
        await request.answer(status=f"{status} Moved", headers=f"Location: {location}\r\n")

    async def answer_a_page(request: Received) -> None:
        page = {"epoch": str(uuid.uuid4()), "last": 0, "since": 0, "ended": []}
        await request.answer(json.dumps(page).encode(), headers="Content-Type: application/json\r\n")

    async with running_upstream(answer_a_page) as elsewhere, running_upstream(redirect) as feed:
        async with following_elsewhere(language, feed.url, "gatepost_any", "refuse", PATIENCE) as process:
            await wait_until(lambda: _count(feed.received), lambda count: count > 1)
            assert await asyncio.to_thread(process.program.ask, {"sid": "any", "iat": 0}) is True
        assert elsewhere.received == []


async def _count(received: Sized) -> int:
    return len(received)
