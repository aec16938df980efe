"""The one client that calls providers: only at origins that are configured, each answer bounded, nobody held up.

1. A provider has ``SLOTS``: so many calls at once, and no more connections. A call that finds them taken waits at most
   as long as a call may take, and only ``MOST_WAITING`` do: a provider that is down or slow costs its own users a
   moment, and all others nothing.
2. A call takes ``CALL_WITHIN`` seconds, from waiting for a slot to the last byte, however it is dripped.
3. An answer has a maximum length; it is JSON, not compressed, and no redirect is followed: each could lead to what we
   never meant to ask (ASVS 5.0, 1.3.6 and 15.3.2).
4. ``address`` is where the issuer's origin is reached from here. The request says the issuer's host all the same, and
   TLS wants its certificate, so a provider can't tell the difference.
"""

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import httpx2

from auth_service.providers.file import Provider, origin_of

CALL_WITHIN = 5.0  # seconds
CONNECT_WITHIN = 2.0
SLOTS = 8
MOST_WAITING = 16
LONGEST_ANSWER = 65_536  # bytes
LONGEST_KEYS = 1_048_576
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Gatepost"}

_OUT_OF_ORDER = frozenset({"busy", "too_slow", "unreachable", "redirect", "compressed", "too_long", "not_json"})
_SERVER_ERROR = re.compile(r"(?:^|_)status_5\d\d$")


class ProviderFailed(Exception):
    """A provider that is not there, or says what it must not; ``reason`` is a word of ours, and tells no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def is_its_own(self) -> bool:
        """Whether the provider is out of order, whatever it was asked for."""
        return self.reason in _OUT_OF_ORDER or _SERVER_ERROR.search(self.reason) is not None


class ProviderHttp:
    """Calls one provider."""

    def __init__(self, provider: Provider) -> None:
        limits = httpx2.Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS)
        # trust_env=False: a proxy named in the environment must never see a secret or a token.
        self._client = httpx2.AsyncClient(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=limits,
            timeout=httpx2.Timeout(CALL_WITHIN, connect=CONNECT_WITHIN),
        )
        self._provider = provider
        self._slots = asyncio.Semaphore(SLOTS)
        self._waiting = 0

    async def get_json(
        self, url: str, *, headers: Mapping[str, str] | None = None, longest: int = LONGEST_ANSWER
    ) -> object:
        """Return the JSON value of a GET; ProviderFailed."""
        status, answer = await self._call("GET", url, {}, headers or {}, longest)
        if status != HTTPStatus.OK:
            raise ProviderFailed(f"status_{status}")
        return answer

    async def post_form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, object]:
        """Return the status and the JSON value of what is answered to a form; ProviderFailed."""
        return await self._call("POST", url, fields, headers, LONGEST_ANSWER)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _call(
        self, method: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str], longest: int
    ) -> tuple[int, object]:
        request = self._build(method, url, fields, headers)
        try:
            async with asyncio.timeout(CALL_WITHIN), self._take_slot():
                response = await self._client.send(request, stream=True, follow_redirects=False)
                return response.status_code, await _read_json(response, longest)
        except TimeoutError:
            raise ProviderFailed("too_slow") from None
        except httpx2.TimeoutException:
            raise ProviderFailed("too_slow") from None
        except httpx2.HTTPError:
            raise ProviderFailed("unreachable") from None

    def _build(self, method: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> httpx2.Request:
        """Return a request to one of the provider's own origins, made out to where that is reached from here."""
        origin = origin_of(url)
        if origin not in self._provider.origins:
            raise ProviderFailed("foreign_origin")
        own, extensions = {**_HEADERS, **headers}, {}
        if self._provider.address is not None and origin == self._provider.origins[0]:
            parts = urlsplit(url)
            own["Host"] = parts.netloc
            if self._provider.address.startswith("https:"):
                extensions["sni_hostname"] = parts.hostname
            scheme, _, place = self._provider.address.partition("://")
            url = urlunsplit((scheme, place, parts.path, parts.query, ""))
        data = dict(fields) if method == "POST" else None
        return self._client.build_request(method, url, data=data, headers=own, extensions=extensions)

    @contextlib.asynccontextmanager
    async def _take_slot(self) -> AsyncIterator[None]:
        if self._slots.locked() and self._waiting >= MOST_WAITING:
            raise ProviderFailed("busy")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


async def _read_json(response: httpx2.Response, longest: int) -> object:
    """Return the JSON value of an answer, and close the answer whatever happens."""
    try:
        if response.is_redirect:
            raise ProviderFailed("redirect")
        if "content-encoding" in response.headers:
            raise ProviderFailed("compressed")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > longest:
                raise ProviderFailed("too_long")
    finally:
        await response.aclose()
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        raise ProviderFailed("not_json" if response.is_success else f"status_{response.status_code}") from None
    return answer
