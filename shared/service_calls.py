"""How one service calls another: an HTTP client that signs each call, and the check on the other side.

Every call carries a service token made for it, and the id and the trace of the request that led to it. A call that
fails, is slow, or answers nonsense raises Unavailable: the caller decides what to do without the answer.
"""

import time

import httpx2
import structlog
from starlette.requests import Request

from shared.errors import REALM, Unauthorized, Unavailable
from shared.request_context import find_current_record, write_trace
from shared.tokens import ServiceTokens, TokenRefused

UNIX = "unix:"
"""How an address begins that is the path of a Unix socket."""
CALL_TIMEOUT = 2.0  # seconds
CONNECT_TIMEOUT = 1.0
SCHEME = "Bearer "

log = structlog.get_logger("service_calls")


class ServiceClient:
    """Calls one other service (``callee``) at ``address``, a URL or ``unix:/path``, in the name of ``caller``."""

    def __init__(self, address: str, *, caller: str, callee: str, tokens: ServiceTokens) -> None:
        self._client = _create_client(address, callee)
        self._caller = caller
        self._callee = callee
        self._tokens = tokens

    async def get_json(self, path: str, params: dict[str, str], *, timeout: float = CALL_TIMEOUT) -> object:  # noqa: ASYNC109 - httpx2's
        """Return the JSON value that a GET of the callee answers within ``timeout`` seconds; Unavailable when none."""
        return await self._call(self._client.build_request("GET", path, params=params, timeout=_limit(timeout)))

    async def post_json(self, path: str, body: object, *, timeout: float = CALL_TIMEOUT) -> object:  # noqa: ASYNC109 - the same
        """Return the JSON value that a POST of the callee answers within ``timeout`` seconds; Unavailable when none."""
        return await self._call(self._client.build_request("POST", path, json=body, timeout=_limit(timeout)))

    async def _call(self, request: httpx2.Request) -> object:
        token = self._tokens.sign(caller=self._caller, callee=self._callee, now=int(time.time()))
        request.headers.update({"Authorization": SCHEME + token, **_context()})
        try:
            response = await self._client.send(request)
            response.raise_for_status()
            answer: object = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            log.warning("service_call_failed", callee=self._callee, error=type(error).__name__)
            raise Unavailable from error
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def require_service(request: Request, callee: str) -> str:
    """Return the name of the service that calls, or raise Unauthorized. Needs ``app.state.service_tokens``."""
    header = request.headers.get("authorization", "")
    token = header.removeprefix(SCHEME) if header.startswith(SCHEME) else ""
    tokens = request.app.state.service_tokens
    assert isinstance(tokens, ServiceTokens)
    try:
        return tokens.verify(token, callee=callee, now=int(time.time()))
    except TokenRefused:
        raise Unauthorized(challenge=f'{REALM}, error="invalid_token"' if header else REALM) from None


def _create_client(address: str, callee: str) -> httpx2.AsyncClient:
    # trust_env=False: a proxy named in the environment must never see a service token.
    if not address.startswith(UNIX):
        return httpx2.AsyncClient(base_url=address, trust_env=False)
    transport = httpx2.AsyncHTTPTransport(uds=address.removeprefix(UNIX), trust_env=False)
    return httpx2.AsyncClient(base_url=f"http://{callee}", transport=transport, trust_env=False)


def _limit(timeout: float) -> httpx2.Timeout:
    return httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))


def _context() -> dict[str, str]:
    """Return the headers by which the other service's log tells of the same request and trace."""
    record = find_current_record()
    return {"X-Request-ID": record.request_id, "traceparent": write_trace(record)} if record else {}
