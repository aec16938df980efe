"""The gateway for its service tests: in this process, with its real server and protocol, on a free loopback port."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx2
import pytest
from pydantic import SecretStr

from gateway.app import GatewayApp, accept, create_app
from gateway.callers.credentials import Credentials
from gateway.settings import GatewaySettings
from gateway.wire.limits import ClientLimits, Limits
from shared.auth_events import follower
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.process.draining import DrainingServer
from shared.process.server import build_config
from tests.support.key_publisher import running_key_publisher
from tests.support.signers import USUAL, Signer
from tests.support.verifiers import keys_of

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing here is https, and reading them takes long
NO_AUTH_SERVICE = "http://127.0.0.1:9"
SERVICE_SECRET = "a-service-key-for-the-gateways-tests-3"
SESSION_ID = "0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A listening gateway, and what its tests need to talk to it."""

    port: int
    settings: GatewaySettings
    credentials: Credentials
    metrics: Metrics
    server: DrainingServer

    @property
    def url(self) -> str:
        """Its public URL."""
        return self.settings.nextauth_url

    @property
    def host(self) -> str:
        """The value of Host that a browser sends."""
        return f"localhost:{self.port}"

    def sign_token(self, user_id: int = 7) -> str:
        """Return a valid access token."""
        now = int(time.time())
        return self.credentials.tokens.sign(
            user_id=user_id, name="Ada", email="ada@example.com", session_id=SESSION_ID, now=now
        )

    def seal_session(self, token: str | None = None) -> str:
        """Return the ``Cookie`` header of a browser that signed in."""
        claims = {"sub": "7", "accessToken": token or self.sign_token()}
        return f"{self.credentials.cookie_names.session}={self.credentials.sealer.seal(claims, int(time.time()))}"

    def client(self) -> httpx2.AsyncClient:
        """Return a client that follows no redirect."""
        return httpx2.AsyncClient(base_url=self.url, timeout=10, verify=NO_AUTHORITIES)

    async def send_raw(self, data: bytes) -> bytes:
        """Send bytes on a connection of their own and return the whole answer until it closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    async def send_head(self, lines: str, body: bytes = b"") -> bytes:
        """Send a request with the given lines, and Host and Connection, and return the answer."""
        head = f"{lines}\r\nHost: {self.host}\r\nConnection: close\r\n\r\n"
        return await self.send_raw(head.encode("latin-1") + body)


@contextlib.asynccontextmanager
async def running_gateway(
    rules: Path,
    *,
    limits: Limits | None = None,
    client_limits: ClientLimits | None = None,
    environment: Literal["development", "production"] = "development",
    auth_service_url: str = NO_AUTH_SERVICE,
    by: Signer | None = None,
    sites: Sequence[str] = (),
    **changes: Path | None,
) -> AsyncIterator[RunningGateway]:
    """Give a gateway with the policy of a file, which takes the access tokens of a signer, or of the usual one.

    ``sites`` are names of hosts with one sign-in, which is at the first of them; else there is localhost alone.
    ``changes`` are further settings. Without an auth service, a signer's public key is published by one that does
    nothing else.
    """
    signer = by or USUAL.signer
    async with contextlib.AsyncExitStack() as stack:
        if signer.key is not None and auth_service_url == NO_AUTH_SERVICE:
            auth_service_url = (await stack.enter_async_context(running_key_publisher(signer))).url
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as uvloop sets it, which tests do without
        settings = _settings(listener.getsockname()[1], rules, environment, auth_service_url, signer)
        settings = settings.model_copy(update={**_name_sites(settings.port, sites), **changes})
        metrics = Metrics()
        app = create_app(settings, metrics, limits or Limits(), client_limits)
        with _waiting_for_nobody() if auth_service_url == NO_AUTH_SERVICE else contextlib.nullcontext():
            server = await _serve(app, listener)
        stack.push_async_callback(server.shutdown, [listener])
        credentials = Credentials.of(settings, Revocations(), keys_of(signer) if signer.key is not None else None)
        yield RunningGateway(settings.port, settings, credentials, metrics, server)


def _settings(
    port: int, rules: Path, environment: Literal["development", "production"], auth_service_url: str, signer: Signer
) -> GatewaySettings:
    return GatewaySettings(
        environment=environment,
        port=port,
        nextauth_url=f"http://localhost:{port}",
        secret_key=None if signer.key is not None else SecretStr("a-secret-key-for-the-gateways-tests-1"),
        nextauth_secret=SecretStr("a-cookie-key-for-the-gateways-tests-2"),
        service_secret=SecretStr(SERVICE_SECRET),
        auth_service_url=auth_service_url,
        gateway_rules=rules,
    )


def _name_sites(port: int, names: Sequence[str]) -> dict[str, object]:
    if not names:
        return {}
    first, *others = (f"{name}:{port}" for name in names)
    domain = names[0].partition(".")[2]
    return {"nextauth_url": f"http://{first}", "cookie_domain": domain, "gateway_hosts": tuple(others)}


@contextlib.contextmanager
def _waiting_for_nobody() -> Iterator[None]:
    """Let a gateway start at once, without hoping for an auth service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follower, "START_TIMEOUT", 0.0)
        yield


async def _serve(app: GatewayApp, listener: socket.socket) -> DrainingServer:
    config = build_config(app, "127.0.0.1", listener.getsockname()[1], accept)
    config.load()
    server = DrainingServer(config, seconds=60)
    server.lifespan = config.lifespan_class(config)  # as serve() does, which would take over the signals of the tests
    await server.startup(sockets=[listener])
    await server.on_tick(0)  # sets the date
    return server


def reset(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, as a client that is gone for good does."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def status_of(answer: bytes) -> int:
    """Return the status of a raw answer."""
    return int(answer.split(b" ", 2)[1])


def json_of(answer: bytes) -> dict[str, object]:
    """Return the JSON object of a raw answer that is not chunked."""
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def change_rules(path: Path, old: str, new: str) -> None:
    """Change a policy file, wherever it says ``old``."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
