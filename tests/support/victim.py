"""An upstream as many frameworks make it, which trusts whatever stands ahead of it: the target of attacks.

It authenticates nobody. Each of its protected handlers counts its entries and answers a marker of this run alone,
so an attack has succeeded when the marker is in an answer or the count has moved, whatever the status says.
A path is read as Starlette reads it, and if that leads to nothing protected, as generously as any server does. And it
believes every header that some framework or proxy believes: another path,
another method, who the user is; a name's ``_`` is a ``-``, as in WSGI and CGI.
"""

import contextlib
import re
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.process.server import build_config
from tests.support.generous_reading import read_generously

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PROTECTED = [
    ("/userposts", METHODS),
    ("/userposts/{rest:path}", METHODS),
    ("/api/user/{id}", ["GET"]),
    ("/api/me", ["GET"]),
    ("/api/posts", ["POST"]),
    ("/api/posts/{id}", ["PATCH", "DELETE"]),
]
_PROTECTED_ROUTES = [Route(path, PlainTextResponse) for path, _ in PROTECTED]
PUBLIC_TEXT = "for everyone"

OTHER_PATH = {"x-original-url", "x-original-uri", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path"}
OTHER_METHOD = {"x-http-method-override", "x-http-method", "x-method-override", "x-forwarded-method"}
SESSION_COOKIE = "next-auth.session-token"
INTRUDER = "intruder"
"""The name, address and host that every header is believed to prove something about."""

NAIVE_GUARD = re.compile(
    r"(GET|HEAD) /api/(user/[^/]+|me)$|(POST /api/posts|(PATCH|DELETE) /api/posts/[^/]+)$|\w+ /userposts(/.*)?$"
)


@dataclass(slots=True)
class Victim:
    """The upstream; ``entries`` are the requests that entered a protected handler, by their ``X-Case``."""

    marker: str = field(default_factory=lambda: f"marker-{secrets.token_hex(12)}")
    entries: list[str] = field(default_factory=list)
    decoded: list[tuple[str, bytes]] = field(default_factory=list)
    """Path and query of what entered."""
    crashes: list[tuple[str, bytes]] = field(default_factory=list)
    """Which attacks were answered by a status of kind 5xx, and how that answer begins."""
    port: int = 0
    believes_authorization: bool = True
    """Whether it takes whoever sends an ``Authorization`` for somebody; else it checks that itself."""
    believes_session: bool = False
    """Whether it takes whoever sends NextAuth's session cookie for somebody, as a Next.js server that can open it."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def build(self) -> ASGIApp:
        """Return the application."""
        routes = [Route(path, self.answer_protected, methods=methods) for path, methods in PROTECTED]
        routes.append(Route("/{rest:path}", self.answer_public, methods=[*METHODS, "OPTIONS"]))
        return self.believing(Starlette(routes=routes))

    async def answer_protected(self, request: Request) -> Response:
        """Answer the marker."""
        await request.body()
        self.entries.append(request.headers.get("x-case", f"{request.method} {request.url.path}"))
        self.decoded.append((request.scope["path"], request.scope["query_string"]))
        return PlainTextResponse(self.marker)

    async def answer_public(self, request: Request) -> Response:
        """Answer what everyone may read, unless a header claims to come from somebody who may read more."""
        await request.body()
        checked = {"cookie"} if self.believes_authorization else {"cookie", "authorization"}
        believed = any(INTRUDER in value for name, value in request.headers.items() if name not in checked)
        believed |= self.believes_authorization and "authorization" in request.headers
        believed |= self.believes_session and has_session(request.headers.getlist("cookie"))
        if believed or "x-forwarded-for" not in request.headers:
            return await self.answer_protected(request)
        return PlainTextResponse(PUBLIC_TEXT)

    def believing(self, app: ASGIApp) -> ASGIApp:
        """Return the application behind a layer that believes headers about the path and the method."""

        async def believe(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and not is_protected(scope["path"]):
                generous = read_generously(scope["raw_path"])
                scope["path"] = generous if is_protected(generous) else scope["path"]
            for name, value in scope["headers"] if scope["type"] == "http" else ():
                meant = name.decode("latin-1").lower().replace("_", "-")
                if meant in OTHER_PATH:
                    scope["path"] = value.decode("latin-1")
                elif meant in OTHER_METHOD:
                    scope["method"] = value.decode("latin-1")
            await app(scope, receive, send)

        return believe


def has_session(cookies: list[str]) -> bool:
    """Tell whether there is NextAuth's session cookie, or a chunk of it, by the most generous reading."""
    names = [pair.partition("=")[0].strip() for value in cookies for pair in value.split(";")]
    return any(re.fullmatch(rf"{SESSION_COOKIE}(\.\d+)?", name) for name in names)


def is_protected(path: str) -> bool:
    """Tell whether some method of this path, decoded, is protected."""
    return any(route.path_regex.match(path) for route in _PROTECTED_ROUTES)


def guard_naively(app: ASGIApp) -> ASGIApp:
    """Return the application behind a guard as it is often written: a regular expression on the raw path.

    It drops what ``Connection`` names after it has set ``X-Forwarded-For`` itself, as many proxies did.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if NAIVE_GUARD.match(f"{scope['method']} {scope['raw_path'].decode('latin-1')}"):
                await PlainTextResponse("no", 401)(scope, receive, send)
                return
            headers = [(b"x-forwarded-for", b"127.0.0.1"), *scope["headers"]]
            named = {
                value.strip().lower() for name, value in headers if name == b"connection" for value in value.split(b",")
            }
            credentials = {b"authorization", b"cookie"}
            scope["headers"] = [header for header in headers if header[0] not in named | credentials]
        await app(scope, receive, send)

    return guard


@contextlib.asynccontextmanager
async def running_app(app: ASGIApp) -> AsyncIterator[int]:
    """Give the port of an application that is served over HTTP."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # said, or asyncio waits for the peer between two writes
    listener.bind(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    config = build_config(app, "127.0.0.1", port)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield port
    finally:
        await server.shutdown(sockets=[listener])
