"""What the gateway serves itself: health, assets, the API's description; and a new policy on SIGHUP."""

import asyncio
import datetime as dt
import json
import os
import re
import signal
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.pages.well_known import well_known_routes
from shared.observing.metrics import Metrics
from shared.settings import SettingsInvalid
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.services import PUBLIC_URL, client_of
from tests.support.waiting import eventually

AUTH_PART = {
    "openapi": "3.1.0",
    "paths": {
        "/api/auth/user": {
            "post": {
                "operationId": "create_user",
                "tags": ["Accounts"],
                "summary": "Sign up <b>now</b>",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/SignUp"}}}},
                "responses": {"201": {"description": "Done"}},
            }
        },
        "/internal/users": {"get": {"operationId": "hidden", "responses": {}}},
    },
    "components": {
        "schemas": {
            "SignUp": {"properties": {"name": {"type": "string", "maxLength": 100}}, "required": ["name"]},
            "ErrorView": {"properties": {"error": {"type": "string"}}},
        }
    },
}
POSTS_PART = {
    "openapi": "3.1.0",
    "paths": {
        "/public/posts/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "operationId": "show_post",
                "summary": "Show a post",
                "security": [{"accessToken": []}, {}],
                "responses": {
                    "200": {
                        "description": "Done",
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/PostView"}}
                            }
                        },
                    }
                },
            },
        }
    },
    "components": {
        "schemas": {"PostView": {"properties": {"title": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}}
    },
}


def describe_with(upstream: RawUpstream, part: object) -> None:
    """Let an upstream answer its part of the description."""

    async def answer(request: Received) -> None:
        await request.answer(json.dumps(part).encode(), headers="Content-Type: application/json\r\n")

    upstream.script = answer


async def test_health(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """The gateway is alive and ready by itself: no upstream is asked."""
    assert (await client.get("/livez")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert posts.received == []


async def test_assets_are_served_with_their_type(client: httpx2.AsyncClient) -> None:
    """An asset has its type, may be kept for a while, and is not sent again where it has not changed."""
    answer = await client.get("/_gatepost/assets/gatepost.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await client.get("/_gatepost/assets/gatepost.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/_gatepost/assets/gatepost.svg")).headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/_gatepost/assets/../app.py",
        "/_gatepost/assets/%2e%2e/app.py",
        "/_gatepost/assets/x.css",
        "/_gatepost/assets/",
        "/_gatepost/assets",
    ],
)
async def test_nothing_but_assets_is_served(gateway: RunningGateway, path: str) -> None:
    """No path leads out of the assets' folder, and a folder has no listing."""
    assert status_of(await gateway.send_head(f"GET {path} HTTP/1.1")) in {400, 404}


async def test_the_description_joins_its_parts(
    client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream, gateway: RunningGateway
) -> None:
    """One document describes what the upstreams describe, without what is not routed, and keeps it for a moment."""
    describe_with(auth, AUTH_PART)
    describe_with(posts, POSTS_PART)
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {"/api/auth/user", "/public/posts/{id}"}
    assert set(document["components"]["schemas"]) == {"SignUp", "ErrorView", "auth_ErrorView", "PostView"}
    assert document["servers"] == [{"url": gateway.url}]
    assert set(document["paths"]["/api/auth/user"]["post"]["responses"]) == {"201", "400", "502", "503", "504"}
    await client.get("/openapi.json")
    assert len(posts.received) == 1


async def test_an_upstream_without_a_description_is_left_out(
    client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream
) -> None:
    """An upstream that has no description is no error."""
    describe_with(posts, POSTS_PART)

    async def answer(request: Received) -> None:
        await request.answer(status="404 Not Found")

    auth.script = answer
    assert list((await client.get("/openapi.json")).json()["paths"]) == ["/public/posts/{id}"]


@pytest.mark.parametrize("body", [b"not json", b"[]"])
async def test_what_fails_leaves_the_rest(
    client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream, body: bytes
) -> None:
    """Where a part is missing the others are there, and it is named; one try serves everybody for a moment."""
    describe_with(auth, AUTH_PART)

    async def answer(request: Received) -> None:
        await request.answer(body)

    posts.script = answer
    document = (await client.get("/openapi.json")).json()
    assert (set(document["paths"]), document["x-missing"]) == ({"/api/auth/user"}, ["posts"])
    page = await client.get("/docs", headers={"Accept": "text/html"})
    assert "The description of the posts service is missing right now" in page.text
    assert len(posts.received) == 1
    describe_with(posts, POSTS_PART)
    async with asyncio.timeout(10):
        while "x-missing" in (await client.get("/openapi.json")).json():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)


async def test_without_any_part_there_is_none(
    client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream
) -> None:
    """Where all parts are missing the description is 503, as a page and as JSON."""
    for upstream in (auth, posts):
        describe_with(upstream, "no description")
    for path in ("/openapi.json", "/docs"):
        found = await client.get(path)
        assert found.status_code == 503
        assert found.json()["error"] == "The description of the API is missing right now"


async def test_callers_do_not_queue_behind_a_hanging_part(
    client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream
) -> None:
    """While a service hangs, all requests for the description share one try."""
    describe_with(auth, AUTH_PART)
    may_fail = asyncio.Event()

    async def hang(request: Received) -> None:
        await may_fail.wait()
        request.writer.close()

    posts.script = hang
    asking = [asyncio.create_task(client.get("/openapi.json")) for _ in range(5)]
    await eventually(lambda: len(posts.received) == 1)
    await asyncio.sleep(0.1)  # so that all of them wait
    may_fail.set()
    assert [answer.json()["x-missing"] for answer in await asyncio.gather(*asking)] == [["posts"]] * 5
    assert len(posts.received) == 1


async def test_the_docs_page(client: httpx2.AsyncClient, auth: RawUpstream, posts: RawUpstream) -> None:
    """The page shows every operation, escapes what it shows, and runs no script but the one of all pages."""
    describe_with(auth, AUTH_PART)
    describe_with(posts, POSTS_PART)
    page = await client.get("/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in ("POST /api/auth/user", "GET /public/posts/{id}", "Sign up &lt;b&gt;now", "at most 100 characters"):
        assert text in page.text
    assert '<h2 lang="en">Accounts</h2>' in page.text
    assert 'list of <a href="#PostView">PostView</a>' in page.text
    assert 'id="PostView"' in page.text
    assert page.text.count("<script") == 1


async def test_the_password_is_changed_in_the_account(rules: Path) -> None:
    """Password managers are led to the page for it, where a rule reaches that."""
    change_rules(rules, '"/api/auth/:path*"', '"/api/auth/:path*", "/account/:path*"')
    async with running_gateway(rules) as gateway, gateway.client() as client:
        answer = await client.get("/.well-known/change-password")
        assert (answer.status_code, answer.headers["location"]) == (302, f"{gateway.url}/account/password")


async def test_what_browsers_look_for(client: httpx2.AsyncClient) -> None:
    """The icon and robots.txt are there; without a security contact, or a page for the password, 404."""
    icon = await client.get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"], icon.content[:4]) == (200, "image/x-icon", b"\0\0\1\0")
    robots = await client.get("/robots.txt")
    assert (robots.status_code, robots.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "Disallow: /account\n" in robots.text
    assert (await client.get("/.well-known/change-password")).status_code == 404
    assert (await client.get("/.well-known/security.txt")).status_code == 404


async def test_the_security_contact() -> None:
    """With ``SECURITY_CONTACT`` there is a ``security.txt`` with all that RFC 9116 requires."""
    app = Starlette(routes=well_known_routes(PUBLIC_URL, "mailto:security@example.com"))
    answer = await client_of(app).get("/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert lines["Contact"] == "mailto:security@example.com"
    assert lines["Canonical"] == f"{PUBLIC_URL}/.well-known/security.txt"
    left = dt.datetime.fromisoformat(lines["Expires"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=30) < left < dt.timedelta(days=365)


async def test_a_refusal_names_who_is_signed_in(client: httpx2.AsyncClient, gateway: RunningGateway) -> None:
    """On the pages of a 404 and a 400 a signed-in person finds their name and the way out."""
    for path in ("/nowhere", "/%75serposts", "/a%2fb", "/small//"):
        signed_in = await client.get(
            path, headers={"Accept": "text/html", "Authorization": f"Bearer {gateway.sign_token()}"}
        )
        assert signed_in.status_code in {400, 404}
        assert "Ada" in signed_in.text
        assert 'href="/api/auth/signout"' in signed_in.text
        assert "Ada" not in (await client.get(path, headers={"Accept": "text/html"})).text


async def test_an_error_is_a_page_for_a_browser(client: httpx2.AsyncClient) -> None:
    """A browser gets errors as pages, outside the JSON API."""
    page = await client.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"]
    api = await client.get("/api/nowhere", headers={"Accept": "text/html"})
    assert api.json() == {"error": "There is nothing here"}


async def test_a_policy_that_breaks_a_promise_is_not_taken(rules: Path, tmp_path: Path) -> None:
    """With a file of promises, neither a start nor SIGHUP puts a policy in force that breaks one; either says why."""
    promises = tmp_path / "promises.toml"
    promises.write_text('not_routed = ["/renamed"]\n')
    async with running_gateway(rules, gateway_promises=promises) as running, running.client() as client:
        change_rules(rules, "/small", "/renamed")
        with capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            await eventually(lambda: any(line["event"] == "policy_refused" for line in lines))
        assert (await client.get("/small")).status_code == 200
        assert (await client.get("/renamed")).status_code == 404
    broken = f"{promises}, line 1: not_routed /renamed: broken by GET /renamed (anonymous): line "
    (refusal,) = (line for line in lines if line["event"] == "policy_refused")
    assert refusal["reason"].startswith(broken)
    with pytest.raises(SettingsInvalid, match=re.escape(broken)):
        create_app(running.settings, Metrics())


async def test_a_new_policy_on_sighup(client: httpx2.AsyncClient, rules: Path) -> None:
    """SIGHUP puts the changed file in force; a broken one changes nothing."""
    for old, new, status in (("/small", "/renamed", 200), ("access", "acess", 200), ("acess", "access", 200)):
        change_rules(rules, old, new)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        assert (await client.get("/renamed")).status_code == status
