"""One request and its answer, between a client's connection and an upstream's.

- The judgement says what happens. Bytes go from one connection to the other as they come, with back-pressure both ways:
  memory is bounded by what the slower side takes. A coroutine runs only where something has to be waited for: a slot in
  the pool, a key that is not known, the renewal of a session, a page of our own, the answer to forward auth.
- A body announced to be short is collected before an upstream is asked, so that a slow sender keeps nobody else from
  the upstream. A short answer goes out in one piece, so that half of it can't pass for the whole.
- A request is retried only if its connection was a kept-alive one that closed without a single byte of an answer, the
  method is idempotent (RFC 9110, 9.2.2) and the whole body is at hand. Never otherwise: it may have had an effect.
- An upstream has the time that the policy grants it (``answer_within``) to begin its answer, from the request's end.
  Both tries share that time, and waiting for a connection counts.
- If an upstream fails before the answer has begun, the client gets an error; afterwards its connection is closed in the
  middle of the answer.
- A client that goes away ends the exchange with the upstream.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from gateway.callers.notices import Notices
from gateway.callers.renewal import RenewedCaller, SessionRenewal
from gateway.callers.same_origin import SAFE_METHODS
from gateway.callers.unknown_keys import UnknownKeys
from gateway.forward_auth.answer import ForwardAuth
from gateway.gate import Gate, Judgement, TellState, note_judgement
from gateway.messages.answer_heads import SWITCHING_PROTOCOLS, AnswerBroken, AnswerHead
from gateway.messages.caching import choose_caching
from gateway.messages.chunks import LAST_CHUNK, encode_chunk
from gateway.messages.cors_lines import replace_cors, write_cors
from gateway.messages.prefixes import restore_prefix
from gateway.messages.raw_headers import is_event_stream
from gateway.messages.request_heads import RequestHead, RequestHeads
from gateway.messages.upstream_head import UpstreamHeads
from gateway.pages.adapter import OwnPages
from gateway.policy.decision import AnswerOptions, Forward, RedirectToSignIn, Refuse
from gateway.policy.in_force import CurrentPolicy
from gateway.websockets.handshake import is_accepted
from gateway.websockets.permission import Permission
from gateway.websockets.tunnel import Tunnel
from gateway.wire.client_connection import ClientConnection
from gateway.wire.limits import WHOLE_BODY, ConnectionUse
from gateway.wire.own_answers import Answer, OwnAnswers
from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import AnswerMissing, UpstreamConnection
from shared.errors import AppError, BodyTooLarge, UpstreamFailed, UpstreamTimeout
from shared.observing.request_context import Reports, RequestRecord, answer_as, begin_record

IDEMPOTENT = SAFE_METHODS | {"PUT", "DELETE"}
CLIENT_GONE = 499  # for the log alone: nobody is left to receive it
UNREAD = "unread"
"""The method that is logged for a request that could not be read."""

log = structlog.get_logger("exchange")


@dataclass(frozen=True, slots=True)
class ExchangeParts:
    """What exchanges are made of, and the way to make one; no ``unknown_keys`` where no keys are published."""

    heads: RequestHeads
    gate: Gate
    upstream_heads: UpstreamHeads
    current: CurrentPolicy
    renewal: SessionRenewal
    unknown_keys: UnknownKeys | None
    own_pages: OwnPages
    own_answers: OwnAnswers
    forward_auth: ForwardAuth
    reports: Reports
    notices: Notices
    logs_client: bool = False
    logs_path: bool = False

    def create(self, client: ClientConnection, head: RequestHead) -> "Exchange":
        """Return an exchange for a request whose head was read."""
        if head.headers.is_forwarded or head.headers.refusal is not None:
            self.notices.look_at(head, client.peer)
        return Exchange(self, client, head)

    def refuse(self, client: ClientConnection, error: AppError) -> None:
        """Answer bytes that are no request; they are reported like one."""
        record = begin_record(())
        record.client = client.peer if self.logs_client else None
        answer = self.own_answers.of_error(error, record)
        self.reports.report(record, UNREAD, answer.status)
        lines = answer.lines + _name_request(record)
        client.answer(answer.status, lines, len(answer.body), answer.body, is_whole=True)


class Exchange:
    """The state of one request on its way."""

    __slots__ = (
        "_asked_at",
        "_body",
        "_client",
        "_connection",
        "_cors",
        "_decision",
        "_head_bytes",
        "_held",
        "_is_body_whole",
        "_is_over",
        "_is_probe",
        "_parts",
        "_pool",
        "_received",
        "_renewed",
        "_status",
        "_task",
        "_waits_for_body",
        "head",
        "record",
    )

    def __init__(self, parts: ExchangeParts, client: ClientConnection, head: RequestHead) -> None:
        self._parts = parts
        self._client = client
        self.head = head
        self.record: RequestRecord = begin_record(head.headers.naming)
        self._renewed: RenewedCaller | None = None
        self._pool: UpstreamPool
        self._connection: UpstreamConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._decision: Forward | None = None
        passing = head.headers.passing
        length = passing.content_length if passing is not None else None
        self._is_body_whole = passing is None or not passing.has_body
        self._waits_for_body = length is not None and length <= WHOLE_BODY  # before anything is sent
        self._body: list[bytes] = []  # received but not sent; a short one is kept whole, for a retry
        self._received = 0
        self._held: list[bytes] = []  # of a short answer that is not complete yet
        self._asked_at = 0.0
        self._status = 0  # of the answer, once it has begun
        self._cors = b""  # what every answer says to pages of other origins, once the rule is known
        self._is_over = self._is_probe = False

    def begin(self) -> None:
        """Judge the request, and act on the judgement."""
        parts = self._parts
        if parts.logs_client:
            self.record.client = parts.upstream_heads.choose_client(self.head, self._client.peer)
        if parts.logs_path and self.head.line.path is not None:
            self.record.path = self.head.line.path.text
        if parts.forward_auth.is_question(self.head, self._client.peer):
            self._wait_for(self._answer_question)
            return
        judgement = parts.gate.judge(self.head, int(time.time()))
        if parts.unknown_keys is not None and parts.unknown_keys.may_know(judgement):
            self._wait_for(functools.partial(self._judge_again, parts.unknown_keys))
        elif judgement.stale is not None:
            self._wait_for(functools.partial(self._renew, judgement))
        else:
            self._act(judgement)

    async def _answer_question(self) -> None:
        answer, self._renewed = await self._parts.forward_auth.answer(self.head, self.record)
        self._send_own(answer)

    async def _judge_again(self, unknown_keys: UnknownKeys) -> None:
        judgement = await unknown_keys.judge_again(self.head)
        if judgement.stale is not None:
            await self._renew(judgement)
        else:
            self._act(judgement)

    async def _renew(self, judgement: Judgement) -> None:
        renewed = self._renewed = await self._parts.renewal.renew(judgement.identity)
        self._act(self._parts.gate.judge(self.head, int(time.time()), renewed))

    def _act(self, judgement: Judgement) -> None:
        note_judgement(self.record, judgement)
        self._cors = write_cors(judgement.decision, self.head)
        match judgement.decision:
            case Forward(upstream=None):
                self._wait_for(self._show_own_page)
            case Forward():
                self._forward(judgement.decision)
            case RedirectToSignIn(_, location):
                self._send_own(self._parts.own_answers.redirect(location))
            case Refuse(error):
                self._send_error(error)
            case TellState():
                self._is_probe = True
                self._wait_for(self._show_own_page)
            case AnswerOptions(allow, cors):
                self._send_own(self._parts.own_answers.allow(allow, cors))

    async def _show_own_page(self) -> None:
        self._send_own(await self._parts.own_pages.answer(self.head, self.record, self._client.peer))

    # The request

    def _forward(self, decision: Forward) -> None:
        self._decision = decision
        self._pool = self._parts.current.get_pool(decision.rule.upstream)
        self._head_bytes = self._parts.upstream_heads.encode(self.head, decision, self._client.peer, self.record)
        if self._received > decision.rule.max_body:
            self.fail(BodyTooLarge())
        elif self._is_body_whole or (self._body and not self._waits_for_body):
            self._ask()
        else:  # the first piece of the body will send it, or the last
            if self.head.expects_continue:
                self._client.send_continue()
            self._client.resume_reading()

    def take_body(self, data: bytes, *, is_last: bool) -> None:
        """Take a piece of the request's body, and send it on if the request is on its way."""
        self._received += len(data)
        self._is_body_whole = is_last
        decision, connection = self._decision, self._connection
        if decision is not None and self._received > decision.rule.max_body:
            self.fail(BodyTooLarge())
        elif connection is not None:
            self._send_body(connection, self._frame(data, is_last=is_last))
        else:
            self._body.append(data)
            if self._task is not None:
                if not is_last:
                    self._client.pause_reading()  # whether and where it goes is not decided yet
            elif decision is not None and (is_last or not self._waits_for_body):
                self._ask()

    def _ask(self) -> None:
        """Send what there is of the request, on a kept-alive connection or else one that is waited for."""
        self._asked_at = self._client.loop.time()
        connection = self._pool.take() if self._is_whole() else None
        if connection is not None:
            self._send(connection, self._pool.answer_within)
        else:
            self._wait_for(self._wait_for_connection)

    def _is_whole(self) -> bool:
        return self._is_body_whole and self._websocket_key is None

    @property
    def _websocket_key(self) -> bytes | None:
        return self._decision.websocket_key if self._decision is not None else None

    async def _wait_for_connection(self, *, fresh: bool = False) -> None:
        pool, until = self._pool, self._asked_at + self._pool.answer_within
        if self._websocket_key is not None:
            connection = await pool.wait(ConnectionUse.TUNNEL, fresh=True)
        elif not self._is_body_whole:
            connection = await pool.wait(ConnectionUse.BODY)
        else:
            try:
                async with asyncio.timeout_at(until):
                    connection = await pool.wait(ConnectionUse.WHOLE, fresh=fresh)
            except TimeoutError:
                raise UpstreamTimeout from None
        self._task = None
        self._send(connection, until - self._client.loop.time())

    def _send(self, connection: UpstreamConnection, answer_within: float) -> None:
        self._connection = connection
        is_whole = self._is_body_whole
        connection.reader.expect(
            is_head_request=self.head.line.method == "HEAD",
            is_upgrade=self._websocket_key is not None,
            echo=_name_request(self.record),
        )
        data = self._head_bytes
        if self._body:
            data += self._frame(b"".join(self._body), is_last=is_whole)
            if not is_whole or self._received > WHOLE_BODY:
                self._body.clear()  # it won't be retried
        elif self._is_chunked():
            data += self._frame(b"", is_last=is_whole)
        connection.ask(data, self, answer_within=answer_within if is_whole else None)
        if not is_whole and connection.is_writable:
            self._client.resume_reading()

    def _send_body(self, connection: UpstreamConnection, data: bytes) -> None:
        if self._is_body_whole:
            connection.finish_request(data, self._pool.answer_within)
        else:
            connection.send(data)

    def _is_chunked(self) -> bool:
        passing = self.head.headers.passing
        return passing is not None and passing.is_chunked

    def _frame(self, body: bytes, *, is_last: bool) -> bytes:
        """Return a piece of the body as it is sent: unchanged, or as a chunk (RFC 9112, 7.1)."""
        return encode_chunk(body) + (LAST_CHUNK if is_last else b"") if self._is_chunked() else body

    def pause_request(self) -> None:
        """Stop sending for now: the upstream is not reading."""
        if not self._is_body_whole:
            self._client.pause_reading()

    def resume_request(self) -> None:
        """Send again."""
        self._client.resume_reading()

    # The answer

    def take_answer(self, body: bytes) -> None:
        """Pass on what came of the answer."""
        connection = self._connection
        head = connection.reader.head if connection is not None else None
        if connection is None or head is None:
            return
        is_whole = connection.reader.is_complete
        if self._status:
            if body or is_whole:
                self._client.continue_answer(body, is_whole=is_whole)
                if is_whole:
                    self._release()
                    self._report(self._status)
            return
        if head.status == SWITCHING_PROTOCOLS:
            self._open_tunnel(connection, head, body)
            return
        if not is_whole and head.length is not None and head.length <= WHOLE_BODY:
            self._held.append(body)
            self._client.has_progressed = True
            return
        if self._held:
            body = b"".join([*self._held, body])
            self._held.clear()
        self._begin_answer(head, body, is_whole=is_whole)

    def _begin_answer(self, head: AnswerHead, body: bytes, *, is_whole: bool) -> None:
        lines = head.lines
        if self._decision is not None and self._decision.rule.strip:
            lines = self._restore_prefix(lines, self._decision.rule.strip)
        if self._cors:
            lines = replace_cors(lines, self._cors)
        if self._renewed is not None and self._renewed.set_cookie:
            lines = self._parts.own_answers.add_cookies(lines, self._renewed)
        elif self._decision is not None and self._decision.is_private:
            lines += choose_caching(head)
        lines += _name_request(self.record)
        self._status = head.status
        self._client.answer(head.status, lines, head.length, body, is_whole=is_whole)
        if is_whole:
            self._release()
            self._report(head.status)
            return
        if is_event_stream(head.headers) and self._connection is not None:
            self._pool.make_long(self._connection)
        if not self._client.is_writable:
            self.pause_answer()

    def _restore_prefix(self, lines: bytes, prefix: str) -> bytes:
        passing = self.head.headers.passing
        assert passing is not None  # else it would not have been forwarded
        return restore_prefix(lines, prefix, passing.host)

    def _open_tunnel(self, connection: UpstreamConnection, head: AnswerHead, early: bytes) -> None:
        decision = self._decision
        if decision is None or decision.websocket_key is None or not is_accepted(decision.websocket_key, head.headers):
            raise UpstreamFailed from AnswerBroken("a WebSocket's handshake that is not answered")
        self._connection, self._is_over = None, True
        permission = Permission(self._parts.gate, self._parts.renewal, self.head, decision.user)
        tunnel = Tunnel(self._client, connection, self._pool, permission, lambda: self._report(head.status))
        tunnel.open(head.status, head.lines + _name_request(self.record), early)

    def lose_answer(self, error: Exception) -> None:
        """Retry where that is safe, else answer with an error."""
        connection = self._connection
        self._release()
        if not isinstance(error, AnswerMissing):
            self.fail(error)
        elif connection is not None and connection.was_used and self._may_repeat():
            self._wait_for(functools.partial(self._wait_for_connection, fresh=True))
        else:
            failure = UpstreamFailed()
            failure.__cause__ = error.__cause__
            self.fail(failure)

    def _may_repeat(self) -> bool:
        is_at_hand = self._is_whole() and (bool(self._body) or not self._received)
        return is_at_hand and self.head.line.method in IDEMPOTENT

    def pause_answer(self) -> None:
        """Stop reading the answer for now: the client is not reading."""
        if self._connection is not None and not self._connection.reader.is_complete and self._status:
            self._connection.pause_reading()
            self._pool.make_long(self._connection)  # how long it lasts is up to the client

    def resume_answer(self) -> None:
        """Read again."""
        if self._connection is not None and self._status:
            self._connection.resume_reading()

    # Ends

    def fail(self, error: Exception) -> None:
        """Answer with an error, or break off the answer that has begun."""
        if self._is_over:
            return
        self._release()
        if not isinstance(error, AppError):
            log.error("request_failed", exc_info=error, request_id=self.record.request_id)
        if not self._status:
            try:
                self._send_error(error if isinstance(error, AppError) else AppError())
            except Exception:  # whatever it is, the client's connection is at least closed
                log.exception("request_failed", request_id=self.record.request_id)
            else:
                return
        reason = repr(error.__cause__ or error)
        upstream = self._decision.rule.upstream if self._decision is not None else None
        log.warning("answer_broken_off", upstream=upstream, reason=reason, request_id=self.record.request_id)
        self._report(self._status or AppError.status)
        self._client.break_off()

    def abandon(self) -> None:
        """End: the client has gone."""
        if self._is_over:
            return
        self._release()
        self._report(self._status or CLIENT_GONE)

    def drain(self) -> None:
        """Carry on: the server drains, and waits for the answer."""

    def _send_error(self, error: AppError) -> None:
        answer = self._parts.own_answers.of_error(error, self.record, self.head)
        if isinstance(error, UpstreamFailed) and error.__cause__ is not None:
            self.record.reason = str(error.__cause__) or repr(error.__cause__)  # nothing that the upstream wrote
        self._send_own(answer)

    def _send_own(self, answer: Answer) -> None:
        """Send one of the gateway's own answers."""
        if self._is_over:
            return
        lines = answer.lines + self._cors
        if self._renewed is not None and self._renewed.set_cookie:
            lines = self._parts.own_answers.add_cookies(lines, self._renewed)
        self._release()
        body = b"" if self.head.line.method == "HEAD" else answer.body
        self._status = answer.status
        self._client.answer(answer.status, lines + _name_request(self.record), len(body), body, is_whole=True)
        self._report(answer.status)

    def _report(self, status: int) -> None:
        self._is_over = True
        self._parts.reports.report(self.record, self.head.line.method, status, is_logged=not self._is_probe)

    def _release(self) -> None:
        """Cancel whatever is being waited for, and give the connection back."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.let_go()
            self._pool.release(connection)

    def _wait_for(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a coroutine; whatever it raises fails the exchange."""
        self._task = self._client.loop.create_task(self._run(work))

    async def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        answer_as(self.record)
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange ends with it, and reports it
            self.fail(error)
        else:
            if self._task is asyncio.current_task():
                self._task = None


def _name_request(record: RequestRecord) -> bytes:
    """Return the header line with the request's id."""
    return b"x-request-id: %b\r\n" % record.request_id.encode()
