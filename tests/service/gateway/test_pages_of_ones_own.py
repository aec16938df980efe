"""The pages are an operator's own: the gateway serves the folder's files, and tells who has pages what is missing."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway
from tests.support.gateway_rules import write_rules
from tests.support.raw_upstream import RawUpstream

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = {"accept": "text/html"}


@pytest.fixture
async def branded(tmp_path: Path, posts: RawUpstream, auth: RawUpstream) -> AsyncIterator[RunningGateway]:
    """Give a gateway with a folder of an operator's own, and rules that reach no page of accounts."""
    folder = tmp_path / "branding"
    folder.mkdir()
    (folder / "brand.toml").write_text('name = "Acme"\n[[link]]\nto = "/public/reports"\nlabel = "Reports"\n')
    (folder / "style.css").write_text("a { color: red }")
    (folder / "logo.svg").write_bytes(SVG)
    (folder / "favicon.ico").write_bytes(b"\0\0\1\0-")
    write_rules(tmp_path / "rules.toml", posts, auth)
    async with running_gateway(tmp_path / "rules.toml", branding=folder) as gateway:
        yield gateway


@pytest.fixture
async def client(branded: RunningGateway) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of that gateway."""
    async with branded.client() as client:
        yield client


@pytest.mark.parametrize(("name", "kind"), [("style.css", "text/css; charset=utf-8"), ("logo.svg", "image/svg+xml")])
async def test_files_have_their_type_and_can_do_nothing(client: httpx2.AsyncClient, name: str, kind: str) -> None:
    """A file is served as what it is, kept for a while, and inert where somebody opens it by itself."""
    answer = await client.get(f"/_gatepost/assets/brand/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=300"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    known = {"If-None-Match": answer.headers["etag"]}
    again = await client.get(f"/_gatepost/assets/brand/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["brand.toml", "logo.png", "en.po", "..", "%2e%2e"])
async def test_nothing_else_is_served(client: httpx2.AsyncClient, name: str) -> None:
    """What browsers have no use for stays here."""
    assert (await client.get(f"/_gatepost/assets/brand/{name}")).status_code in {400, 404}


async def test_own_pages_look_like_it(client: httpx2.AsyncClient) -> None:
    """Error pages of the gateway have the name, the logo and the links, and its icon is the folder's."""
    page = (await client.get("/nowhere", headers=PAGE)).text
    assert "Gatepost" not in page
    assert "/_gatepost/assets/brand/logo.svg" in page
    assert '<a href="/public/reports">Reports</a>' in page
    assert (await client.get("/favicon.ico")).content == b"\0\0\1\0-"
    css = (await client.get("/_gatepost/assets/gatepost.css")).headers["content-type"]
    assert css.startswith("text/css")


async def test_what_is_missing_is_told(branded: RunningGateway, client: httpx2.AsyncClient, auth: RawUpstream) -> None:
    """The service that signs people in is told which pages no rule reaches; a client's own word of it never passes."""
    await client.get("/api/auth/signin", headers={"Gatepost-Lacks": "everything"})
    assert auth.received[-1].values("gatepost-lacks") == ["account feed forgot home sign-up"]
    page = (await client.get("/nowhere", headers=PAGE)).text
    assert 'href="/signup' not in page
    assert 'href="/docs"' in page
    change_rules(branded.settings.gateway_rules, '"/docs", ', "")
    os.kill(os.getpid(), signal.SIGHUP)
    text = "account docs feed forgot home sign-up"

    async def is_told() -> bool:
        await client.get("/api/auth/signin")
        return auth.received[-1].values("gatepost-lacks") == [text]

    for _ in range(100):
        if await is_told():
            break
    assert await is_told()
    assert 'href="/docs"' not in (await client.get("/nowhere", headers=PAGE)).text


async def test_each_host_links_to_what_it_has(tmp_path: Path, posts: RawUpstream, auth: RawUpstream) -> None:
    """What one host has is missing at the others: on pages of services, and on the gateway's own."""
    write_rules(tmp_path / "rules.toml", posts, auth)
    change_rules(tmp_path / "rules.toml", '"/docs", ', "")
    with (tmp_path / "rules.toml").open("a") as rules:
        rules.write(
            '[[rule]]\nmatcher = ["/docs"]\nmethods = ["GET"]\naccess = "public"\nupstream = "gateway"\n'
            'hosts = "app.gate.localhost"\n'
        )
    sites = ("id.gate.localhost", "app.gate.localhost")
    async with (
        running_gateway(tmp_path / "rules.toml", sites=sites) as gateway,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False, timeout=30) as client,
    ):
        for host, has_docs in zip(sites, (False, True), strict=True):
            headers = {**PAGE, "host": f"{host}:{gateway.port}"}
            page = (await client.get("/nowhere", headers=headers)).text
            await client.get("/api/auth/signin", headers=headers)
            [told] = auth.received[-1].values("gatepost-lacks")
            assert ('href="/docs"' in page, "docs" not in told.split()) == (has_docs, has_docs)
