"""Methods beyond the usual ones pass where a rule names them, and nowhere else."""

from pathlib import Path

import pytest

from tests.support.gateway_in_process import RunningGateway, status_of
from tests.support.raw_client import connected
from tests.support.raw_upstream import RawUpstream

RULES = """
[[rule]]
matcher = ["/dav/:path*"]
methods = ["GET", "PUT", "OPTIONS", "PROPFIND", "MKCOL", "REPORT", "FETCH"]
access = "protected"
upstream = "posts"
"""


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with a rule for WebDAV."""
    rules.write_text(rules.read_text() + RULES)
    return rules


@pytest.mark.parametrize("method", ["PROPFIND", "MKCOL", "REPORT", "OPTIONS", "FETCH"])
async def test_a_method_that_a_rule_names(gateway: RunningGateway, posts: RawUpstream, method: str) -> None:
    """It passes as it was sent, with its body, under the rule's decision; elsewhere it is no method."""
    lines = f"{method} /dav/a?b HTTP/1.1\r\nContent-Length: 2"
    assert status_of(await gateway.send_head(lines, b"ab")) == 401
    lines += f"\r\nAuthorization: Bearer {gateway.sign_token()}"
    assert status_of(await gateway.send_head(lines, b"ab")) == 200
    received = posts.received.pop()
    assert (received.method, received.target, received.values("content-length")) == (method, "/dav/a?b", ["2"])
    if method != "OPTIONS":
        assert status_of(await gateway.send_head(f"{method} /public/a HTTP/1.1")) == 405
        assert status_of(await gateway.send_head(f"{method} /dav/%61 HTTP/1.1")) == 400
    assert posts.received == []


@pytest.mark.parametrize("method", ["MOVE", "LOCK", "CONNECT", "TRACE", "BREW", "propfind", "FETCHX"])
async def test_a_method_that_none_names(gateway: RunningGateway, posts: RawUpstream, method: str) -> None:
    """Others are refused as ever, whoever asks."""
    token = f"Authorization: Bearer {gateway.sign_token()}"
    assert status_of(await gateway.send_head(f"{method} /dav/a HTTP/1.1\r\n{token}")) in {400, 405}
    assert posts.received == []


async def test_the_connection_goes_on(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A client of WebDAV sends one request after another on its connection."""
    token = f"Authorization: Bearer {gateway.sign_token()}"
    async with connected(gateway) as client:
        for _ in range(3):
            assert (await client.exchange("PROPFIND /dav/a HTTP/1.1", token)).status == 200
    assert [received.method for received in posts.received] == ["PROPFIND"] * 3
