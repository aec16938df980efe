"""Several hosts with one sign-in: rules by host, the way to the sign-in page and back, and forward auth for each."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.raw_upstream import RawUpstream

ID, APP, WIKI = (f"{name}.gate.localhost" for name in ("id", "app", "wiki"))
RULES = """
[upstreams]
posts = { address = "POSTS", authorization = "token" }
auth = { address = "AUTH", session_cookies = true }

[[rule]]
matcher = ["/api/auth/:path*"]
access = "public"
upstream = "auth"

[[rule]]
matcher = ["/:path*"]
hosts = "app.gate.localhost"
access = "page"
upstream = "posts"

[[rule]]
matcher = ["/:path*"]
hosts = "wiki.gate.localhost"
access = "public"
upstream = "posts"
"""


@pytest.fixture
async def gateway(
    tmp_path: Path, posts: RawUpstream, auth: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningGateway]:
    """Give a gateway with three hosts, which proxies of this machine may ask."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    (tmp_path / "rules.toml").write_text(RULES.replace("POSTS", posts.url).replace("AUTH", auth.url))
    async with running_gateway(tmp_path / "rules.toml", sites=(ID, APP, WIKI)) as running:
        yield running


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client that reaches the gateway without looking up names."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", timeout=10) as client:
        yield client


def at(gateway: RunningGateway, name: str, **further: str) -> dict[str, str]:
    """Return the headers of a request to a host."""
    return {"host": f"{name}:{gateway.port}", **{name.replace("_", "-"): value for name, value in further.items()}}


async def test_a_host_has_its_own_rules(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """One path is a page here, public there, and nothing elsewhere; the service learns which host was asked."""
    found = {name: (await client.get("/x", headers=at(gateway, name))).status_code for name in (ID, APP, WIKI)}
    assert found == {ID: 404, APP: 302, WIKI: 200}
    assert posts.received[-1].values("host") == [f"{WIKI}:{gateway.port}"]
    assert (await client.get("/x", headers=at(gateway, "other.gate.localhost"))).status_code == 400


async def test_one_session_counts_at_all_hosts(
    client: httpx2.AsyncClient, gateway: RunningGateway, posts: RawUpstream
) -> None:
    """The cookie of the domain names the caller wherever it is sent, for forms of that very host."""
    cookie = gateway.seal_session()
    assert (await client.get("/x", headers=at(gateway, APP, cookie=cookie))).status_code == 200
    assert posts.received[-1].values("authorization") != []
    own = f"http://{APP}:{gateway.port}"
    assert (await client.post("/x", headers=at(gateway, APP, cookie=cookie, origin=own))).status_code == 200
    other = f"http://{WIKI}:{gateway.port}"
    refused = await client.post("/x", headers=at(gateway, APP, cookie=cookie, origin=other, sec_fetch_site="same-site"))
    assert refused.status_code == 401


async def test_the_longest_link_is_led_back_to(client: httpx2.AsyncClient, gateway: RunningGateway) -> None:
    """A path and query as long as the gateway takes are whole in the redirect, and that is taken, too."""
    target = f"/{'p' * 2047}?{'q=%20&' * 1365}\\x"[: 2048 + 1 + 8192]
    answer = await client.get(target, headers=at(gateway, APP))
    assert answer.status_code == 302
    location = urlsplit(answer.headers["location"])
    assert (location.netloc, location.path) == (f"{ID}:{gateway.port}", "/api/auth/signin")
    assert parse_qs(location.query) == {"callbackUrl": [f"http://{APP}:{gateway.port}{target}"]}
    page = await client.get(f"{location.path}?{location.query}", headers=at(gateway, ID))
    assert page.status_code == 200
    assert (await client.get(f"/api/auth/session?{location.query}", headers=at(gateway, ID))).status_code == 414


@pytest.mark.parametrize("how", ["x-original-url", "x-forwarded-host"])
async def test_forward_auth_decides_for_each_host(
    client: httpx2.AsyncClient, gateway: RunningGateway, how: str
) -> None:
    """One gateway decides for several applications, by the host that their proxy was asked for."""

    async def ask(name: str, cookie: str = "") -> httpx2.Response:
        host = f"{name}:{gateway.port}"
        if how == "x-original-url":
            about = {"x-original-url": f"http://{host}/x?y", "x-original-method": "GET"}
        else:
            about = {"x-forwarded-host": host, "x-forwarded-uri": "/x?y", "x-forwarded-method": "GET"}
        return await client.get("/_gateway/auth", headers=about | ({"cookie": cookie} if cookie else {}))

    assert (await ask(WIKI)).status_code in {200, 204}
    assert (await ask(APP, gateway.seal_session())).headers["authorization"].startswith("Bearer ")
    assert (await ask(ID)).status_code in {403, 404}
    assert (await ask("evil.gate.localhost")).status_code in {400, 403}
    led = await ask(APP)
    assert led.status_code in {302, 401}
    location = urlsplit(led.headers["location"])
    assert location.netloc == f"{ID}:{gateway.port}"
    assert parse_qs(location.query) == {"callbackUrl": [f"http://{APP}:{gateway.port}/x?y"]}
