"""What stands behind the proxies: a constant answer, and the requests that are sent to it.

Every request carries a valid access token, one of several so that no cache of a single token flatters anyone.
"""

import contextlib
import secrets
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.tokens.key_pairs import IssuerKeys, make_key_pair, read_key_pairs
from shared.tokens.signed import AccessTokens, KeyRing
from tests.benchmarks.constant_app import BODY
from tests.benchmarks.processes import Server, pick_ports, running_server
from tests.benchmarks.wrk import Ask

PUBLIC_URL = "http://localhost:3000"  # the issuer of the tokens and the Host of the requests; nobody listens there
TOKENS = 32
TOKEN_TTL = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one run, made for it; with a key pair, in PEM, that signs access tokens in the place of one."""

    access: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    service: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    pair: str | None = field(default=None, repr=False)

    @classmethod
    def make(cls, *, with_pair: bool) -> Self:
        """Return fresh keys, with a P-256 pair or without."""
        return cls(pair=make_key_pair() if with_pair else None)

    @property
    def issuer_keys(self) -> IssuerKeys:
        """The keys of the auth service."""
        if self.pair is None:
            return IssuerKeys(KeyRing(self.access))
        return IssuerKeys(KeyRing(None), read_key_pairs(self.pair.encode()))


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running upstream, what it is asked, and whether it refuses a request without a token by itself."""

    name: str
    port: int
    pids: tuple[int, ...]
    asks: tuple[Ask, ...]
    is_guard: bool


def sign_tokens(keys: Keys, *, age: int = 0) -> list[str]:
    """Return an access token for each of some users, signed ``age`` seconds ago."""
    tokens = AccessTokens(keys.issuer_keys, PUBLIC_URL, TOKEN_TTL)
    now = int(time.time()) - age
    return [
        tokens.sign(
            user_id=user_id,
            name=f"User {user_id}",
            email=f"user{user_id}@example.com",
            session_id=str(uuid.uuid4()),
            now=now,
        )
        for user_id in range(1, TOKENS + 1)
    ]


def request_headers(token: str) -> dict[str, str]:
    """Return the headers of a request with that access token."""
    return {"Host": PUBLIC_URL.removeprefix("http://"), "Authorization": f"Bearer {token}"}


def service_environment(keys: Keys, port: int, metrics_port: int, *, logs_requests: bool = False) -> dict[str, str]:
    """Return the settings that all services of ours share: quiet as the other servers are, or logging as they start."""
    return {
        **({} if logs_requests else {"LOG_LEVEL": "WARNING", "LOG_FORMAT": "json"}),
        "ENVIRONMENT": "production",
        "NEXTAUTH_URL": PUBLIC_URL,
        **({"SECRET_KEY": keys.access} if keys.pair is None else {}),
        "NEXTAUTH_SECRET": keys.session,
        "SERVICE_SECRET": keys.service,
        "ACCESS_TOKEN_TTL": str(TOKEN_TTL),
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
    }


def uvicorn_command(app: str, port: int, *options: str) -> list[str]:
    """Return the command that serves an ASGI app in uvicorn's fastest way."""
    fastest = ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--ws", "none", "--no-access-log"]
    quiet = ["--no-proxy-headers", "--no-server-header", "--log-level", "warning"]
    return [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *fastest,
        *quiet,
        *options,
    ]


@contextlib.contextmanager
def running_constant(keys: Keys, directory: Path) -> Iterator[Upstream]:
    """Run the constant app, and give what it is asked."""
    with running_constant_server(directory) as server:
        asks = tuple(Ask("/api/user/2", request_headers(token), BODY) for token in sign_tokens(keys))
        yield Upstream("a constant body", server.port, (server.pid,), asks, is_guard=False)


@contextlib.contextmanager
def running_constant_server(directory: Path) -> Iterator[Server]:
    """Run the constant app."""
    (port,) = pick_ports(1)
    command = uvicorn_command("tests.benchmarks.constant_app:app", port)
    with running_server("constant", command, port=port, directory=directory) as server:
        yield server
