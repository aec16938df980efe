"""What the log says about a request: enough to know why it was refused, and nothing that its client wrote."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_upstream import RawUpstream, Received

HOST = "Host: HOST\r\nConnection: close\r\n"
REFUSALS = {
    "a path that hides something": (f"GET /public/%75x HTTP/1.1\r\n{HOST}", "The path hides a character as %{digits}"),
    "a byte in a path": (f"GET /public/a|b HTTP/1.1\r\n{HOST}", "The path has the byte {byte}"),
    "a long path": (f"GET /{'a' * 3000} HTTP/1.1\r\n{HOST}", "The path is longer than {most} bytes"),
    "another host": ("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n", "This host is not served here"),
    "a header named": (
        f"POST /public/x HTTP/1.1\r\n{HOST}Connection: cookie\r\n",
        "Connection names a header that must arrive",
    ),
    "a WebSocket": (f"GET /public/x HTTP/1.1\r\n{HOST}Upgrade: websocket\r\n", "WebSockets are not opened here"),
    "nothing there": (f"GET /nowhere HTTP/1.1\r\n{HOST}", None),
    "no token": (f"GET /api/user/1 HTTP/1.1\r\n{HOST}", None),
    "no HTTP": ("SSH-2.0-OpenSSH_9.2\r\n", None),
}


async def ask(gateway: RunningGateway, head: str) -> Mapping[str, object]:
    """Send a head; return what the log says about it."""
    with capture_logs() as logs:
        await gateway.send_raw(f"{head}\r\n".replace("HOST", gateway.host).encode())
    (line,) = [log for log in logs if log["event"] == "request_finished"]
    return line


@pytest.mark.parametrize(("head", "reason"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_says_why(gateway: RunningGateway, head: str, reason: str | None) -> None:
    """A refusal is logged with its sentence, without what the client wrote; where its kind says it all, with that."""
    line = await ask(gateway, head)
    assert line["refusal"]
    assert line.get("reason") == reason


async def test_a_page_says_why_too(gateway: RunningGateway) -> None:
    """So is one that a browser gets as a page."""
    line = await ask(gateway, f"GET /public/%75x HTTP/1.1\r\n{HOST}Accept: text/html\r\n")
    assert (line["status"], line["reason"]) == (400, "The path hides a character as %{digits}")


WITH_ROLE = """
[[rule]]
matcher = ["/admin"]
access = "protected"
upstream = "posts"
role = "staff"
"""


async def test_a_missing_role_is_named_to_the_log_alone(rules: Path) -> None:
    """Who lacks a role is not told which; the log says it."""
    with rules.open("a") as file:
        file.write(WITH_ROLE)
    async with running_gateway(rules) as running:
        line = await ask(running, f"GET /admin HTTP/1.1\r\n{HOST}Authorization: Bearer {running.sign_token()}\r\n")
        async with running.client() as client:
            refused = await client.get("/admin", headers={"authorization": f"Bearer {running.sign_token()}"})
    assert (line["status"], line["refusal"], line["reason"]) == (403, "forbidden", "lacks the role staff")
    assert refused.json() == {"error": "You are not allowed to do this"}


BROKEN = {
    "no HTTP": (b"hello\r\n\r\n", "not an HTTP/1.1 status line"),
    "a bad line": (b"HTTP/1.1 200 OK\r\nX y\r\n\r\n", "a line that is no header"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "the length is said twice",
    ),
    "an end": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed before the end of the answer"),
    "nothing": (b"", "closed before the end of the answer"),
    "a long head": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", "a head that is too long"),
}


@pytest.mark.parametrize(("answer", "reason"), BROKEN.values(), ids=BROKEN)
async def test_a_502_says_what_was_wrong(
    gateway: RunningGateway, posts: RawUpstream, answer: bytes, reason: str
) -> None:
    """An answer that can't be passed on is logged with what is wrong with it, and nothing of what it held."""

    async def say(request: Received) -> None:
        await request.send(answer)
        request.writer.close()

    posts.script = say
    line = await ask(gateway, f"POST /public/x HTTP/1.1\r\n{HOST}")
    assert (line["status"], line["refusal"], line["upstream"]) == (502, "upstream_failed", "posts")
    assert line["reason"] == reason


async def test_a_502_of_a_broken_connection(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A connection that ends before an answer is a reason too."""

    async def reset(request: Received) -> None:
        request.writer.transport.abort()

    posts.script = reset
    line = await ask(gateway, f"POST /public/x HTTP/1.1\r\n{HOST}")
    assert line["status"] == 502
    assert line["reason"]


@pytest.fixture
async def trusting(rules: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway that logs addresses and paths, behind a proxy on this machine."""
    monkeypatch.setenv("LOG_CLIENT_ADDRESS", "on")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules) as running:
        yield running


@pytest.mark.parametrize("target", ["/public/x", "/nowhere", "/livez/x", "/%75"])
async def test_neither_address_nor_path_is_logged(gateway: RunningGateway, target: str) -> None:
    """As it starts, the log names neither the client's address nor the path."""
    line = await ask(gateway, f"GET {target} HTTP/1.1\r\n{HOST}")
    assert not {"client", "path"} & set(line)


@pytest.mark.parametrize(
    ("head", "client"),
    [
        (f"GET /public/x HTTP/1.1\r\n{HOST}", "127.0.0.1"),
        (f"GET /public/x HTTP/1.1\r\n{HOST}X-Forwarded-For: 203.0.113.7:5123\r\n", "203.0.113.7"),
        (f"GET /%75 HTTP/1.1\r\n{HOST}X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "127.0.0.1"),
        (f"GET /_gateway/auth/public/x HTTP/1.1\r\n{HOST}X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
    ],
)
async def test_the_address_is_logged_by_a_setting(trusting: RunningGateway, head: str, client: str) -> None:
    """With ``LOG_CLIENT_ADDRESS=on`` each line has the client's address, as a trusted proxy names it."""
    assert (await ask(trusting, head))["client"] == client


@pytest.mark.parametrize(
    ("target", "path"),
    [("/public/%EC%95%88?secret=1", "/public/안"), ("/nowhere", "/nowhere"), ("/public/%75", None)],
)
async def test_the_path_is_logged_for_debugging(trusting: RunningGateway, target: str, path: str | None) -> None:
    """With ``LOG_LEVEL=DEBUG`` a line has the canonical path, and never the query; a path that has none is left out."""
    assert (await ask(trusting, f"GET {target} HTTP/1.1\r\n{HOST}")).get("path") == path
