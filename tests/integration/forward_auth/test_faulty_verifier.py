"""Whatever is the matter with the gateway, a proxy that is configured as documented lets nobody pass."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx2
import pytest

from tests.support.ports import find_free_port
from tests.support.proxies import PROXIES, Ports, running_proxy
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, running_upstream

Script = Callable[[Received], Awaitable[None]]
YES = "Gatepost-Decision: allow\r\nAuthorization: Bearer x\r\nCookie: \r\n"


def saying(data: bytes) -> Script:
    """Return a script that says this, and ends the connection."""

    async def say(request: Received) -> None:
        await request.send(data)
        request.writer.close()

    return say


async def stay_silent(request: Received) -> None:
    """Say nothing for longer than anybody waits."""
    with suppress(ConnectionError):
        await request.reader.read()


async def drop_it(request: Received) -> None:
    """Close the connection without a word."""
    request.writer.close()


async def stop_in_the_head(request: Received) -> None:
    """Begin with a yes, and never come to an end."""
    await request.send(f"HTTP/1.1 200 OK\r\n{YES}".encode())
    await stay_silent(request)


FAULTS: dict[str, Script] = {
    "silence": stay_silent,
    "closes at once": drop_it,
    "half a head": stop_in_the_head,
    "garbage": saying(b"\x00\xff\x13garbage\r\n\r\n"),
    "another server's page": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"),
    "another server's nothing": saying(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a yes with another status": saying(f"HTTP/1.1 500 Oh\r\n{YES}Content-Length: 0\r\n\r\n".encode()),
    "a yes with a redirect": saying(f"HTTP/1.1 302 Found\r\n{YES}Content-Length: 0\r\n\r\n".encode()),
    "a decision that is none": saying(b"HTTP/1.1 200 OK\r\nGatepost-Decision: deny\r\nContent-Length: 0\r\n\r\n"),
    "a decision of many words": saying(b"HTTP/1.1 200 OK\r\nGatepost-Decision: allow?\r\nContent-Length: 0\r\n\r\n"),
    "a head without end": saying(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000),
    "not modified": saying(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "unavailable": saying(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.fixture(scope="module")
async def application() -> AsyncIterator[RawUpstream]:
    """Give an application that answers whatever reaches it."""
    async with running_upstream(answer_ok) as upstream:
        yield upstream


@pytest.fixture(scope="module")
async def verifier() -> AsyncIterator[RawUpstream]:
    """Give what stands where the gateway should."""
    async with running_upstream(answer_ok) as upstream:
        yield upstream


@pytest.fixture(scope="module", params=PROXIES)
async def url(request: pytest.FixtureRequest, verifier: RawUpstream, application: RawUpstream) -> AsyncIterator[str]:
    """Give the URL of each proxy in turn, with that verifier."""
    with running_proxy(request.param, Ports(find_free_port(), verifier.port, application.port)) as proxy:
        yield proxy.url


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_faulty_verifier_lets_nobody_pass(
    url: str, verifier: RawUpstream, application: RawUpstream, fault: str
) -> None:
    """A verifier that is slow or talks nonsense is asked, and the request is denied within seconds."""
    verifier.script = FAULTS[fault]
    verifier.received.clear()
    application.received.clear()
    assert await are_denied(url)
    assert len(verifier.received) >= 2
    assert application.received == []


@pytest.mark.parametrize("name", PROXIES)
async def test_a_verifier_that_is_down_lets_nobody_pass(name: str, application: RawUpstream) -> None:
    """Where nothing listens in the gateway's place, the request is denied."""
    application.received.clear()
    with running_proxy(name, Ports(find_free_port(), find_free_port(), application.port)) as proxy:
        assert await are_denied(proxy.url)
    assert application.received == []


async def test_the_right_word_lets_pass(url: str, verifier: RawUpstream, application: RawUpstream) -> None:
    """The same verifier with the gateway's word lets pass, so the denials are of the faults."""
    verifier.script = saying(f"HTTP/1.1 200 OK\r\n{YES}Content-Length: 0\r\n\r\n".encode())
    application.received.clear()
    assert not await is_denied(f"{url}/reports")
    assert len(application.received) == 1


async def are_denied(url: str) -> bool:
    """Tell whether both the page and the API are refused."""
    return all(await asyncio.gather(is_denied(f"{url}/reports"), is_denied(f"{url}/api/reports/1")))


async def is_denied(url: str) -> bool:
    """Tell whether a signed-in caller's request is refused, or not answered at all, within ten seconds."""
    async with httpx2.AsyncClient(timeout=10) as client, asyncio.timeout(10):
        try:
            answer = await client.get(url, headers={"Authorization": "Bearer x"})
        except httpx2.RemoteProtocolError:
            return True
    return not answer.is_success
