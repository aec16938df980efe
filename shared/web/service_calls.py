"""How one service calls another: an HTTP client that signs each call, and the check on the other side.

Every call carries a service token made for it, and the id and the trace of the request that led to it. A call that
fails, is slow, or returns nonsense raises Unavailable: the caller decides what to do without the answer. Each call has
an overall timeout, and its answer a maximum length, so a broken callee can't take unbounded time or memory.

The log says what failed and with which status. Calls are repeated while a callee is down: the first failure of a kind
is a warning and the rest are DEBUG, until a call to the same path succeeds again. Failures of a feed's calls are logged
by the feed.
"""

import asyncio
import functools
import json
import time
from collections import Counter
from http import HTTPStatus

import httpx2
import structlog
from starlette.requests import Request

from shared.errors import REALM, Unauthorized, Unavailable
from shared.observing.clocks import Clocks
from shared.observing.request_context import find_current_record, write_trace
from shared.timing import CALL_TIMEOUT
from shared.tokens.claims import CallerUnknown, TokenRefused
from shared.tokens.signed import ServiceTokens
from shared.web.clock_header import CLOCK_HEADER, note_clock

UNIX = "unix:"
"""The prefix of an address that is the path of a Unix socket."""
CONNECT_TIMEOUT = 1.0  # seconds
MAX_ANSWER = 4 * 1024 * 1024  # bytes
SCHEME = "Bearer "

log = structlog.get_logger("service_calls")


class BadStatus(Exception):
    """The callee's answer had a status other than success."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class AnswerTooLong(Exception):
    """The answer has more bytes than it may have."""


class ServiceClient:
    """Calls one other service (``callee``) at ``address``, a URL or ``unix:/path``, on behalf of ``caller``.

    ``clocks`` are told what time it is there.
    """

    def __init__(
        self, address: str, *, caller: str, callee: str, tokens: ServiceTokens, clocks: Clocks | None = None
    ) -> None:
        self._client = _create_client(address, callee)
        self._caller = caller
        self._callee = callee
        self._tokens = tokens
        self._clocks = clocks
        self._failures: dict[str, Counter[tuple[int | None, str]]] = {}  # since the last success, by path

    async def get_json(
        self,
        path: str,
        params: dict[str, str],
        *,
        timeout: float = CALL_TIMEOUT,  # noqa: ASYNC109 - httpx2's
        is_told: bool = True,
    ) -> object:
        """Return the JSON value of a GET, sent by the callee within ``timeout`` seconds; else raise Unavailable.

        ``is_told=False``: a failure is not logged above DEBUG, since the caller logs it.
        """
        request = self._client.build_request("GET", path, params=params, timeout=_limit(timeout))
        return await self._call(path, request, timeout, is_told=is_told)

    async def post_json(self, path: str, body: object, *, timeout: float = CALL_TIMEOUT) -> object:  # noqa: ASYNC109 - the same
        """Return the JSON value of a POST, sent by the callee within ``timeout`` seconds; else raise Unavailable."""
        request = self._client.build_request("POST", path, json=body, timeout=_limit(timeout))
        return await self._call(path, request, timeout, is_told=True)

    async def get_published(self, path: str, longest: int) -> bytes:
        """Return the body of a GET of what is public, without a token; or raise Unavailable, for the caller to log."""
        request = self._client.build_request("GET", path, timeout=_limit(CALL_TIMEOUT))
        return await self._send(path, request, CALL_TIMEOUT, longest, is_told=False)

    async def _call(self, path: str, request: httpx2.Request, seconds: float, *, is_told: bool) -> object:
        token = self._tokens.sign(caller=self._caller, callee=self._callee, now=int(time.time()))
        request.headers["Authorization"] = SCHEME + token
        body = await self._send(path, request, seconds, MAX_ANSWER, is_told=is_told)
        try:
            answer: object = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._fail(path, HTTPStatus.OK, error, is_told=is_told) from error
        self._note_success(path)
        return answer

    async def _send(self, path: str, request: httpx2.Request, seconds: float, longest: int, *, is_told: bool) -> bytes:
        request.headers.update({"Accept-Encoding": "identity", **_context()})
        status: int | None = None
        asked_at = time.time()
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.send(request, stream=True, follow_redirects=False)
                status = response.status_code
                if self._clocks is not None:
                    note_clock(self._clocks, self._callee, response.headers.get(CLOCK_HEADER), asked_at, time.time())
                return await _read_body(response, longest)
        except (httpx2.HTTPError, BadStatus, AnswerTooLong, ValueError, TimeoutError) as error:
            raise self._fail(path, status, error, is_told=is_told) from error

    def _fail(self, path: str, status: int | None, error: Exception, *, is_told: bool) -> Unavailable:
        """Return what to raise for a failure, which is noted."""
        self._note_failure(path, status, type(error).__name__, is_told=is_told)
        return Unavailable()

    def _note_failure(self, path: str, status: int | None, error: str, *, is_told: bool) -> None:
        say = log.debug
        if is_told:
            failures = self._failures.setdefault(path, Counter())
            failures[status, error] += 1
            say = log.warning if failures[status, error] == 1 else log.debug
        say("service_call_failed", callee=self._callee, path=path, status=status, error=error)

    def _note_success(self, path: str) -> None:
        failures = self._failures.pop(path, None)
        if failures:
            log.info("service_call_succeeded_again", callee=self._callee, path=path, failures=failures.total())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def require_service(request: Request, callee: str) -> str:
    """Return the name of the calling service, or raise Unauthorized. Needs ``app.state.service_tokens``."""
    header = request.headers.get("authorization", "")
    token = header.removeprefix(SCHEME) if header.startswith(SCHEME) else ""
    tokens = request.app.state.service_tokens
    assert isinstance(tokens, ServiceTokens)
    try:
        return tokens.verify(token, callee=callee, now=int(time.time()))
    except TokenRefused as error:
        if isinstance(error, CallerUnknown):
            _tell_unknown(error.caller)
        raise Unauthorized(challenge=f'{REALM}, error="invalid_token"' if header else REALM) from None


@functools.lru_cache(maxsize=100)  # so that each is told once
def _tell_unknown(caller: str) -> None:
    """Log that a service calls which the callee's settings do not know: one that was added, and not made known."""
    log.error("service_caller_unknown", caller=caller)


async def _read_body(response: httpx2.Response, longest: int) -> bytes:
    """Return the body of an answer, and close the answer whatever happens."""
    try:
        if response.status_code != HTTPStatus.OK:
            raise BadStatus(response.status_code)
        if "content-encoding" in response.headers:
            raise ValueError("it is compressed, which nobody asked for")
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > longest:
                raise AnswerTooLong
    finally:
        await response.aclose()
    return bytes(body)


def _create_client(address: str, callee: str) -> httpx2.AsyncClient:
    # trust_env=False: a proxy named in the environment must never see a service token.
    if not address.startswith(UNIX):
        return httpx2.AsyncClient(base_url=address, trust_env=False)
    transport = httpx2.AsyncHTTPTransport(uds=address.removeprefix(UNIX), trust_env=False)
    return httpx2.AsyncClient(base_url=f"http://{callee}", transport=transport, trust_env=False)


def _limit(timeout: float) -> httpx2.Timeout:
    return httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))


def _context() -> dict[str, str]:
    """Return the headers that carry the request id and the trace into the other service's log."""
    record = find_current_record()
    return {"X-Request-ID": record.request_id, "traceparent": write_trace(record)} if record else {}
