"""The gateway's metrics: refusals by their reason, and how the upstreams are doing."""

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import SESSION_ID, RunningGateway, change_rules, running_gateway
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually


def count(gateway: RunningGateway, name: str, **labels: str) -> float:
    """Return a figure as it stands now."""
    return gateway.metrics.registry.get_sample_value(name, labels) or 0


@pytest.mark.parametrize(
    ("path", "authorization", "reason"),
    [
        ("/api/user/7", None, "missing"),
        ("/api/user/7", "nonsense", "malformed"),
        ("/api/user/7", "{token}AAAA", "signature"),
        ("/api/user/7", "{forged}", "signature"),
        ("/api/user/7", "{old}", "expired"),
        ("/userposts", None, "missing"),
        ("/nowhere", None, "not_found"),
        ("/public/%2e%2e/x", None, "bad_request"),
    ],
)
async def test_a_refusal_is_counted_by_its_reason(
    gateway: RunningGateway, client: httpx2.AsyncClient, path: str, authorization: str | None, reason: str
) -> None:
    """Each refusal counts once, by what was wrong with the token where that decided, else with the request."""
    token = gateway.sign_token()
    user = {"user_id": 7, "name": "Ada", "email": "ada@example.com", "session_id": SESSION_ID}
    old = gateway.credentials.tokens.sign(**user, now=int(time.time()) - 4000)  # type: ignore[arg-type]
    forged = f"{token.rpartition('.')[0]}.{'A' * 43}"
    sent = {} if authorization is None else {"authorization": authorization.format(token=token, old=old, forged=forged)}
    before = count(gateway, "gatepost_refusals_total", reason=reason)
    await client.get(path, headers=sent)
    assert count(gateway, "gatepost_refusals_total", reason=reason) == before + 1


async def test_what_passes_is_no_refusal(gateway: RunningGateway, client: httpx2.AsyncClient) -> None:
    """A request that is forwarded is no refusal, whatever is wrong with its caller's token."""
    assert (await client.get("/public/x", headers={"authorization": "nonsense"})).status_code == 200
    counted = [sample for metric in gateway.metrics.registry.collect() for sample in metric.samples]
    assert not [sample for sample in counted if sample.name == "gatepost_refusals_total"]


async def test_requests_on_their_way_show(
    gateway: RunningGateway, client: httpx2.AsyncClient, posts: RawUpstream
) -> None:
    """A request counts as running from its start to its end, for its own upstream."""
    may_answer = asyncio.Event()

    async def answer_later(request: Received) -> None:
        await may_answer.wait()
        await request.answer()

    posts.script = answer_later
    asked = asyncio.create_task(client.get("/public/x"))
    await eventually(lambda: count(gateway, "gatepost_upstream_running", upstream="posts") == 1)
    assert count(gateway, "gatepost_upstream_running", upstream="auth") == 0
    may_answer.set()
    await asked
    await eventually(lambda: count(gateway, "gatepost_upstream_running", upstream="posts") == 0)


async def test_a_replica_that_is_away_shows(rules: Path, posts: RawUpstream, unused_tcp_port: int) -> None:
    """Of the policy's replicas, one that could not be reached is counted as resting."""
    change_rules(rules, f'"{posts.url}"', f'["http://127.0.0.1:{unused_tcp_port}", "{posts.url}"]')
    async with running_gateway(rules) as gateway, gateway.client() as client:
        assert count(gateway, "gatepost_upstream_replicas", upstream="posts") == 2
        for _ in range(2):
            assert (await client.get("/public/x")).status_code == 200
        assert count(gateway, "gatepost_upstream_resting", upstream="posts") == 1
