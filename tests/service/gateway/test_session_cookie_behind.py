"""A Next.js server behind the gateway reads NextAuth's session cookie: that of a verified caller, and no other."""

import time
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import SESSION_ID, RunningGateway
from tests.support.raw_upstream import RawUpstream

RULES = """
[[rule]]
matcher = ["/next/:path*"]
access = "public"
upstream = "posts"
cookies = "session"

[[rule]]
matcher = ["/guarded"]
access = "page"
upstream = "posts"
cookies = "session"
"""
NAME = "next-auth.session-token"
OTHER_ID = "1b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with rules for such a server."""
    rules.write_text(rules.read_text() + RULES)
    return rules


def seal(gateway: RunningGateway, session_id: str = SESSION_ID, padding: str = "") -> str:
    """Return the value of a browser's session cookie."""
    now = int(time.time())
    token = gateway.credentials.tokens.sign(user_id=7, name="Ada", email="a@b.c", session_id=session_id, now=now)
    claims = {"sub": "7", "sid": session_id, "accessToken": token, "padding": padding}
    return gateway.credentials.sealer.seal(claims, now)


def cookies_of(posts: RawUpstream) -> list[str]:
    """Return the cookies of the last request."""
    return [pair for value in posts.received.pop().values("cookie") for pair in value.split("; ")]


async def test_it_gets_the_session_cookie_and_no_other_of_ours(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """The application's own cookies pass as ever; of NextAuth's the session alone, once, whatever else is sent."""
    session = f"{NAME}={seal(gateway)}"
    others = "next-auth.csrf-token=x; a=b; next-auth.callback-url=y; gatepost.device=z"
    for target in ("/next/a", "/guarded"):
        sent = f"{others}; {session}; {NAME}=forged; {NAME}.0=chunk; \u00a0{NAME}=odd"
        answer = await client.get(target, headers={"cookie": sent.encode("latin-1")})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert cookies_of(posts) == ["a=b", session]
    await client.get("/public/a", headers={"cookie": f"{others}; {session}"})
    assert cookies_of(posts) == ["a=b"]


async def test_it_gets_all_chunks(client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream) -> None:
    """A long session comes in pieces, and goes on in them."""
    sealed = seal(gateway, padding="x" * 4000)
    pieces = [f"{NAME}.0={sealed[:3933]}", f"{NAME}.1={sealed[3933:]}"]
    await client.get("/next/a", headers={"cookie": "; ".join(["a=b", *pieces])})
    assert cookies_of(posts) == ["a=b", *pieces]


@pytest.mark.parametrize("sent", ["forged", "", "a.b.c.d.e"])
async def test_a_session_that_proves_nobody_is_not_told(
    client: httpx2.AsyncClient, posts: RawUpstream, sent: str
) -> None:
    """What does not open goes nowhere: the server would have to tell by itself."""
    await client.get("/next/a", headers={"cookie": f"a=b; {NAME}={sent}"})
    assert cookies_of(posts) == ["a=b"]


async def test_a_forged_request_is_nobodys(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """A form of another site brings the browser's cookie along, but no session to the server."""
    headers = {"cookie": f"a=b; {NAME}={seal(gateway)}", "sec-fetch-site": "cross-site"}
    await client.post("/next/a", headers=headers)
    assert cookies_of(posts) == ["a=b"]
    await client.post("/next/a", headers=headers | {"sec-fetch-site": "same-origin"})
    assert len(cookies_of(posts)) == 2


async def test_another_session_than_the_callers_is_not_told(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """Beside somebody's access token the cookie of another session would name somebody else."""
    headers = {"authorization": f"Bearer {gateway.sign_token()}"}
    await client.get("/next/a", headers=headers | {"cookie": f"a=b; {NAME}={seal(gateway, OTHER_ID)}"})
    assert cookies_of(posts) == ["a=b"]
    await client.get("/next/a", headers=headers | {"cookie": f"a=b; {NAME}={seal(gateway)}"})
    assert len(cookies_of(posts)) == 2
