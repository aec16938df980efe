"""An application below a prefix that it does not know of: what arrives, and where its answers lead."""

from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, status_of
from tests.support.raw_upstream import RawUpstream, Received

RULES = """
[[rule]]
matcher = ["/app/:path*"]
access = "public"
upstream = "posts"
strip = "/app"
websocket = true
"""


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with a rule for such an application."""
    rules.write_text(rules.read_text() + RULES)
    return rules


async def test_the_prefix_is_taken_off_and_told(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """The application gets its own paths, and learns below which prefix it is asked; a client can't tell it another."""
    for target, arrives in (("/app", "/"), ("/app/", "/"), ("/app/a%20b/?q=/app", "/a%20b/?q=/app")):
        await client.get(target, headers={"x-forwarded-prefix": "/evil"})
        received = posts.received.pop()
        assert (received.target, received.values("x-forwarded-prefix")) == (arrives, ["/app"])
    await client.get("/public/a")
    assert posts.received.pop().values("x-forwarded-prefix") == []


async def test_its_answers_lead_back_below_it(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """A redirect and a cookie of the application are for its own paths, as the browser sees these."""

    async def lead(request: Received) -> None:
        await request.answer(status="302 Found", headers="Location: /login?next=/\r\nSet-Cookie: a=b; Path=/\r\n")

    posts.script = lead
    answer = await client.get("/app/x")
    assert (answer.headers["location"], answer.headers["set-cookie"]) == ("/app/login?next=/", "a=b; Path=/app")
    answer = await client.get("/public/x")
    assert (answer.headers["location"], answer.headers["set-cookie"]) == ("/login?next=/", "a=b; Path=/")


async def test_what_services_say_to_one_another_is_not_behind_it_either(
    gateway: RunningGateway, posts: RawUpstream
) -> None:
    """Their calls are not to be had by way of a prefix; what an application serves to its operators is."""
    assert status_of(await gateway.send_head("GET /app/internal/users HTTP/1.1")) == 404
    assert posts.received == []
    for target in ("/app/metrics", "/app/livez"):
        assert status_of(await gateway.send_head(f"GET {target} HTTP/1.1")) == 200
    assert [request.target for request in posts.received] == ["/metrics", "/livez"]
