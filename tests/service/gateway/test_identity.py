"""An application that takes the sign-in over from headers gets them of verified callers, and of nobody else."""

import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import SESSION_ID, RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream

RULES = """
[[rule]]
matcher = ["/files/:path*"]
access = "protected"
upstream = "posts"
authorization = "none"
identity = ["Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups"]

[[rule]]
matcher = ["/charts/:path*"]
access = "public"
upstream = "posts"
authorization = "none"
identity = { "X-WEBAUTH-USER" = "unproven-email", "X-Employee" = "name" }
"""
NAMES = ("remote-user", "remote-email", "remote-name", "remote-groups", "x-webauth-user", "x-employee")
CLAIMED = dict.fromkeys(NAMES, "root")
QUESTION = {"x-forwarded-method": "GET", "x-forwarded-proto": "http"}


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


def sign(gateway: RunningGateway, **words: object) -> str:
    """Return the ``Authorization`` of Ada, with further claims."""
    said = {"user_id": 7, "name": "Ada 한", "email": "ada@example.com", "session_id": SESSION_ID}
    return f"Bearer {gateway.credentials.tokens.sign(**{**said, 'now': int(time.time()), **words})}"  # type: ignore[arg-type]


def read(posts: RawUpstream) -> dict[str, list[str]]:
    """Return the headers that named a caller in the last request."""
    received = posts.received.pop()
    return {name: values for name in (*NAMES, "authorization") if (values := received.values(name))}


async def test_a_verified_caller_is_named(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """By a token or by a session cookie: who it is arrives, and no token; an address only where it is proven."""
    ada = {"remote-user": ["7"], "remote-name": ["Ada 한".encode().decode("latin-1")]}
    token = sign(gateway, roles=("admin", "writer"))
    cookie = {"cookie": gateway.seal_session(token.removeprefix("Bearer ")), "sec-fetch-site": "same-origin"}
    for sent in ({"authorization": token}, cookie):
        answer = await client.get("/files/a", headers={**CLAIMED, **sent})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert read(posts) == ada | {"remote-groups": ["admin,writer"]}
    await client.get("/files/a", headers={"authorization": sign(gateway, email_verified=True)})
    assert read(posts) == ada | {"remote-email": ["ada@example.com"]}


async def test_nobody_is_named_by_none(client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream) -> None:
    """On a public rule an anonymous caller has no name, whatever they claim; and a signed-in one has."""
    assert (await client.get("/charts/a", headers=CLAIMED)).status_code == 200
    assert read(posts) == {}
    answer = await client.get("/charts/a", headers=CLAIMED | {"authorization": sign(gateway)})
    assert answer.headers["cache-control"] == "no-store"
    assert read(posts) == {
        "x-webauth-user": ["ada@example.com"],
        "x-employee": ["Ada 한".encode().decode("latin-1")],
    }


@pytest.mark.parametrize("target", ["/public/a", "/api/user/7", "/files/a", "/charts/a"])
@pytest.mark.parametrize("name", ["x-employee", "X-Employee", "x.employee", "x~employee"])
async def test_no_upstream_gets_a_clients_own(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream, target: str, name: str
) -> None:
    """A header by which one rule names callers reaches nobody from a client, by no rule and in no spelling."""
    token = gateway.sign_token()
    await client.get(target, headers={name: "root", "x-employees": "1", "authorization": f"Bearer {token}"})
    received = posts.received.pop()
    assert "root" not in [value for _, value in received.headers]
    assert received.values("x-employees") == ["1"]


async def test_a_new_policy_names_by_others(client: httpx2.AsyncClient, rules: Path, posts: RawUpstream) -> None:
    """After a reload the headers of the new policy are the gateway's own, on the same connections too."""
    await client.get("/public/a", headers={"x-employee": "root", "x-staff": "1"})
    assert (posts.received[-1].values("x-employee"), posts.received.pop().values("x-staff")) == ([], ["1"])
    change_rules(rules, "X-Employee", "X-Staff")
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(2):
        await client.get("/public/a", headers={"x-employee": "me", "x-staff": "root"})
        received = posts.received.pop()
    assert (received.values("x-employee"), received.values("x-staff")) == (["me"], [])


async def test_forward_auth_says_the_same(gateway: RunningGateway) -> None:
    """Every yes carries all of them, empty where there is no value, so that a client's own can't survive.

    With a client's own copy, or one that is read alike, there is no yes: the proxy may not replace it.
    """
    said = QUESTION | {"x-forwarded-host": gateway.host}
    async with gateway.client() as client:
        ada = {"authorization": sign(gateway, email_verified=True, roles=("admin",))}
        answer = await client.get("/_gateway/auth", headers=said | ada | {"x-forwarded-uri": "/files/a"})
        assert {name: answer.headers[name] for name in NAMES} == {
            "remote-user": "7",
            "remote-email": "ada@example.com",
            "remote-name": "Ada 한",
            "remote-groups": "admin",
            "x-webauth-user": "",
            "x-employee": "",
        }
        assert answer.headers["authorization"] == ""
        for target in ("/charts/a", "/public/a"):
            answer = await client.get("/_gateway/auth", headers=said | {"x-forwarded-uri": target})
            assert answer.status_code == 200
            assert {answer.headers[name] for name in (*NAMES, "authorization", "cookie")} == {""}
        for claim in ("Remote-User", "X-Employee", "X.Employee", "x~webauth~user"):
            answer = await client.get("/_gateway/auth", headers=said | {claim: "me", "x-forwarded-uri": "/public/a"})
            assert (answer.status_code, "gatepost-decision" in answer.headers) == (400, False)
