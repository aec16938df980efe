"""How a service is run: settings, logs, metrics port, uvicorn. The one place with uvicorn's settings."""

import asyncio
import gc
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from prometheus_client import start_http_server
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.command_line.exit_statuses import ExitStatus
from shared.fast.service_protocol import choose_protocol
from shared.observing.logs import guard_standard_error, set_up_logs
from shared.observing.metrics import Metrics
from shared.process.draining import DrainingServer
from shared.process.hang_watch import HangWatch
from shared.process.held_port import HeldPort, HeldPortSettings
from shared.process.loop_lag import LoopLag
from shared.process.memory_limit import find_memory_limit
from shared.process.unix_socket import bind_unix_socket
from shared.settings import Settings, SettingsInvalid, SettingsType, UpstreamSettings, load_settings
from shared.timing import GRACE, KEEP_ALIVE

Protocol = Callable[..., asyncio.Protocol]
"""Makes the protocol of one client's connection, as uvicorn calls it."""


EVERYWHERE, EVERYWHERE_BY_IPV4 = "::", "0.0.0.0"  # noqa: S104 - only where HOST says so
NEW_OBJECTS = 5_000  # after which the youngest generation is collected


class ServiceServer(DrainingServer):
    """The server of a service, which may listen on a Unix socket too, and with ``::`` listens by IPv4 as well.

    With a ``port_holder`` it also serves what connects there, and stops to accept it as soon as it is told to end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        drain_seconds: float,
        unix_socket: socket.socket | None,
        lag: LoopLag,
        port_holder: Path | None = None,
    ) -> None:
        super().__init__(config, drain_seconds)
        self._unix_socket = unix_socket
        self._lag = lag
        self._held_port = HeldPort(port_holder, self._accept_at) if port_holder is not None else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        loop, config = asyncio.get_running_loop(), self.config
        backlog = config.backlog
        if self._unix_socket is not None:
            listening = await loop.create_unix_server(self._create_protocol, sock=self._unix_socket, backlog=backlog)
            self.servers.append(listening)
        if config.host == EVERYWHERE:  # of which event loops make IPv6 alone
            by_ipv4 = await loop.create_server(self._create_protocol, EVERYWHERE_BY_IPV4, config.port, backlog=backlog)
            self.servers.append(by_ipv4)
        if self._held_port is not None:
            self._held_port.start()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until told to stop, or until the event loop hangs."""
        with HangWatch().watching():
            await super().serve(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to shut down, and leave the held port: called every tenth of a second."""
        self._lag.note_tick()
        if self._held_port is not None and self.is_draining:
            await self._held_port.let_go()
        return await super().on_tick(counter)

    async def _accept_at(self, listening: socket.socket) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._create_protocol, sock=listening, backlog=self.config.backlog)

    def _create_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def serve(
    service: str,
    settings_type: type[SettingsType],
    create_app: Callable[[SettingsType, Metrics], ASGIApp],
    protocol: Protocol | None = None,
) -> None:
    """Run a service until it is told to stop. With bad settings, exit with code 2 and one line that names them."""
    writer = guard_standard_error()
    try:
        settings = load_settings(settings_type)
        set_up_logs(service, settings.log_level, settings.log_format, writer)
        metrics = Metrics(lambda: writer.dropped)
        app = create_app(settings, metrics)
    except SettingsInvalid as error:
        sys.exit(_explain(service, error))
    try:
        start_http_server(settings.metrics_port, settings.host, metrics.registry)
    except OSError as error:
        sys.exit(_explain(service, f"METRICS_PORT {settings.metrics_port} can't be listened on: {error.strerror}"))
    config = build_config(app, settings.host, settings.port, protocol or choose_protocol())
    holder = settings.port_holder_socket if isinstance(settings, HeldPortSettings) else None
    lag = LoopLag(metrics.register_loop_lag().observe)
    server = ServiceServer(config, settings.drain_seconds, _bind_unix_socket(service, settings), lag, holder)
    _watch_process(metrics, server)
    _spare_the_collector()
    _allow_all_files()
    server.run()


def build_config(app: ASGIApp, host: str, port: int, protocol: Protocol = HttpToolsProtocol) -> uvicorn.Config:
    """Return uvicorn's settings: one parser everywhere, no trust in headers, a deadline for every wait."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=protocol,  # type: ignore[arg-type] # it is only called
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=int(KEEP_ALIVE),
        timeout_graceful_shutdown=int(GRACE),
    )


def _watch_process(metrics: Metrics, server: DrainingServer) -> None:
    metrics.watch("gatepost_tasks", "Requests that are worked at", lambda: len(server.server_state.tasks))
    metrics.watch("gatepost_connections", "Connections of clients", lambda: len(server.server_state.connections))
    metrics.readiness.add({"process": lambda: "ending" if server.is_draining else None}, {})
    limit = find_memory_limit()
    if limit is not None:
        metrics.watch("gatepost_memory_limit_bytes", "The memory that the process may use", lambda: limit)


def _bind_unix_socket(service: str, settings: Settings) -> socket.socket | None:
    if not isinstance(settings, UpstreamSettings) or settings.unix_socket is None:
        return None
    try:
        return bind_unix_socket(settings.unix_socket)
    except OSError as error:
        reason = error.strerror or error
        sys.exit(_explain(service, f"UNIX_SOCKET {settings.unix_socket} can't be listened at: {reason}"))


def _spare_the_collector() -> None:
    """Keep what exists at the start out of every collection: it stays, and scanning it again is costly."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def _allow_all_files() -> None:
    """Let this process open as many files, connections among them, as it may: the usual limit is for select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _explain(service: str, reason: object) -> int:
    print(f"{service} does not start: {reason}", file=sys.stderr)  # noqa: T201 - before logs are of use
    return ExitStatus.WRONG
