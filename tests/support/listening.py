"""An application that runs in this process, listening on a free port of the loopback, as services call one another."""

import contextlib
import socket
from collections.abc import AsyncIterator

from starlette.applications import Starlette

from shared.fast.service_protocol import choose_protocol
from shared.process.draining import DrainingServer
from shared.process.server import build_config


@contextlib.asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[tuple[str, DrainingServer]]:
    """Give the URL at which an application listens that is running already, and its server, which ends at once."""
    config = build_config(app, "127.0.0.1", 0, choose_protocol())
    config.lifespan = "off"
    config.load()
    server = DrainingServer(config, seconds=0)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            await server.shutdown(sockets=[listener])
