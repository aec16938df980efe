"""The posts service on one screen: what it holds, how it starts and stops, what it answers."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from posts_service import endpoints, pages
from posts_service.author_lookup import AuthorLookup
from posts_service.journal import Journal
from posts_service.settings import PostsSettings
from shared.database import Database
from shared.errors import exception_handlers
from shared.form_tokens import FormTokens
from shared.health import health_routes
from shared.metrics import Metrics
from shared.openapi import describe
from shared.request_context import RequestContextMiddleware
from shared.response_headers import ResponseHeadersMiddleware
from shared.routes import resource
from shared.service_calls import ServiceClient
from shared.tokens import AccessTokens, KeyRing, ServiceTokens

MIGRATIONS = Path(__file__).parent / "migrations"


def create_app(settings: PostsSettings, metrics: Metrics) -> Starlette:
    """Return the posts service; it connects to its database when it starts."""
    database = Database(settings.posts_database_url.get_secret_value(), MIGRATIONS, "posts_service")
    auth_service = ServiceClient(
        settings.auth_service_url,
        caller="posts_service",
        callee="auth_service",
        tokens=ServiceTokens(KeyRing(settings.service_secret.get_secret_value())),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await database.start()
        yield
        await auth_service.close()
        await database.stop()

    app = Starlette(
        routes=list_routes(database),
        lifespan=lifespan,
        exception_handlers=exception_handlers(),
        middleware=[
            Middleware(RequestContextMiddleware, metrics=metrics),
            Middleware(ResponseHeadersMiddleware, public_url=settings.nextauth_url),
        ],
    )
    app.router.redirect_slashes = False
    app.state.access_tokens = AccessTokens(_read_keys(settings), settings.nextauth_url, settings.access_token_ttl)
    app.state.form_tokens = FormTokens(settings.secret_key.get_secret_value())
    app.state.journal = Journal(database, AuthorLookup(auth_service, database))
    app.state.public_url = settings.nextauth_url
    return app


def list_routes(database: Database) -> list[BaseRoute]:
    """Return what the service answers."""
    routes: list[BaseRoute] = [
        resource("/api/user/{id}", GET=endpoints.list_user_posts),
        resource("/api/posts", GET=endpoints.list_posts, POST=endpoints.create_post),
        resource("/api/posts/{id}", GET=endpoints.read_post, PATCH=endpoints.change_post, DELETE=endpoints.remove_post),
        resource("/", GET=pages.show_feed),
        resource("/posts/{id}", GET=pages.show_post),
        resource("/userposts", GET=pages.show_own_posts),
        resource("/userposts/new", GET=pages.show_new_form, POST=pages.create_from_form),
        resource("/userposts/{id}", GET=pages.show_edit_form, POST=pages.save_from_form),
        resource("/userposts/{id}/delete", POST=pages.remove_from_form),
        *health_routes({"database": database.find_lack}),
    ]
    description = describe(routes)

    async def show_description(_: Request) -> Response:
        return JSONResponse(description)

    return [*routes, resource("/openapi.json", GET=show_description)]


def _read_keys(settings: PostsSettings) -> KeyRing:
    previous = [secret.get_secret_value() for secret in settings.secret_key_previous]
    return KeyRing(settings.secret_key.get_secret_value(), previous)
