"""A service, built once from its routes, parts and checks: middleware, errors, health, description and lifespan.

    build_application(settings, metrics, build_routes(), server, parts) -> what uvicorn runs

``server`` identifies callers, starts before the first request and stops after the last; it stops too when its start
fails halfway. ``parts`` is for the service's own endpoints, at ``app.state.parts``. Nothing happens before the lifespan
starts.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.observing.request_context import RequestContextMiddleware
from shared.tokens.published_keys import KeyFollower
from shared.tokens.signed import AccessTokens
from shared.web.clock_header import ClockMiddleware
from shared.web.crashes import FaultMiddleware
from shared.web.deadline import DeadlineMiddleware
from shared.web.error_responses import exception_handlers
from shared.web.health import Check, health_routes
from shared.web.openapi import describe
from shared.web.page_settings import PageSettings
from shared.web.response_headers import ResponseHeadersMiddleware
from shared.web.routes import Resource, resource
from shared.web.unknown_keys import UnknownKeyMiddleware

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class Server(Protocol):
    """What a service runs on."""

    @property
    def access_tokens(self) -> AccessTokens:
        """What verifies access tokens."""
        ...

    @property
    def revocations(self) -> Revocations:
        """The sessions whose tokens are refused before they expire."""
        ...

    @property
    def key_follower(self) -> KeyFollower | None:
        """What reads the published keys; None where there are none to read."""
        ...

    @property
    def checks(self) -> Mapping[str, Check]:
        """Return what ``/readyz`` checks before it reports the service as ready."""
        ...

    @property
    def remarks(self) -> Mapping[str, Check]:
        """Return what ``/readyz`` reports besides."""
        ...

    async def start(self) -> None:
        """Start."""
        ...

    async def stop(self) -> None:
        """Release everything, what never started too."""
        ...


def build_application(
    settings: PageSettings,
    metrics: Metrics,
    routes: Sequence[Resource],
    server: Server,
    parts: object,
    remarks: Mapping[str, Check] | None = None,
) -> Starlette:
    """Return a service with its routes, its health checks, and the description of its part of the API.

    ``remarks`` are its own, in addition to the server's.
    """

    async def show_description(_: Request) -> Response:
        return JSONResponse(describe(routes))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            await server.start()
            yield
        finally:
            await server.stop()

    checks, all_remarks = server.checks, {**server.remarks, **(remarks or {})}
    metrics.readiness.add(checks, all_remarks)
    app = assemble(
        [
            *routes,
            resource("/openapi.json", GET=show_description),
            *health_routes(checks, all_remarks),
        ],
        settings.nextauth_url,
        lifespan,
        before=[Middleware(RequestContextMiddleware, metrics=metrics), Middleware(ClockMiddleware)],
        after=[Middleware(DeadlineMiddleware), *_build_key_middleware(server.key_follower)],
    )
    give_look(app, settings)
    app.state.parts = parts
    app.state.server = server
    app.state.access_tokens = server.access_tokens
    app.state.revocations = server.revocations
    return app


def give_look(app: Starlette, settings: PageSettings) -> None:
    """Let an application's pages be as an operator wants them."""
    app.state.branding, app.state.find_lacks = settings.load_branding(), lambda _scope: settings.lacks


def _build_key_middleware(follower: KeyFollower | None) -> list[Middleware]:
    return [Middleware(UnknownKeyMiddleware, follower=follower)] if follower is not None else []


def assemble(
    routes: Sequence[BaseRoute],
    public_url: str,
    lifespan: Lifespan,
    before: Sequence[Middleware] = (),
    after: Sequence[Middleware] = (),
) -> Starlette:
    """Return an application whose every answer has protective headers, and which handles all errors in one way."""
    app = Starlette(
        routes=routes,
        middleware=[
            *before,
            Middleware(ResponseHeadersMiddleware, public_url=public_url),
            Middleware(FaultMiddleware),
            *after,
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # that would build the new address from the request's Host
    return app
