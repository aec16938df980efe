"""A request that can be read in two ways is refused at the gate: no upstream hears of it."""

import asyncio

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, status_of
from tests.support.raw_upstream import RawUpstream, Received

HOSTILE_TARGETS = [
    "/%75serposts/1",
    "/userposts%2f1",
    "/userposts%0a",
    "/userposts%00",
    "//userposts",
    "/./userposts",
    "/x/../userposts",
    "/userposts/%2e%2e/1",
    "/userposts%5c1",
    "/userposts;x=1",
    "/\\userposts",
    "/userposts%252f1",
    "/userposts/%c0%af1",
    "/public/x#y",
    "/public/x%",
    "/public/x?a=%23\x7f#b",
    "http://localhost/public/x",
    "localhost:80",
    "*",
    "/public/\xe9",
]

FRAMINGS = {
    "two lengths": "Content-Length: 2\r\nContent-Length: 2",
    "length and chunks": "Content-Length: 2\r\nTransfer-Encoding: chunked",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: 2",
    "another coding": "Transfer-Encoding: gzip, chunked",
    "coding twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "coding misspelt": "Transfer-Encoding: xchunked",
    "length with a sign": "Content-Length: +2",
    "lengths in a list": "Content-Length: 2, 2",
    "body and upgrade": "Content-Length: 2\r\nConnection: upgrade\r\nUpgrade: websocket",
    "a name with a space": "Content-Length : 2",
    "a folded line": "X: a\r\n b",
}

CONNECTION_NAMES = ["authorization", "Content-Length", "host", "cookie", "x, Origin", "Sec-Fetch-Site", "content-type"]


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
async def test_a_hostile_target(gateway: RunningGateway, posts: RawUpstream, auth: RawUpstream, target: str) -> None:
    """A target with a second reading gets 400 in the one error shape, and reaches nobody."""
    answer = await gateway.send_head(f"GET {target} HTTP/1.1")
    assert status_of(answer) == 400
    assert b'{"error":' in answer
    assert posts.received == auth.received == []


@pytest.mark.parametrize("lines", FRAMINGS.values(), ids=FRAMINGS)
async def test_a_body_of_two_lengths(gateway: RunningGateway, posts: RawUpstream, lines: str) -> None:
    """A body whose length has more than one reading is refused with 400."""
    assert status_of(await gateway.send_head(f"POST /public/x HTTP/1.1\r\n{lines}", b"ab")) == 400
    assert posts.received == []


@pytest.mark.parametrize("named", CONNECTION_NAMES)
async def test_connection_names_what_matters(gateway: RunningGateway, posts: RawUpstream, named: str) -> None:
    """A client can't get a header dropped that somebody relies on."""
    assert status_of(await gateway.send_head(f"GET /public/x HTTP/1.1\r\nConnection: {named}")) == 400
    assert posts.received == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PURGE"])
async def test_a_method_that_is_not_spoken(gateway: RunningGateway, posts: RawUpstream, method: str) -> None:
    """Methods beyond the usual ones get 405 with Allow."""
    answer = await gateway.send_head(f"{method} /public/x HTTP/1.1")
    assert status_of(answer) == 405
    assert b"allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT" in answer
    assert posts.received == []


async def test_one_host_from_the_list(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A request has exactly one Host, and it is one of ours; health probes may use any name."""
    good = f"Host: {gateway.host}\r\n"
    for hosts in ("", "Host: evil.example\r\n", good + good, good + "Host: evil.example\r\n", "Host: localhost\r\n"):
        answer = await gateway.send_raw(f"GET /public/x HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        assert status_of(answer) == 400
    assert posts.received == []
    for hosts in (good, good.upper().replace("HOST", "Host"), f"Host: 127.0.0.1:{gateway.port}\r\n"):
        answer = await gateway.send_raw(f"GET /public/x HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        assert status_of(answer) == 200
    probe = await gateway.send_raw(b"GET /readyz HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n")
    assert status_of(probe) == 200


async def test_headers_have_bounds(gateway: RunningGateway, posts: RawUpstream) -> None:
    """More than 64 fields, or more than 16 KiB of them, get 431; up to that they pass."""
    few = "".join(f"\r\nX-{number}: a" for number in range(62))
    assert status_of(await gateway.send_head(f"GET /public/x HTTP/1.1{few}")) == 200
    for lines in (few + "\r\nX: a", "\r\nX: " + "a" * 16_384, "".join("\r\nX: " + "a" * 1000 for _ in range(17))):
        assert status_of(await gateway.send_head(f"GET /public/x HTTP/1.1{lines}")) == 431
    assert len(posts.received) == 1


@pytest.mark.parametrize("target", ["/public/" + "a" * 2041, "/public/x?" + "a" * 8193, "/public/" + "a" * 70_000])
async def test_an_address_that_is_too_long(gateway: RunningGateway, posts: RawUpstream, target: str) -> None:
    """A path over 2,048 bytes or a query over 8,192 gets 414, even where no head of a request can be that long."""
    assert status_of(await gateway.send_head(f"GET {target} HTTP/1.1")) == 414
    assert posts.received == []


async def test_a_target_in_absolute_form(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A request as clients send it to a proxy is answered; its authority is the Host that the upstream gets."""
    data = f"GET http://{gateway.host}/public/x?y HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n"
    assert status_of(await gateway.send_raw(data.encode())) == 200
    assert posts.received[0].target == "/public/x?y"
    assert posts.received[0].values("host") == [gateway.host]
    for authority in ("other.example", f"user@{gateway.host}", f"{gateway.host}.", ""):
        data = f"GET http://{authority}/public/x HTTP/1.1\r\nHost: {gateway.host}\r\nConnection: close\r\n\r\n"
        assert status_of(await gateway.send_raw(data.encode())) == 400
    assert len(posts.received) == 1


async def test_a_name_with_an_underscore(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A header's name with an underscore is dropped: something behind may read it as a hyphen."""
    lines = "X_Forwarded_For: 1.1.1.1\r\nContent_Length: 3\r\nX-Other: 1"
    assert status_of(await gateway.send_head(f"GET /public/x HTTP/1.1\r\n{lines}")) == 200
    assert [name for name, _ in posts.received[0].headers if "_" in name] == []
    assert posts.received[0].values("x-other") == ["1"]


async def test_other_versions(gateway: RunningGateway, posts: RawUpstream) -> None:
    """HTTP/1.0 is answered, and the connection ends; 0.9 and 2.0 are not spoken."""
    lines = f"Host: {gateway.host}\r\n\r\n"
    assert status_of(await gateway.send_raw(f"GET /public/x HTTP/1.0\r\n{lines}".encode())) == 200
    for version in ("HTTP/0.9", "HTTP/2.0"):
        closing = f"GET /public/x {version}\r\nConnection: close\r\n{lines}"
        assert status_of(await gateway.send_raw(closing.encode())) == 400
    assert len(posts.received) == 1


async def test_no_rule_no_request(client: httpx2.AsyncClient, posts: RawUpstream, auth: RawUpstream) -> None:
    """A path without a rule is 404; internal paths have none."""
    for path in ("/nowhere", "/internal/users", "/metrics", "/_gateway/auth", "/Public/x"):
        assert (await client.get(path)).status_code == 404
    assert posts.received == auth.received == []


async def test_a_body_beyond_the_rules_cap(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A body longer than the rule allows gets 413: before the upstream is asked when announced, else on the way."""
    announced = await gateway.send_head("POST /small HTTP/1.1\r\nContent-Length: 11", b"x" * 11)
    assert status_of(announced) == 413
    assert posts.connections == 0
    chunked = b"4\r\naaaa\r\n" * 3 + b"0\r\n\r\n"
    assert status_of(await gateway.send_head("POST /small HTTP/1.1\r\nTransfer-Encoding: chunked", chunked)) == 413
    assert status_of(await gateway.send_head("POST /small HTTP/1.1\r\nContent-Length: 10", b"x" * 10)) == 200


async def test_a_body_that_grows_on_the_way(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A chunked body that exceeds the cap while it is being forwarded is 413, and the upstream never gets its end."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read_all(request: Received) -> None:
        begun.set()
        await request.reader.read()
        ended.set()
        request.writer.close()

    posts.script = read_all
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST /small HTTP/1.1\r\nHost: {gateway.host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + b"8\r\naaaaaaaa\r\n")
    await asyncio.wait_for(begun.wait(), 5)
    writer.write(b"8\r\naaaaaaaa\r\n")
    assert status_of(await asyncio.wait_for(reader.read(), 5)) == 413
    writer.close()
    await asyncio.wait_for(ended.wait(), 5)
