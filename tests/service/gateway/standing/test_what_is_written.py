"""What every answer's head has, whoever made it, and that no input becomes a line of it.

An HTTP server's writer sees to this silently; here it is stated (RFC 9110, 5.5, 6.6.1 and 10.2.4). What ends an answer
and a connection is in ``test_how_answers_end``.
"""

import re
from pathlib import Path

import pytest

from gateway.wire.limits import ClientLimits, Limits
from tests.support.gateway_in_process import change_rules, running_gateway
from tests.support.raw_client import Answer, RawClient, connected
from tests.support.raw_upstream import RawUpstream, Received, answer_ok

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
ID = re.compile(r"[0-9a-f]{32}")


def check_head(answer: Answer) -> None:
    """See that an answer has what each must have, once, and nothing about the server."""
    (date,), (request_id,) = answer.values("date"), answer.values("x-request-id")
    assert DATE.fullmatch(date)
    assert ID.fullmatch(request_id)
    assert answer.values("server") == []
    assert len(answer.values("connection")) <= 1


# What is in each head

REQUESTS = {
    "an upstream's answer": ("GET /public/x", 200),
    "the same again": ("GET /public/x", 200),
    "an upstream's answer to HEAD": ("HEAD /public/x", 200),
    "an upstream's answer to a write": ("POST /public/x\r\nContent-Length: 0", 200),
    "an upstream's answer to OPTIONS": ("OPTIONS /options", 200),
    "an own page": ("GET /livez", 200),
    "an own page's head": ("HEAD /livez", 200),
    "an asset": ("GET /_gatepost/assets/gatepost.css", 200),
    "an asset that has not changed": (
        "GET /_gatepost/assets/gatepost.css\r\nIf-Modified-Since: Fri, 31 Dec 9999 00:00:00 GMT",
        304,
    ),
    "a redirect to sign in": ("GET /userposts/1\r\nAccept: text/html", 302),
    "a redirect of HEAD": ("HEAD /userposts/1\r\nAccept: text/html", 302),
    "a refusal without a token": ("GET /api/user/1", 401),
    "a refusal without a token to HEAD": ("HEAD /userposts/1\r\nAccept: text/html\r\nSec-Fetch-Mode: cors", 401),
    "the methods of a path": ("OPTIONS /api/user/1", 204),
    "no rule": ("GET /nowhere", 404),
    "no rule, as a page": ("GET /nowhere\r\nAccept: text/html", 404),
    "no rule to HEAD": ("HEAD /nowhere", 404),
    "another method": ("TRACE /public/x", 405),
    "a target of two readings": ("GET //public/x", 400),
    "another host": ("GET /public/x\r\nHost: evil.example", 400),
    "a body beyond the cap": ("POST /small\r\nContent-Length: 11", 413),
    "too many headers": ("GET /public/x" + "\r\nX: y" * 70, 431),
    "too long a head": ("GET /public/x\r\nX: " + "y" * 20_000, 431),
    "no request at all": ("\0", 400),
    "another version": ("GET /public/x HTTP/2.0", 400),
}


@pytest.mark.parametrize(("request_lines", "status"), REQUESTS.values(), ids=REQUESTS)
async def test_every_head(client: RawClient, posts: RawUpstream, request_lines: str, status: int) -> None:
    """Each answer has its date and its request's id once, names no server, and at most one ``Connection``."""

    async def answer(request: Received) -> None:
        await request.answer(
            b"ok", headers="Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: behind\r\nX-Request-Id: b\r\n"
        )

    posts.script = answer
    await client.exchange("GET /public/first")
    line, *lines = request_lines.split("\r\n")
    found = await client.exchange(line, *lines)
    assert found.status == status
    check_head(found)
    assert found.values("date") != ["Thu, 01 Jan 1970 00:00:00 GMT"]
    if found.says_close:
        assert await client.read_rest() == b""
    else:
        assert (await client.exchange("GET /public/last")).status == 200


async def test_the_heads_of_late_clients(rules: Path) -> None:
    """So has the answer to a head, or a body, that does not come in time."""
    quick = ClientLimits(head=0.1, body=0.1, linger=0.1)
    async with running_gateway(rules, client_limits=quick) as gateway:
        for sent in (b"GET /pub", b"POST /public/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\n1"):
            async with connected(gateway) as client:
                client.send(sent.replace(b"HOST", gateway.host.encode()))
                found = await client.read_answer()
                assert (found.status, found.says_close) == (408, True)
                check_head(found)
                assert await client.read_rest() == b""


async def test_the_heads_of_an_upstreams_faults(rules: Path, posts: RawUpstream) -> None:
    """So have the answers to an upstream's failures: it breaks off, is silent, or is not there. All with keep-alive."""

    async def break_off(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-")
        request.writer.close()

    async def keep_silent(request: Received) -> None:
        await request.reader.read()

    async with running_gateway(rules, limits=Limits(first_byte=0.2)) as gateway, connected(gateway) as client:
        for script, status in ((break_off, 502), (keep_silent, 504), (answer_ok, 200)):
            posts.script = script
            for line in ("GET /public/x", "POST /public/x", "HEAD /public/x"):
                found = await client.exchange(line)
                assert (found.status, found.says_close) == (status, False)
                check_head(found)


async def test_the_head_of_an_upstream_that_is_not_there(rules: Path, posts: RawUpstream) -> None:
    """So has the answer for an upstream that can't be reached."""
    change_rules(rules, posts.url, "http://127.0.0.1:9")
    async with running_gateway(rules) as gateway, connected(gateway) as client:
        for line in ("GET /public/x", "POST /public/x"):
            found = await client.exchange(line)
            assert (found.status, found.values("retry-after")) == (503, ["1"])
            check_head(found)


# Nothing that anybody says becomes a line of its own

INJECTED = ("\r\nX-Injected: 1", "\nX-Injected: 1", "\rX-Injected: 1", "\0X-Injected: 1", "\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("line", ["GET /public/x", "POST /public/x", "HEAD /public/x"])
@pytest.mark.parametrize(
    "value",
    [
        "a\rX-Injected: 1",
        "a\nX-Injected: 1",
        "a\0b",
        "a\r X-Injected: 1",
        "a\r\n X-Injected: 1",
        "a\r\r\nb",
        "\x7f\x01",
    ],
)
async def test_an_upstreams_value_is_one_line(
    client: RawClient, posts: RawUpstream, value: str, line: str, *, is_warm: bool
) -> None:
    """A value with what could end a line, or with NUL, makes the answer a broken one: 502, and nothing of it passes."""
    if is_warm:
        await client.exchange(line)

    async def answer(request: Received) -> None:
        await request.answer(b"ok", headers=f"X-Said: {value}\r\n")

    posts.script = answer
    found = await client.exchange(line)
    if found.status == 200:  # a control character that ends no line is passed as it is, or not at all
        assert value == "\x7f\x01"
    else:
        assert found.status == 502
        assert found.values("x-said") == []
    assert found.values("x-injected") == []
    posts.script = answer_ok
    assert (await client.exchange("GET /public/x")).body == b"ok"


@pytest.mark.parametrize("is_warm", [False, True])
async def test_an_odd_value_passes_as_it_is(client: RawClient, posts: RawUpstream, *, is_warm: bool) -> None:
    """What stands in a value without ending it goes on byte by byte: tabs, bytes beyond ASCII, nothing, colons."""
    said = [
        ("x-tab", "a\tb"),
        ("x-bytes", "\xe9\xff"),
        ("x-empty", ""),
        ("x-colon", ": a: b"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ]

    async def answer(request: Received) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in said)
        await request.send(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{lines}\r\nok".encode("latin-1"))

    if is_warm:
        await client.exchange("GET /public/x")
    posts.script = answer
    found = await client.exchange("GET /public/x")
    assert [header for header in found.headers if header[0].startswith("x-") and header[0] != "x-request-id"] == said


@pytest.mark.parametrize(
    "line", ["GET /userposts/{}", "GET /userposts/1?a={}", "GET /nowhere/{}", "GET /public/x?a={}"]
)
@pytest.mark.parametrize("injected", INJECTED)
async def test_a_targets_bytes_are_no_line(client: RawClient, line: str, injected: str) -> None:
    """A line end that comes percent-encoded in a target ends no line in any answer made from it."""
    encoded = "".join(f"%{ord(character):02x}" for character in injected)
    found = await client.exchange(line.format(encoded), "Accept: text/html")
    assert found.values("x-injected") == []
    assert found.status in {200, 302, 400, 404}


@pytest.mark.parametrize(
    "name", ["X-Request-ID", "traceparent", "Accept-Language", "Origin", "X-Forwarded-For", "Cookie"]
)
async def test_a_requests_value_is_no_line(client: RawClient, name: str) -> None:
    """Nor does one in a header of a request."""
    for injected in (
        "%0d%0aX-Injected: 1",
        "\\r\\nX-Injected: 1",
        "a\tX-Injected: 1",
        "\xe5\x98\x8a\xe5\x98\x8dX-Injected: 1",
    ):
        for line in ("GET /userposts/1", "GET /nowhere", "GET /public/x"):
            found = await client.exchange(line, f"{name}: {injected}", "Accept: text/html")
            assert found.values("x-injected") == []
