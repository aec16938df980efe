"""The posts service, built on one screen: its parts, routes, middleware and life.

create_app(settings, metrics) -> a Starlette application; nothing happens before its lifespan starts.
How reads share queries is no setting; a measurement passes another ``Sharing``.
"""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posts_service.parts import Parts
from posts_service.settings import PostsSettings
from posts_service.web import api, forms, pages
from shared.fast.coalesced_reads import SHARED, Sharing
from shared.observing.metrics import Metrics
from shared.observing.request_context import RequestContextMiddleware
from shared.web.crashes import FaultMiddleware
from shared.web.deadline import DeadlineMiddleware
from shared.web.error_responses import exception_handlers
from shared.web.health import health_routes
from shared.web.openapi import describe
from shared.web.response_headers import ResponseHeadersMiddleware
from shared.web.routes import Resource, resource


def create_app(settings: PostsSettings, metrics: Metrics, sharing: Sharing = SHARED) -> Starlette:
    """Return the posts service."""
    parts = Parts.build(settings, metrics, sharing)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await parts.start()
        yield
        await parts.stop()

    app = Starlette(
        routes=[*build_routes(), *health_routes({"database": parts.database.find_lack}, parts.remarks)],
        middleware=[
            Middleware(RequestContextMiddleware, metrics=metrics),
            Middleware(ResponseHeadersMiddleware, public_url=settings.nextauth_url),
            Middleware(FaultMiddleware),
            Middleware(DeadlineMiddleware),
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would build the new address from the request's Host
    app.state.parts = parts
    app.state.access_tokens = parts.access_tokens
    app.state.revocations = parts.revocations
    return app


def build_routes() -> list[Resource]:
    """Return all that is answered, in reading order."""
    return [
        resource("/api/user/{id}", GET=api.list_posts_of_user),
        resource("/api/posts", GET=api.list_feed, POST=api.create_post),
        resource("/api/posts/{id}", GET=api.show_post, PATCH=api.change_post, DELETE=api.delete_post),
        resource("/", GET=pages.show_feed),
        resource("/posts/{id}", GET=pages.show_post),
        resource("/authors/{id}", GET=pages.show_author),
        resource("/userposts", GET=pages.show_own_posts),
        resource("/userposts/new", GET=forms.show_new, POST=forms.create),
        resource("/userposts/{id}", GET=forms.show_edit, POST=forms.change),
        resource("/userposts/{id}/publish", POST=forms.publish),
        resource("/userposts/{id}/delete", POST=forms.delete),
        resource("/openapi.json", GET=show_description),
    ]


async def show_description(_: Request) -> Response:
    """Answer the OpenAPI description of this service's part of the API."""
    return JSONResponse(describe(build_routes()))
