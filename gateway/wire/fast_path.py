"""The fast path: a plain GET on a kept connection, forwarded without a task and without a parser, when all is simple.

The general path (``protocol``, ``gate``, ``proxy``) can do everything; this one only saves work. The laws:

1. It decides nothing by itself. Canonical path, header rules, caller and decision come from the same functions.
2. It begins only with a whole request in one piece that ``known_heads`` calls plain, whose decision is to forward, and
   for which a kept connection to the upstream is at hand. Otherwise the general path gets the same bytes, untouched.
3. It ends only with a whole answer, not a long one, whose head is plain. Whatever else happens (a long answer, an odd
   one, a failure, a deadline), the general path takes over the exchange as it stands, with its rules for retries.
4. A client that goes away ends the exchange with the upstream.
"""

import time
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from gateway.gate import Admitted, Gate
from gateway.policy.decision import RequestFacts
from gateway.wire.answer_heads import PlainAnswer, PlainAnswers
from gateway.wire.client_exchange import status_line
from gateway.wire.proxy import CLIENT_GONE, OutgoingRequest
from gateway.wire.request_heads import Memory, read_plain_request, read_plain_target
from gateway.wire.upstream_connection import UpstreamConnection
from shared.request_context import Reports, RequestRecord, begin_record

METHOD = "GET"
_END = b"\r\n\r\n"
LONGEST_BODY = 64 * 1024  # bytes; a longer one is not waited for, but goes on in pieces


class ClientSide(Protocol):
    """The client's connection, as far as it is needed here."""

    @property
    def peer(self) -> str:
        """The address of the other end."""
        ...

    def finish_fast(self, head: bytes, lines: bytes, body: bytes) -> None:
        """Send a whole answer: status line, header lines, body."""
        ...

    def go_on_slowly(self, exchange: "FastExchange") -> None:
        """Let the general path go on with a request that was sent."""
        ...


class FastPath:
    """Begins what can be forwarded fast, for all connections of one gateway."""

    def __init__(self, gate: Gate, reports: Reports, registry: CollectorRegistry) -> None:
        self._gate = gate
        self.finished = 0
        gauge = Gauge("gatepost_fast_path_requests", "Requests that took the fast path to its end", registry=registry)
        gauge.set_function(lambda: self.finished)
        self.reports = reports
        self._targets = Memory(read_plain_target)
        self._requests = Memory(lambda block: read_plain_request(block, gate.hosts))
        self.answers = PlainAnswers()

    def begin(self, client: ClientSide, data: bytes) -> "FastExchange | None":
        """Send the request that is all of ``data``, and return what waits for its answer; None: nothing was done."""
        line, _, block = data.partition(b"\r\n")
        target = self._targets[line]
        known = self._requests[block] if target is not None else None
        if target is None or known is None:
            return None
        record = begin_record(known.naming)
        path, query = target
        facts = RequestFacts(METHOD, path, query, known.headers, int(time.time()))
        admitted = self._gate.admit(facts, known, client.peer, record)
        connection = admitted.pool.find_idle() if admitted is not None else None
        if admitted is None or connection is None:
            return None
        return FastExchange(self, client, facts, record, admitted, connection)


class FastExchange:
    """One request that is sent, until its answer has come or the general path goes on with it."""

    __slots__ = ("_came", "_client", "_decision", "_fast", "_head", "_id_line", "connection", "facts", "pool", "record")

    def __init__(
        self,
        fast: FastPath,
        client: ClientSide,
        facts: RequestFacts,
        record: RequestRecord,
        admitted: Admitted,
        connection: UpstreamConnection,
    ) -> None:
        self._fast = fast
        self._client = client
        self.facts = facts
        self._decision = admitted.decision
        self._head = admitted.head
        self.pool = admitted.pool
        self.connection = connection
        self.record = record
        self._came = b""
        self._id_line = b"x-request-id: %b\r\n" % record.request_id.encode()
        connection.ask(admitted.head, self)

    @property
    def request(self) -> OutgoingRequest:
        """The request, for the general path to go on with."""
        rule = self._decision.rule
        return OutgoingRequest(METHOD, self._head, False, None, rule.max_body, self._decision.is_private)

    def take_answer(self, data: bytes) -> bytes:
        """Send the answer on once it is whole, if it is plain; else return what the general path has to read."""
        data = self._came + data
        end = data.find(_END) + len(_END)
        is_private = self._decision.is_private
        known = self._fast.answers.read(data[:end], self._id_line, is_private=is_private) if end >= len(_END) else None
        if known is not None and len(data) - end < known.length <= LONGEST_BODY:
            self._came = data
            self.connection.wait_on()
            return b""
        if known is None or len(data) - end != known.length:
            self.take_failure()
            return data
        self._finish(known, data[end:])
        return b""

    def _finish(self, known: PlainAnswer, body: bytes) -> None:
        self.connection.pass_over()
        self.pool.release(self.connection)
        self._client.finish_fast(status_line(known.status), known.lines + self._id_line, body)
        self._fast.finished += 1
        self._report(known.status)

    def take_failure(self) -> None:
        """Let the general path say what becomes of it."""
        self.connection.keep_answer()
        self._client.go_on_slowly(self)

    def abandon(self) -> None:
        """Take note that the client has gone."""
        self.connection.keep_answer()
        self.connection.close()
        self.pool.release(self.connection)
        self._report(CLIENT_GONE)

    def _report(self, status: int) -> None:
        self._fast.reports.report(self.record, METHOD, status)
