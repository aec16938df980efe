"""One request, forwarded: the client's side (ASGI) and the upstream's side, streaming both ways.

- A short body whose length is announced is waited for before an upstream is asked: who sends it slowly keeps nobody
  else from the upstream. Nothing else is held back: pieces of a body go on as they come, and neither side is read
  faster than the other takes.
- A body that is longer than the rule allows is refused, before the upstream is asked where its length was announced.
- A request is sent a second time only if its connection was a kept one that ended without a single byte of an answer,
  the method is idempotent (RFC 9110, 9.2.2) and its whole body is still at hand. Never otherwise: it may have had an
  effect.
- An upstream has the time that the policy grants it (``answer_within``) to begin its answer, from the request's end. It
  is the same time for both tries together, and waiting for a connection counts.
- An upstream's failure before its answer has begun is an AppError; afterwards the client's connection ends without the
  answer's end, so that half an answer can't be taken for a whole one.
- A client that goes away ends the exchange with the upstream.
"""

import asyncio
from dataclasses import dataclass

import structlog
from starlette.types import Receive, Send

from gateway.wire.answer_reader import ResponseHead
from gateway.wire.headers import answer_headers
from gateway.wire.limits import Use
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import AnswerMissing, UpstreamConnection
from shared.errors import AppError, BadRequest, BodyTooLarge, UpstreamFailed, UpstreamTimeout

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
WATCH_AFTER = 0.05  # seconds; most answers are done by then, and looking after the client costs more than they do
SHORT_BODY = 64 * 1024  # bytes; so much of a body is kept for a client anyway
CLIENT_GONE = 499  # for the log: nobody hears it

log = structlog.get_logger("proxy")


class ClientGone(Exception):
    """The client went away before its answer was complete."""


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request as the upstream gets it. Its ``head`` is final (``encode_head``); the body comes from the client.

    ``is_private``: the answer depends on who asks.
    """

    method: str
    head: bytes
    has_body: bool
    content_length: int | None
    max_body: int
    is_private: bool


def encode_head(method: str, target: bytes, lines: bytes) -> bytes:
    """Return a request line and header lines (RFC 9112, sections 3 and 5)."""
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode(), target, lines)


async def forward(
    request: OutgoingRequest,
    pool: UpstreamPool,
    receive: Receive,
    send: Send,
    begun: UpstreamConnection | None = None,
) -> None:
    """Send a request to an upstream and its answer to the client; raises AppError while no answer has begun.

    ``begun`` is the connection on which the request has been sent already, if it has.
    """
    if request.content_length is not None and request.content_length > request.max_body:
        raise BodyTooLarge
    exchange = _Exchange(request, pool, receive, send, begun)
    try:
        await exchange.run()
    except ClientGone:
        if not exchange.has_started:
            await send({"type": "http.response.start", "status": CLIENT_GONE, "headers": []})
    except AppError as error:
        if not exchange.has_started:
            raise
        log.warning("answer_broken_off", upstream=pool.name, reason=repr(error.__cause__ or error))


class _Exchange:
    """The state of one request on its way."""

    __slots__ = (
        *("_connection", "_pool", "_receive", "_received", "_request", "_send", "_watch", "_watch_timer"),
        "has_started",
    )

    def __init__(
        self,
        request: OutgoingRequest,
        pool: UpstreamPool,
        receive: Receive,
        send: Send,
        begun: UpstreamConnection | None,
    ) -> None:
        self._request = request
        self._pool = pool
        self._receive = receive
        self._send = send
        self._received = 0
        self._connection = begun
        self._watch: asyncio.Task[None] | None = None
        self._watch_timer: asyncio.TimerHandle | None = None
        self.has_started = False

    async def run(self) -> None:
        """Run it from the first byte to the last."""
        body, has_more = await self._read_beginning() if self._request.has_body else (b"", False)
        try:
            connection, head = await self._ask_in_time(body, has_more=has_more)
            await self._relay(connection, head)
        finally:
            self._release()

    async def _ask_in_time(self, body: bytes, *, has_more: bool) -> tuple[UpstreamConnection, ResponseHead]:
        """Send the request and return the head of the answer; raises UpstreamTimeout."""
        if has_more:  # the time counts from its end, which only the connection sees
            return await self._ask(body, has_more=True)
        begun, loop = self._connection, asyncio.get_running_loop()
        asked_at = loop.time() if begun is None else begun.asked_at
        try:
            async with asyncio.timeout_at(asked_at + self._pool.answer_within):
                return await self._ask(body, has_more=False)
        except TimeoutError:
            if self._connection is not None:
                self._connection.fail(UpstreamTimeout())
            raise UpstreamTimeout from None

    async def _ask(self, body: bytes, *, has_more: bool) -> tuple[UpstreamConnection, ResponseHead]:
        """Send the request, a second time if that is safe, and return the head of the answer."""
        begun = self._connection
        use = Use.BODY if has_more else Use.WHOLE
        connection = self._connection = begun or await self._pool.acquire(use)
        try:
            if begun is not None:
                return connection, await self._await_head(connection)
            return connection, await self._try(connection, body, has_more=has_more)
        except AnswerMissing as missing:
            if not connection.was_used or has_more or self._request.method not in IDEMPOTENT:
                raise UpstreamFailed from missing
        self._release()
        connection = self._connection = await self._pool.acquire(fresh=True)
        try:
            return connection, await self._try(connection, body, has_more=False)
        except AnswerMissing as missing:
            raise UpstreamFailed from missing

    async def _try(self, connection: UpstreamConnection, body: bytes, *, has_more: bool) -> ResponseHead:
        head = self._request.head + self._frame(body, has_more=has_more)
        connection.begin(head, is_head_request=self._request.method == "HEAD")
        if has_more:
            self._start_watch(connection, has_more=True)
            return await connection.read_head()
        connection.finish_request()
        return await self._await_head(connection)

    async def _await_head(self, connection: UpstreamConnection) -> ResponseHead:
        """Return the head of the answer to a request that was sent whole, and look after the client meanwhile."""
        loop = asyncio.get_running_loop()
        self._watch_timer = loop.call_later(WATCH_AFTER, lambda: self._start_watch(connection, has_more=False))
        return await connection.read_head()

    async def _relay(self, connection: UpstreamConnection, head: ResponseHead) -> None:
        headers = answer_headers(head.status, head.headers, is_private=self._request.is_private)
        self.has_started = True
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})
        is_last = False
        while not is_last:
            body = await connection.read_body()
            is_last = connection.is_complete
            await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})

    def _start_watch(self, connection: UpstreamConnection, *, has_more: bool) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._attend_client(connection, has_more=has_more))

    async def _attend_client(self, connection: UpstreamConnection, *, has_more: bool) -> None:
        """Send what is left of the body, then wait until the client goes away. What goes wrong ends the exchange."""
        try:
            if has_more:
                await self._send_rest(connection)
            while (await self._receive())["type"] != "http.disconnect":
                pass
            connection.fail(ClientGone())
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange ends with it, and reports it
            connection.fail(error)

    async def _send_rest(self, connection: UpstreamConnection) -> None:
        has_more = True
        while has_more:
            body, has_more = await self._read_body()
            await connection.send_body(self._frame(body, has_more=has_more))
        connection.finish_request()

    async def _read_beginning(self) -> tuple[bytes, bool]:
        """Return a short body as a whole, or the first piece of another, and whether more follows."""
        body, has_more = await self._read_body()
        announced = self._request.content_length
        if has_more and announced is not None and announced <= SHORT_BODY:
            pieces = [body]
            while has_more:
                body, has_more = await self._read_body()
                pieces.append(body)
            body = b"".join(pieces)
        return body, has_more

    async def _read_body(self) -> tuple[bytes, bool]:
        """Return the next piece of the client's body and whether more follows; raises BodyTooLarge, ClientGone."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        has_more: bool = message.get("more_body", False)
        self._received += len(body)
        if self._received > self._request.max_body:
            raise BodyTooLarge
        announced = self._request.content_length
        if not has_more and announced is not None and self._received != announced:
            raise BadRequest("The body is not as long as announced")
        return body, has_more

    def _frame(self, body: bytes, *, has_more: bool) -> bytes:
        """Return a piece of the body as it is sent: as it is, or as chunks (RFC 9112, 7.1)."""
        if not self._request.has_body or self._request.content_length is not None:
            return body
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return chunk if has_more else chunk + b"0\r\n\r\n"

    def _release(self) -> None:
        """Stop looking after the client and give the connection back."""
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._pool.release(connection)
