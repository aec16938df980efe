"""Services in process: their settings, and a client that talks to the application without a socket."""

import atexit
import contextlib
import functools
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
from starlette.applications import Starlette

from auth_service.settings import AuthSettings
from posts_service.settings import PostsSettings
from shared.resource_server import ResourceServer
from shared.settings import SAMPLE_SECRETS
from tests.support.running_stack import MANY_AT_ONE_ADDRESS
from tests.support.signers import SECRET, USUAL, Signer
from tests.support.verifiers import published_of

PUBLIC_URL = "http://localhost:3000"
AUTH_URL = "http://auth.internal"
RUNNING: list[Starlette] = []
"""The applications that run in this process now, of whichever test."""


def auth_settings(database_url: str, **changes: object) -> AuthSettings:
    """Return settings of the auth service for tests."""
    secrets = {name.lower(): value for name, value in SAMPLE_SECRETS.items() if name != "SECRET_KEY"}
    limits = {name.lower(): int(limit) for name, limit in MANY_AT_ONE_ADDRESS.items()}
    usual: dict[str, object] = {"environment": "development", "port": 8001, "metrics_port": 8101, **secrets, **limits}
    usual |= signing_settings()
    return AuthSettings.model_validate({**usual, "auth_database_url": database_url, **changes})


def posts_settings(database_url: str, **changes: object) -> PostsSettings:
    """Return settings of the posts service for tests."""
    secrets = {"service_secret": SAMPLE_SECRETS["SERVICE_SECRET"], **verifying_settings()}
    usual: dict[str, object] = {"environment": "development", "port": 8002, "metrics_port": 8102, **secrets}
    urls = {"posts_database_url": database_url, "auth_service_url": AUTH_URL}
    return PostsSettings.model_validate({**usual, **urls, **changes})


def signing_settings(signer: Signer | None = None) -> dict[str, str]:
    """Return the settings by which the auth service signs as a signer, or as the usual one."""
    by = signer or USUAL.signer
    return {"secret_key": SECRET} if by.key is None else {"token_key_file": str(_write_key_file(by))}


def signing_environment(signer: Signer | None = None) -> dict[str, str]:
    """Return the variables by which a whole stack signs as a signer, or as the usual one; the secret is its own."""
    by = signer or USUAL.signer
    return {} if by.key is None else {"TOKEN_KEY_FILE": str(_write_key_file(by))}


def verifying_settings(signer: Signer | None = None) -> dict[str, str]:
    """Return the settings by which a service verifies what a signer, or the usual one, signs."""
    return {"secret_key": SECRET} if (signer or USUAL.signer).key is None else {}


@functools.cache
def _write_key_file(signer: Signer) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="key-pair-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "key.pem"
    file.touch(0o600)
    file.write_bytes(signer.pem)
    return file


@contextlib.asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[Starlette]:
    """Give the application between its start and its end; it has read the keys that the auth service publishes."""
    if isinstance(app.state.server, ResourceServer):
        app.state.server.following.keys.replace(published_of(USUAL.signer))
    # As a server does at the start: what is asked of it first may come when a test has set up logs in its own way.
    app.middleware_stack = app.build_middleware_stack()
    async with app.router.lifespan_context(app):
        RUNNING.append(app)
        try:
            yield app
        finally:
            RUNNING.remove(app)


def client_of(app: Starlette, base_url: str = PUBLIC_URL) -> httpx2.AsyncClient:
    """Return a client of the application that keeps its cookies and follows no redirect."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base_url)
