"""An offer to go on in another protocol is ignored, as a server may (RFC 9110, 7.8).

The JDK's HttpClient makes one with each request over plain http, and so does curl with ``--http2``.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_client import RawClient, connected
from tests.support.raw_upstream import RawUpstream, echo

OF_JDK = (
    "Connection: Upgrade, HTTP2-Settings",
    "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA",
    "Upgrade: h2c",
    "User-Agent: Java-http-client/17.0.15",
)
"""As version 17 of it was seen to send them."""

OFFERS = {"h2c": OF_JDK, "TLS": ("Connection: Upgrade", "Upgrade: TLS/1.0"), "unnamed": ("Upgrade: h2c",)}
BODIES = {
    "by length": ("Content-Length: 7", b'{"a":1}'),
    "chunked": ("Transfer-Encoding: chunked", b"2\r\nab\r\n0\r\n\r\n"),
}
PROGRAM = """
import java.net.URI;
import java.net.http.*;

public class Post {
    public static void main(String[] urls) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String url : urls) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .POST(HttpRequest.BodyPublishers.ofString("posted;")).build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.print(response.body());
        }
    }
}
"""


@pytest.fixture
async def client(gateway: RunningGateway, posts: RawUpstream) -> AsyncIterator[RawClient]:
    """Give a connection to a gateway whose upstream echoes."""
    posts.script = echo
    async with connected(gateway) as client:
        yield client


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize(("framing", "body"), BODIES.values(), ids=BODIES)
async def test_a_body_beside_an_offer_is_read(
    client: RawClient, posts: RawUpstream, offer: tuple[str, ...], framing: str, body: bytes
) -> None:
    """The body arrives, the connection stays, and the upstream hears nothing of the offer."""
    for _ in range(3):
        answer = await client.exchange("POST /public/x", *offer, framing, body=body)
        assert (answer.status, answer.body) == (200, body if "Length" in framing else b"ab")
        assert not answer.says_close
    for received in posts.received:
        assert not [name for name in ("upgrade", "http2-settings", "connection") if received.values(name)]


async def test_a_websocket_has_no_body(client: RawClient, posts: RawUpstream) -> None:
    """A body beside a request for a WebSocket is refused: after the handshake it would be read as something else."""
    answer = await client.exchange(
        "POST /public/x", "Connection: Upgrade", "Upgrade: h2c, WebSocket", "Content-Length: 7", body=b'{"a":1}'
    )
    assert (answer.status, answer.says_close) == (400, True)
    assert posts.received == []


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    return printed.decode()


def _post_by_curl(folder: Path, url: str) -> list[str]:
    del folder
    return ["curl", "-s", "--http2", "-d", "posted;", url, url]


def _post_by_java(folder: Path, url: str) -> list[str]:
    program = folder / "Post.java"
    program.write_text(PROGRAM)
    return ["java", str(program), url, url]


# What a JDK sends is tested above by its bytes, for machines that have none.
CLIENTS = {name: post for name, post in (("curl", _post_by_curl), ("java", _post_by_java)) if shutil.which(name)}


@pytest.mark.parametrize("post", CLIENTS.values(), ids=CLIENTS)
async def test_clients_that_prefer_http_2(
    gateway: RunningGateway, posts: RawUpstream, tmp_path: Path, post: Callable[[Path, str], list[str]]
) -> None:
    """``curl --http2``, and the JDK's HttpClient as it is by itself, post twice on one connection."""
    posts.script = echo
    assert await _run(*post(tmp_path, f"{gateway.url}/public/x")) == "posted;posted;"
