"""Ordinary proxies ahead of the gateway, as people set them up: what they keep, add and pass on is what it expects."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.support.gateway_in_process import NO_AUTHORITIES
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.ports import find_free_port
from tests.support.proxies import PROXIES, Ports, Proxy, running_proxy
from tests.support.raw_upstream import RawUpstream, Received, running_upstream

RULES = """
[upstreams]
posts = {{ address = "{posts}", silence = 3 }}
chat = {{ address = "{chat}", silence = 1 }}

[[rule]]
matcher = ["/chat"]
access = "public"
upstream = "chat"
websocket = true

[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "posts"
"""
CONFIGURATIONS = {
    "nginx": """
upstream gatepost {
    server 127.0.0.1:3000;
    keepalive 16;
}
map $http_upgrade $connection_upgrade {
    default upgrade;
    ''      '';
}
server {
    listen 127.0.0.1:8000;
    location / {
        proxy_pass http://gatepost;
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For "$remote_addr:$remote_port";
    }
}
""",
    "caddy": """
http://localhost:8000 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:3000
}
""",
    "haproxy": """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
    http-reuse always
frontend public
    bind 127.0.0.1:8000
    option forwardfor
    default_backend gatepost
backend gatepost
    server gatepost 127.0.0.1:3000
""",
}
WRITES = 8


async def answer(request: Received) -> None:
    """Answer with the body, or a stream of events that goes on."""
    if request.target == "/events":
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for number in range(100):
                event = b"data: %d\n\n" % number
                await request.send(b"%x\r\n%b\r\n" % (len(event), event))
                await asyncio.sleep(0.05)
    else:
        await request.answer(await request.read_body())


async def echo(connection: ServerConnection) -> None:
    """Send each message back."""
    async for message in connection:
        await connection.send(message)


@pytest.fixture(scope="module")
async def posts() -> AsyncIterator[RawUpstream]:
    """Give the upstream of ordinary requests."""
    async with running_upstream(answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def public_port() -> int:
    """Give the port of the proxies, one after the other."""
    return find_free_port()


@pytest.fixture(scope="module")
async def behind(
    posts: RawUpstream, public_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayProcess]:
    """Give the gateway behind them, which trusts this machine."""
    rules = tmp_path_factory.mktemp("policy") / "rules.toml"
    async with serve(echo, "127.0.0.1", 0) as chat:
        url = f"http://127.0.0.1:{chat.sockets[0].getsockname()[1]}"
        rules.write_text(RULES.format(posts=posts.url, chat=url))
        settings = {"GATEWAY_RULES": str(rules), "TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "ERROR"}
        async with gateway_process({**settings, "NEXTAUTH_URL": f"http://localhost:{public_port}"}) as running:
            yield running


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, behind: GatewayProcess, public_port: int) -> Iterator[Proxy]:
    """Give each proxy in turn."""
    ports = Ports(public_port, behind.port, application=0)
    with running_proxy(request.param, ports, CONFIGURATIONS[request.param]) as running:
        yield running


def client_of(proxy: Proxy) -> httpx2.AsyncClient:
    """Return a client of a proxy."""
    return httpx2.AsyncClient(base_url=proxy.url, timeout=10, verify=NO_AUTHORITIES)


async def test_writes_after_a_pause_arrive(proxy: Proxy, posts: RawUpstream) -> None:
    """Writes on connections that a proxy has kept for some seconds are not lost to a gateway that just closes them."""
    posts.received.clear()
    async with client_of(proxy) as client:
        for _ in range(2):
            answers = await asyncio.gather(*[client.post(f"/{number}", content=b"x") for number in range(WRITES)])
            assert [each.status_code for each in answers] == [200] * WRITES
            await asyncio.sleep(5)
    assert len(posts.received) == 2 * WRITES


async def test_who_the_client_is(proxy: Proxy, posts: RawUpstream) -> None:
    """The service behind gets the client's address alone, with whatever the proxy wrote it."""
    posts.received.clear()
    async with client_of(proxy) as client:
        assert (await client.get("/who")).status_code == 200
    assert [received.values("x-forwarded-for") for received in posts.received] == [["127.0.0.1"]]


async def test_events_come_as_they_are_sent(proxy: Proxy) -> None:
    """The first event arrives while the stream goes on."""
    async with client_of(proxy) as client, client.stream("GET", "/events") as stream:
        assert await asyncio.wait_for(anext(aiter(stream.aiter_text())), 3) == "data: 0\n\n"


async def test_a_websocket_ends_with_a_reason(proxy: Proxy) -> None:
    """A WebSocket opens, and its client is told why the gateway ends it."""
    url = proxy.url.replace("http", "ws") + "/chat"
    async with connect(url, proxy=None) as client:
        await client.send("hello")
        assert await asyncio.wait_for(client.recv(), 5) == "hello"
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(client.recv(), 10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "Nothing was sent for too long")


async def test_an_offer_of_http_2(proxy: Proxy, tmp_path: Path) -> None:
    """A body beside an offer of HTTP/2 arrives, whether the proxy passes the offer on, takes it or drops it."""
    body = tmp_path / "body"
    body.write_bytes(b"x" * 10_000)
    command = ("curl", "-sS", "--http2", "--data-binary", f"@{body}", f"{proxy.url}/offer")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 20)
    assert printed == body.read_bytes()
