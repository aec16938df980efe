"""``python -m shared.process.port_holder SOCKET PORT``: listens at a port for gateways that come and go.

A container's published port belongs to that container, so two gateways, the old one and the new, can't both have it.
This process has it instead, in a container that stays when the others are replaced. It accepts no connection: whoever
connects to its Unix socket gets the listening socket itself (SCM_RIGHTS, unix(7)), and accepts for itself. So nothing
stands between a client and the gateway, and what connects while one gateway goes and another comes waits in the
kernel's queue.

The protocol, which stays as it is since the two may be of different releases: on connecting, one byte that carries one
descriptor. The connection then stays open for as long as the gateway accepts. Who hangs up at once was no gateway but a
probe, such as a container's health check.

Where no gateway has accepted for ``ALONE_FOR`` seconds, all that wait, and all that come, are answered 503 here, each
with a request id of its own. The log says when that begins and ends, not for whom.
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
import signal
import socket
import sys
from pathlib import Path

from shared.process.unix_socket import bind_unix_socket

BACKLOG = 2048
ALONE_FOR = 5.0  # seconds
PROBED_FOR = 0.1  # seconds, at most, until a probe hangs up
READ_WITHIN = 1.0  # seconds, for the head of a request that is answered here
LONGEST_HEAD = 65_536  # bytes
BODY = b'{"error": "The service is not available right now. Try again", "retryAfter": 1}'
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"cache-control: no-store\r\ncontent-length: %d\r\nx-request-id: %%s\r\n\r\n%s" % (len(BODY), BODY)
)


class PortHolder:
    """One listening socket, and the gateways that have it."""

    def __init__(self, listening: socket.socket, alone_for: float) -> None:
        """Take a socket that listens; after ``alone_for`` seconds without a gateway, clients are answered here."""
        self._listening = listening
        self._alone_for = alone_for
        self._gateways: set[asyncio.StreamWriter] = set()
        self._alone: asyncio.TimerHandle | None = None
        self._answering: asyncio.Server | None = None

    async def start(self, handing: socket.socket) -> None:
        """Hand the listening socket out to whoever connects to ``handing``, for as long as the event loop runs."""
        self._wait_alone()
        await asyncio.start_unix_server(self._hand_out, sock=handing)

    async def _hand_out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand the socket out, and note the gateway until it hangs up."""
        gateway = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            with gateway.dup() as copy:  # asyncio's own view of a socket sends no descriptors
                socket.send_fds(copy, [b"."], [self._listening.fileno()])
            if not await _hangs_up(reader):
                self._gateways.add(writer)
                self._stop_answering()
                await reader.read()
        writer.close()
        if writer in self._gateways:
            self._gateways.remove(writer)
            self._wait_alone()

    def _wait_alone(self) -> None:
        """Answer clients here if no gateway comes in time."""
        loop = asyncio.get_running_loop()
        if self._alone is None and not self._gateways:
            self._alone = loop.call_later(self._alone_for, lambda: loop.create_task(self._answer_clients()))

    async def _answer_clients(self) -> None:
        alone = self._alone
        answering = await asyncio.start_server(_refuse, sock=self._listening.dup(), backlog=BACKLOG)
        if self._alone is not alone:  # a gateway has come meanwhile
            answering.close()
            return
        self._answering = answering
        _log("warning", "no_gateway", error=f"no gateway has accepted for {self._alone_for:g} s: all get 503 here")

    def _stop_answering(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if self._answering is not None:
            self._answering.close()
            self._answering = None
            _log("info", "gateway_is_back")


async def _hangs_up(reader: asyncio.StreamReader) -> bool:
    """Tell whether who connected is gone again after a moment."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PROBED_FOR):
            return await reader.read(1) == b""
    return False


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client 503, once its request's head is there: what is closed unread takes the answer with it."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(READ_WITHIN):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(UNAVAILABLE % os.urandom(16).hex().encode())
        writer.write_eof()
        async with asyncio.timeout(READ_WITHIN):
            await reader.read(LONGEST_HEAD)
    writer.close()


def _log(level: str, event: str, **facts: str) -> None:
    """Write a line like those of the services, whose logging would be most of this process's memory."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(json.dumps({"event": event, "level": level, "timestamp": now, **facts}) + "\n")
    sys.stdout.flush()


async def hold(path: Path, port: int, alone_for: float = ALONE_FOR) -> None:
    """Hold the port until SIGTERM or SIGINT; for ``alone_for`` see PortHolder."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):  # the first process of a container has no default for them
        loop.add_signal_handler(number, stopped.set)
    listening = socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104 - what is published decides
    listening.setblocking(False)
    with listening, bind_unix_socket(path) as handing:
        await PortHolder(listening, alone_for).start(handing)
        await stopped.wait()


def main() -> None:
    """Run it; exit code 1 with one sentence where the port or the socket can't be had."""
    path, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        asyncio.run(hold(path, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        sys.exit(f"port_holder does not start: {path}, port {port}: {reason}")


if __name__ == "__main__":
    main()
