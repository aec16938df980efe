"""CORS: which pages of other origins may read a rule's answers, and use the caller's cookies there. Pure.

Fetch, section 3.2. Without ``cors`` no page of another origin reads anything, which is what browsers do by themselves.

1. Listed origins read every answer of the rule: the service's, and the gateway's own refusals. The gateway alone says
   so: what the service says of it is left out, for browsers accept no two answers to that question.
2. A preflight is answered by the gateway, for the method that is announced. No service hears of it.
3. ``"*"`` lets everybody read, and never with cookies: any page could act and read in its visitor's name.
4. With ``credentials`` pages of the listed origins count as pages of ours: the session cookie is taken from them for
   unsafe methods, too. So they are https, or this very machine in development. Browsers send that cookie
   (``SameSite=Lax``) from origins below the same registrable domain alone.
5. What depends on ``Origin`` says so (``Vary``), also to those that are not listed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.messages.raw_headers import RawHeader, list_values
from shared.web.origins import LOOPBACK_HOSTS, read_origin

EVERYBODY = "*"
USUAL_HEADERS = ("Authorization", "Content-Type")
USUAL_MAX_AGE = 600  # seconds

_VARY: RawHeader = (b"vary", b"Origin")
_READ_TOO: RawHeader = (b"access-control-expose-headers", b"Retry-After, WWW-Authenticate, X-Request-ID")
_METHOD = b"access-control-request-method"
OF_THE_SERVICE = (b"access-control-allow-origin", b"access-control-allow-credentials")


@dataclass(frozen=True, slots=True)
class Cors:
    """The word of a rule. ``headers`` are those that a page may send besides the simple ones; ``max_age``: seconds."""

    origins: frozenset[str]
    credentials: bool = False
    headers: tuple[str, ...] = USUAL_HEADERS
    max_age: int = USUAL_MAX_AGE

    @property
    def trusted(self) -> frozenset[bytes]:
        """The origins whose pages may use the caller's cookies."""
        return frozenset(origin.encode() for origin in self.origins) if self.credentials else frozenset()

    def write_headers(self, headers: Iterable[RawHeader]) -> tuple[RawHeader, ...]:
        """Return what every answer of the rule says, to a request with these headers."""
        if EVERYBODY in self.origins:
            return (b"access-control-allow-origin", b"*"), _READ_TOO
        origin = find_origin(headers)
        if origin is None or origin not in self.origins:
            return (_VARY,)
        with_cookies = ((b"access-control-allow-credentials", b"true"),) if self.credentials else ()
        return _VARY, (b"access-control-allow-origin", origin.encode()), *with_cookies, _READ_TOO

    def write_preflight(self, methods: Iterable[str], headers: Iterable[RawHeader]) -> tuple[RawHeader, ...]:
        """Return what the answer to a preflight says: the same, and what a page may send."""
        told = tuple(header for header in self.write_headers(headers) if header != _READ_TOO)
        if told == (_VARY,):
            return told
        return (
            *told,
            (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
            (b"access-control-allow-headers", ", ".join(self.headers).encode()),
            (b"access-control-max-age", b"%d" % self.max_age),
        )


def describe_cors(cors: Cors | None) -> str:
    """Return in words who may read an answer."""
    if cors is None:
        return "read by no other origin"
    readers = "everybody" if EVERYBODY in cors.origins else " and ".join(sorted(cors.origins))
    cookies = ", whose pages may use the caller's cookies" if cors.credentials else ""
    return f"read by {readers}{cookies}, who may send {' '.join(cors.headers) or 'no headers'} ({cors.max_age} s)"


def read_reader(text: str) -> str:
    """Return an origin as browsers send it, or ``*``; ValueError for anything else."""
    return text if text == EVERYBODY else read_origin(text)


def can_have_cookies(origin: str) -> bool:
    """Tell whether nobody on the way could speak for an origin: https, or this machine."""
    parts = urlsplit(origin)
    name = parts.hostname or ""
    return parts.scheme == "https" or name in LOOPBACK_HOSTS or name.endswith(".localhost")


def find_origin(headers: Iterable[RawHeader]) -> str | None:
    """Return the origin of the page that sends a request; None where none is named, or several are."""
    values = list_values(headers, b"origin")
    return values[0].decode("latin-1") if len(values) == 1 else None


def find_announced_method(headers: Iterable[RawHeader]) -> str | None:
    """Return the method that a preflight asks about, or None where a request is no preflight."""
    headers = tuple(headers)
    methods = list_values(headers, _METHOD)
    return methods[0].decode("latin-1") if len(methods) == 1 and find_origin(headers) is not None else None
