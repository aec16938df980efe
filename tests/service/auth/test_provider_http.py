"""The one client that calls providers: each answer is bounded, and none holds up anybody else."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from auth_service.providers import http
from auth_service.providers.file import Provider
from auth_service.providers.http import MOST_WAITING, SLOTS, ProviderFailed, ProviderHttp
from tests.support.hostile_answers import MISBEHAVING
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.ports import find_free_port
from tests.support.waiting import wait_until


@pytest.fixture
async def server() -> AsyncIterator[MisbehavingServer]:
    """Give the server."""
    async with MisbehavingServer().running() as running:
        yield running


@pytest.fixture
async def client(server: MisbehavingServer) -> AsyncIterator[ProviderHttp]:
    """Give a client of a provider that is there."""
    calling = ProviderHttp(Provider("any", "Any", server.origin, "client", "secret", origins=(server.origin,)))
    yield calling
    await calling.close()


async def call(client: ProviderHttp, url: str) -> object:
    """Return what is answered, or the reason why nothing is."""
    try:
        return await client.get_json(url)
    except ProviderFailed as failure:
        return failure.reason


async def all_slots_taken(server: MisbehavingServer, path: str) -> None:
    """Wait until as many ask for a path as may at once."""

    async def count() -> int:
        return server.asked[path]

    await wait_until(count, lambda asked: asked == SLOTS)


@pytest.mark.parametrize("path", MISBEHAVING)
async def test_a_server_that_misbehaves(
    server: MisbehavingServer, client: ProviderHttp, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """However a server fails to answer, the call ends in time, with a reason, and the next call succeeds."""
    if MISBEHAVING[path] == "too_slow":
        monkeypatch.setattr(http, "CALL_WITHIN", 0.5)
    url = f"http://127.0.0.1:{find_free_port()}/any" if path == "/down" else server.origin + path
    if path == "/down":
        down = url.removesuffix("/any")
        gone = ProviderHttp(Provider("any", "Any", down, "client", "secret", origins=(down,)))
        assert await call(gone, url) == MISBEHAVING[path]
        await gone.close()
    else:
        assert await call(client, url) == MISBEHAVING[path]
    assert await call(client, f"{server.origin}/fine") == {"a": "ok"}


async def test_no_redirect_is_followed(server: MisbehavingServer, client: ProviderHttp) -> None:
    """Where a redirect leads is not asked."""
    assert await call(client, f"{server.origin}/redirect") == "redirect"
    assert server.asked == {"/redirect": 1}


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/fine", "http://evil.example/fine", "file:///etc/passwd", "//x"])
async def test_only_its_own_origins(client: ProviderHttp, url: str) -> None:
    """Nothing is called at an origin that is not the provider's."""
    assert await call(client, url) == "foreign_origin"


async def test_slots(server: MisbehavingServer, client: ProviderHttp) -> None:
    """So many calls run at once, so many more wait, and who comes then is told at once; all that waited are served."""
    calls = [asyncio.create_task(call(client, f"{server.origin}/held")) for _ in range(SLOTS + MOST_WAITING)]
    await all_slots_taken(server, "/held")
    assert await call(client, f"{server.origin}/fine") == "busy"
    assert server.asked == {"/held": SLOTS}
    server.gate.set()
    assert await asyncio.gather(*calls) == [{"a": "ok"}] * len(calls)


async def test_one_that_hangs_holds_up_no_other(server: MisbehavingServer, client: ProviderHttp) -> None:
    """While all slots of one provider hang, another's calls are answered."""
    hanging = [asyncio.create_task(call(client, f"{server.origin}/slow")) for _ in range(SLOTS + 5)]
    await all_slots_taken(server, "/slow")
    other = ProviderHttp(Provider("other", "Other", server.origin, "client", "secret", origins=(server.origin,)))
    assert await call(other, f"{server.origin}/fine") == {"a": "ok"}
    await other.close()
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    assert await call(client, f"{server.origin}/fine") == {"a": "ok"}, "slots of those who gave up are free"


async def test_address(server: MisbehavingServer) -> None:
    """A provider with an address is called there, under its own name; its other origins where they are."""
    provider = Provider("any", "Any", "http://login.example", "client", "secret", origins=("http://login.example",))
    client = ProviderHttp(dataclasses.replace(provider, address=server.origin))
    assert await call(client, "http://login.example/fine") == {"a": "ok"}
    assert server.hosts == ["login.example"]
    await client.close()
