"""The fast path: a plain GET on a kept connection, forwarded without a task and without a parser, when all is simple.

The general path (``protocol``, ``gate``, ``proxy``) can do everything; this one only saves work. The laws:

1. It decides nothing by itself. Canonical path, header rules, caller and decision come from the same functions.
2. It begins only with a whole request in one piece that ``known_heads`` calls plain, whose decision is to forward, and
   for which a kept connection to the upstream is at hand. Otherwise the general path gets the same bytes, untouched.
3. It ends only with a whole answer, not a long one, whose head is plain. Whatever else happens (a long answer, an odd
   one, a failure, a deadline), the general path takes over the exchange as it stands, with its rules for retries.
4. A client that goes away ends the exchange with the upstream.
"""

import re
import time
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from gateway.client_exchange import status_line
from gateway.gate import Gate
from gateway.known_heads import KnownAnswer, Memory, read_plain_answer, read_plain_request
from gateway.paths import CanonicalPath, PathRefused, canonicalize_path, check_query
from gateway.policy import RequestFacts
from gateway.proxy import CLIENT_GONE, OutgoingRequest
from gateway.upstream import UpstreamPool
from gateway.upstream_connection import UpstreamConnection
from shared.request_context import Reports, RequestRecord, begin_record

METHOD = "GET"
_PLAIN_GET = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n")
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
        self._targets = Memory(read_target)
        self._requests = Memory(lambda block: read_plain_request(block, gate.hosts))
        self.answers = Memory(read_plain_answer)

    def begin(self, client: ClientSide, data: bytes) -> "FastExchange | None":
        """Send the request that is all of ``data``, and return what waits for its answer; None: nothing was done."""
        line = _PLAIN_GET.match(data)
        if line is None or not data.endswith(_END) or data.find(_END) + len(_END) != len(data):
            return None
        target, known = self._targets.recall(line[1]), self._requests.recall(data[line.end() :])
        if target is None or known is None:
            return None
        record = begin_record(known.headers)
        facts = RequestFacts(METHOD, *target, known.headers, int(time.time()))
        admitted = self._gate.admit(facts, known.crossing, client.peer, record)
        if admitted is None:
            return None
        request, pool = admitted
        connection = pool.find_idle()
        return FastExchange(self, client, facts, record, request, pool, connection) if connection else None


class FastExchange:
    """One request that is sent, until its answer has come or the general path goes on with it."""

    __slots__ = ("_came", "_client", "_fast", "connection", "facts", "pool", "record", "request")

    def __init__(
        self,
        fast: FastPath,
        client: ClientSide,
        facts: RequestFacts,
        record: RequestRecord,
        request: OutgoingRequest,
        pool: UpstreamPool,
        connection: UpstreamConnection,
    ) -> None:
        self._fast = fast
        self._client = client
        self.facts = facts
        self.request = request
        self.pool = pool
        self.connection = connection
        self.record = record
        self._came = b""
        connection.begin(request.head, is_head_request=False)
        connection.give_answer(self)

    def take_answer(self, data: bytes) -> bytes | None:
        """Send the answer on once it is whole, if it is plain; else return what the general path has to read."""
        data = self._came + data
        end = data.find(_END) + len(_END)
        known = self._fast.answers.recall(data[:end]) if end >= len(_END) else None
        if known is not None and len(data) - end < known.length <= LONGEST_BODY:
            self._came = data
            self.connection.give_answer(self)
            return None
        if known is None or len(data) - end != known.length:
            self.take_failure()
            return data
        self._finish(known, data[end:])
        return None

    def _finish(self, known: KnownAnswer, body: bytes) -> None:
        self.connection.pass_over()
        self.pool.release(self.connection)
        lines = known.private_lines if self.request.is_private else known.lines
        lines += b"x-request-id: %b\r\n" % self.record.request_id.encode()
        self._client.finish_fast(status_line(known.status), lines, body)
        self._fast.finished += 1
        self._report(known.status)

    def take_failure(self) -> None:
        """Let the general path say what becomes of it."""
        self._client.go_on_slowly(self)

    def abandon(self) -> None:
        """Take note that the client has gone."""
        self.connection.keep_answer()
        self.connection.close()
        self.pool.release(self.connection)
        self._report(CLIENT_GONE)

    def _report(self, status: int) -> None:
        self._fast.reports.report(self.record, METHOD, status)


def read_target(target: bytes) -> tuple[CanonicalPath, bytes] | None:
    """Return the canonical path and the query of a request target, or None for one that is refused."""
    raw_path, _, query = target.partition(b"?")
    try:
        return canonicalize_path(raw_path), check_query(query)
    except PathRefused:
        return None
