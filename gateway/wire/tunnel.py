"""A WebSocket on its way: bytes relayed both ways as they are, until one side ends or may no longer go on.

- The upstream is asked on a connection of its own, which counts among those of WebSockets and is never used again.
- Neither side is read faster than the other takes.
- It ends when either side does, when neither says anything for ``Limits.tunnel_silence`` seconds, and within a second
  when what opened it has ended: the access token's life, or its session. The client then opens another, and is asked
  again who it is.
"""

import asyncio
from collections.abc import Callable

import structlog
from starlette.types import Receive, Send

from gateway.wire.answer_reader import SWITCHING_PROTOCOLS, ResponseHead
from gateway.wire.headers import RawHeader, answer_headers
from gateway.wire.limits import Use
from gateway.wire.pool import UpstreamPool
from gateway.wire.proxy import CLIENT_GONE, ClientGone, OutgoingRequest, forward
from gateway.wire.upstream_connection import AnswerMissing, UpstreamConnection
from gateway.wire.websocket import UPGRADE_HEADERS, is_accepted
from shared.errors import UpstreamFailed

LOOK_EVERY = 1.0  # seconds

log = structlog.get_logger("tunnel")


async def open_tunnel(
    request: OutgoingRequest,
    key: bytes,
    pool: UpstreamPool,
    receive: Receive,
    send: Send,
    may_go_on: Callable[[], bool],
) -> None:
    """Relay a WebSocket to its end, or the upstream's refusal to open it; AppError while nothing was answered.

    ``request`` carries the handshake, ``key`` is its key; ``may_go_on`` says whether the caller still may.
    """
    connection = await pool.acquire(Use.TUNNEL, fresh=True)
    is_ours = True
    try:
        connection.begin(request.head, is_head_request=False, is_upgrade=True)
        connection.finish_request()
        head, early = await _read_head(connection, receive)
        if head.status != SWITCHING_PROTOCOLS:
            is_ours = False
            await forward(request, pool, receive, send, connection)
            return
        if not is_accepted(key, head.headers):
            raise UpstreamFailed
        await send({"type": "http.response.start", "status": head.status, "headers": _answer(head.headers)})
        await _relay(connection, early, receive, send, may_go_on)
    except ClientGone:
        await send({"type": "http.response.start", "status": CLIENT_GONE, "headers": []})
    except AnswerMissing as missing:
        raise UpstreamFailed from missing
    finally:
        if is_ours:
            connection.close()
            pool.release(connection)


async def _read_head(connection: UpstreamConnection, receive: Receive) -> tuple[ResponseHead, bytes]:
    """Return the head of the answer, and what the client sent before it; raises ClientGone when the client left."""
    early = asyncio.create_task(_await_client(connection, receive))
    try:
        head = await connection.read_head()
        return head, early.result() if early.done() else b""
    finally:
        early.cancel()


async def _await_client(connection: UpstreamConnection, receive: Receive) -> bytes:
    """Return the first bytes that a client sends before its tunnel is open; end the exchange when it goes away."""
    while (message := await receive())["type"] != "http.disconnect":
        if early := message["body"]:
            return bytes(early)
    connection.fail(ClientGone())
    return b""


def _answer(headers: list[RawHeader]) -> list[RawHeader]:
    passing = answer_headers(SWITCHING_PROTOCOLS, headers, is_private=False)
    return [*(header for header in passing if header[0] != b"content-length"), *UPGRADE_HEADERS]


async def _relay(
    connection: UpstreamConnection, early: bytes, receive: Receive, send: Send, may_go_on: Callable[[], bool]
) -> None:
    """Relay until one of the three ends, and take the others along. ``early`` was received already."""
    connection.begin_tunnel()
    ways = [
        asyncio.create_task(_relay_up(connection, early, receive)),
        asyncio.create_task(_relay_down(connection, send)),
        asyncio.create_task(_watch(connection, may_go_on)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.info("tunnel_broken_off", reason=repr(outcome.__cause__ or outcome))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _relay_up(connection: UpstreamConnection, early: bytes, receive: Receive) -> None:
    if early:
        await connection.send_body(early)
    while (message := await receive())["type"] != "http.disconnect":
        await connection.send_body(message["body"])


async def _relay_down(connection: UpstreamConnection, send: Send) -> None:
    while body := await connection.read_body():
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _watch(connection: UpstreamConnection, may_go_on: Callable[[], bool]) -> None:
    while may_go_on() and not connection.is_silent:  # noqa: ASYNC110 - time and revocations have no event
        await asyncio.sleep(LOOK_EVERY)
