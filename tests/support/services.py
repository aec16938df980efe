"""Services in process: their settings, and a client that talks to the application without a socket."""

import contextlib
from collections.abc import AsyncIterator

import httpx2
from starlette.applications import Starlette

from auth_service.settings import AuthSettings
from posts_service.settings import PostsSettings
from shared.settings import SAMPLE_SECRETS
from tests.support.running_stack import MANY_AT_ONE_ADDRESS

PUBLIC_URL = "http://localhost:3000"
AUTH_URL = "http://auth.internal"


def auth_settings(database_url: str, **changes: object) -> AuthSettings:
    """Return settings of the auth service for tests."""
    secrets = {name.lower(): value for name, value in SAMPLE_SECRETS.items()}
    limits = {name.lower(): int(limit) for name, limit in MANY_AT_ONE_ADDRESS.items()}
    usual: dict[str, object] = {"environment": "development", "port": 8001, "metrics_port": 8101, **secrets, **limits}
    return AuthSettings.model_validate({**usual, "auth_database_url": database_url, **changes})


def posts_settings(database_url: str, **changes: object) -> PostsSettings:
    """Return settings of the posts service for tests."""
    secrets = {name.lower(): SAMPLE_SECRETS[name] for name in ("SECRET_KEY", "SERVICE_SECRET")}
    usual: dict[str, object] = {"environment": "development", "port": 8002, "metrics_port": 8102, **secrets}
    urls = {"posts_database_url": database_url, "auth_service_url": AUTH_URL}
    return PostsSettings.model_validate({**usual, **urls, **changes})


@contextlib.asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[Starlette]:
    """Give the application between its start and its end."""
    # As a server does at the start: what is asked of it first may come when a test has set up logs in its own way.
    app.middleware_stack = app.build_middleware_stack()
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: Starlette, base_url: str = PUBLIC_URL) -> httpx2.AsyncClient:
    """Return a client of the application that keeps its cookies and follows no redirect."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base_url)
