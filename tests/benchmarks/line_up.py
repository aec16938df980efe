"""Who is measured: an upstream alone, and the four that can stand ahead of it, all running at the same time.

All verify the same access tokens, signed as the auth service signs them; only the plain nginx verifies nothing.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Server, pick_ports, running_server
from tests.benchmarks.proxies import prepare_haproxy, prepare_nginx
from tests.benchmarks.upstreams import Keys, Upstream, service_environment, uvicorn_command

UPSTREAM = "upstream alone"
GATEWAY = "Gatepost gateway"
NGINX = "nginx, no check"
AUTH_REQUEST = "nginx auth_request"
HAPROXY = "HAProxy jwt_verify"

# The rule that decides stands last, as it well may in a real policy.
_RULES = """
[upstreams]
service = {{ address = "http://127.0.0.1:{port}", authorization = "token", session_cookies = true }}

[[rule]]
matcher = ["/api/auth/:path*", "/signup"]
access = "public"
upstream = "service"

[[rule]]
matcher = ["/userposts/:path*"]
access = "page"
upstream = "service"

[[rule]]
matcher = ["/account/:path*"]
access = "page"
upstream = "service"

[[rule]]
matcher = ["/api/user/:id"]
methods = ["GET"]
access = "protected"
upstream = "service"
"""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A server that is measured: its port, the processes that are its own, and whether it must refuse by itself."""

    name: str
    port: int
    own_pids: tuple[int, ...]
    is_guard: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """What every entrant is set up for."""

    upstream: Upstream
    keys: Keys
    directory: Path
    logs_requests: bool


@contextlib.contextmanager
def running_line_up(setting: Setting) -> Iterator[list[Entrant]]:
    """Run everything that stands ahead of the upstream, and give all entrants in the order of measurement."""
    upstream = setting.upstream
    with contextlib.ExitStack() as stack:
        ahead = [stack.enter_context(run(setting)) for run in _AHEAD]
        yield [Entrant(UPSTREAM, upstream.port, (), is_guard=upstream.is_guard), *ahead]


@contextlib.contextmanager
def _running_gateway(setting: Setting) -> Iterator[Entrant]:
    port, metrics_port = pick_ports(2)
    service = f"http://127.0.0.1:{setting.upstream.port}"
    rules = setting.directory / "rules.toml"
    rules.write_text(_RULES.format(port=setting.upstream.port), encoding="ascii")
    environment = {
        **service_environment(setting.keys, port, metrics_port, logs_requests=setting.logs_requests),
        "GATEWAY_RULES": str(rules),
        "AUTH_SERVICE_URL": service,
        "POSTS_SERVICE_URL": service,
    }
    command = [sys.executable, "-m", "gateway"]
    with _running(setting, "gateway", port, command, environment) as server:
        yield Entrant(GATEWAY, port, (server.pid,), is_guard=True)


@contextlib.contextmanager
def _running_nginx(setting: Setting) -> Iterator[Entrant]:
    (port,) = pick_ports(1)
    directory = setting.directory / "nginx"
    command = prepare_nginx(directory, port=port, upstream=setting.upstream.port, logs_requests=setting.logs_requests)
    with _running(setting, "nginx", port, command) as server:
        yield Entrant(NGINX, port, (server.pid,), is_guard=setting.upstream.is_guard)


@contextlib.contextmanager
def _running_auth_request(setting: Setting) -> Iterator[Entrant]:
    port, verifier_port, metrics_port = pick_ports(3)
    environment = service_environment(setting.keys, verifier_port, metrics_port)
    verify = uvicorn_command("tests.benchmarks.verifier_app:create_app", verifier_port, "--factory")
    command = prepare_nginx(
        setting.directory / "auth_request",
        port=port,
        upstream=setting.upstream.port,
        verifier=verifier_port,
        logs_requests=setting.logs_requests,
    )
    with (
        _running(setting, "verifier", verifier_port, verify, environment) as verifier,
        _running(setting, "nginx_auth_request", port, command) as server,
    ):
        yield Entrant(AUTH_REQUEST, port, (server.pid, verifier.pid), is_guard=True)


@contextlib.contextmanager
def _running_haproxy(setting: Setting) -> Iterator[Entrant]:
    (port,) = pick_ports(1)
    command = prepare_haproxy(
        setting.directory / "haproxy",
        port=port,
        upstream=setting.upstream.port,
        secret=setting.keys.access,
        logs_requests=setting.logs_requests,
    )
    with _running(setting, "haproxy_jwt_verify", port, command) as server:
        yield Entrant(HAPROXY, port, (server.pid,), is_guard=True)


def _running(
    setting: Setting, name: str, port: int, command: list[str], environment: dict[str, str] | None = None
) -> AbstractContextManager[Server]:
    return running_server(name, command, port=port, directory=setting.directory, environment=environment)


_AHEAD: tuple[Callable[[Setting], AbstractContextManager[Entrant]], ...] = (
    _running_gateway,
    _running_nginx,
    _running_auth_request,
    _running_haproxy,
)
