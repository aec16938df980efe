"""Spellings of paths that an application needs arrive as it needs them, and lead nobody past a rule."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.gateway_in_process import RunningGateway, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream

RULES = """
[[rule]]
matcher = ["/notebooks/:path*"]
access = "page"
upstream = "posts"
paths = "encoded"

[[rule]]
matcher = ["/npm/:path*"]
access = "public"
upstream = "posts"
paths = "raw"
"""


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with rules for such applications."""
    rules.write_text(rules.read_text() + RULES)
    return rules


@pytest.fixture
async def gateway(rules: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    """Give a gateway ahead of it, that proxies of this machine may ask."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules) as running:
        yield running


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        ("/notebooks/C%23.ipynb?a=b%23", "/notebooks/C%23.ipynb?a=b%23"),
        ("/notebooks/50%25%3b[1]|^", "/notebooks/50%25%3B%5B1%5D%7C%5E"),
        ("/npm/@scope%2fname", "/npm/@scope%2fname"),
        ("/npm//a/[b]%23/", "/npm//a/[b]%23/"),
        ("/npm/%ec%95%88", "/npm/%EC%95%88"),  # canonical: as ever
    ],
)
async def test_what_arrives(gateway: RunningGateway, posts: RawUpstream, target: str, arrives: str) -> None:
    """With ``encoded`` a path arrives encoded; with ``raw``, byte for byte; with its query, and as the caller's."""
    answer = await gateway.send_head(f"GET {target} HTTP/1.1\r\nAuthorization: Bearer {gateway.sign_token()}")
    assert status_of(answer) == 200
    received = posts.received.pop()
    assert received.target == arrives
    assert len(received.values("authorization")) == 1


@pytest.mark.parametrize(
    "target",
    [
        *("/notebooks/a%2Fb", "/notebooks//a", "/notebooks/%41", "/notebooks/a%5cb", "/notebooks/a%2e", "/public/C%23"),
        *("/notebooks%23", "/npm/..%2Fuserposts", "/npm/%252e%252e/userposts", "/npm%2Fa", "//npm/a", "/npm/a%00"),
        *("/userposts%2F1", "/userposts%23", "/%2575serposts", "/internal%3F/users", "/npm;x/a", "/npm/a;x"),
    ],
)
async def test_what_does_not(gateway: RunningGateway, posts: RawUpstream, target: str) -> None:
    """Everything else is refused as ever, before anybody is asked who they are."""
    answer = await gateway.send_head(f"GET {target} HTTP/1.1\r\nAuthorization: Bearer {gateway.sign_token()}")
    assert status_of(answer) == 400
    assert posts.received == []


async def test_a_browser_is_led_back(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An anonymous browser signs in first, and lands on the page that it wanted, in the spelling that it wanted."""
    answer = await gateway.send_head("GET /notebooks/C%23.ipynb?x=1 HTTP/1.1")
    assert status_of(answer) == 302
    assert b"\r\nlocation: /api/auth/signin?callbackUrl=%2Fnotebooks%2FC%2523.ipynb%3Fx%3D1\r\n" in answer
    assert posts.received == []


async def test_a_body_follows(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Whatever else makes a request is as for any path: its body, its method, the answer to OPTIONS."""
    answer = await gateway.send_head("PUT /npm/@scope%2Fname HTTP/1.1\r\nContent-Length: 2", b"{}")
    assert status_of(answer) == 200
    assert (posts.received[-1].method, posts.received.pop().target) == ("PUT", "/npm/@scope%2Fname")
    assert status_of(await gateway.send_head("OPTIONS /npm/@scope%2Fname HTTP/1.1")) == 204


async def test_forward_auth_says_the_same(gateway: RunningGateway) -> None:
    """A proxy that sends on what it got hears of a spelling what the gateway would do with it."""
    said = {"x-forwarded-method": "GET", "x-forwarded-proto": "http", "x-forwarded-host": gateway.host}
    async with gateway.client() as client:
        for target, status in (("/npm/@scope%2Fname", 200), ("/notebooks/C%23", 302), ("/public/C%23", 400)):
            answer = await client.get("/_gateway/auth", headers=said | {"x-forwarded-uri": target})
            assert answer.status_code == status
