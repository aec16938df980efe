"""The headers that keep an answer of ours from being misused in a browser."""

import re

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from shared.web.response_headers import ResponseHeadersMiddleware
from shared.web.routes import resource
from tests.support.services import client_of


async def show_page(_: Request) -> Response:
    """Return a page."""
    return HTMLResponse("<p>")


async def show_json(_: Request) -> Response:
    """Return JSON."""
    return JSONResponse([])


async def show_asset(_: Request) -> Response:
    """Return something that may be cached."""
    return Response(b"", media_type="text/css", headers={"cache-control": "max-age=60"})


async def get(path: str, public_url: str = "http://localhost:3000") -> httpx2.Response:
    """Return an application's answer to a GET at that public URL."""
    endpoints = {"/page": show_page, "/json": show_json, "/asset": show_asset}
    app = Starlette(
        routes=[resource(name, GET=endpoint) for name, endpoint in endpoints.items()],
        middleware=[Middleware(ResponseHeadersMiddleware, public_url=public_url)],
    )
    return await client_of(app).get(path)


@pytest.mark.parametrize("path", ["/page", "/json", "/asset", "/nothing"])
async def test_every_answer(path: str) -> None:
    """Every answer forbids sniffing its type and says what a browser may do with it."""
    headers = (await get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


async def test_page_policy() -> None:
    """A page may use its own stylesheet, images and forms, and one script, named by its hash."""
    policy = {part.strip() for part in (await get("/page")).headers["content-security-policy"].split(";")}

    (script,) = [part for part in policy if part.startswith("script-src")]
    assert re.fullmatch(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", script)
    assert policy - {script} == {
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'"),
    }


async def test_json_policy() -> None:
    """JSON that is opened in a browser may do nothing."""
    policy = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert (await get("/json")).headers["content-security-policy"] == policy


async def test_nothing_is_kept_unless_said() -> None:
    """No answer is cached, unless it says so itself."""
    assert (await get("/json")).headers["cache-control"] == "no-store"
    assert (await get("/asset")).headers["cache-control"] == "max-age=60"


async def test_https_stays_https() -> None:
    """Under https browsers are told to stay there, under http not."""
    assert (await get("/json", "https://example.com")).headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await get("/json")).headers
