"""Whether a request can only come from a page of ours or from the user: the guard against forged requests (CSRF).

A browser adds its cookies to any request, whoever wrote the page. Pure, and checked for each request: it depends on the
method, and on headers that only the browser itself can set.
"""

from collections.abc import Collection, Iterable

from gateway.messages.raw_headers import RawHeader, list_values
from gateway.websockets.handshake import wants_websocket

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # which change nothing (RFC 9110, section 9.2.1)
_OWN_SITES = ([b"same-origin"], [b"none"])


def is_same_origin(method: str, headers: Iterable[RawHeader], own_origin: str) -> bool:
    """Tell whether a cookie may count: the request changes nothing, or provably comes from a page of this site.

    1. GET, HEAD, OPTIONS: yes; but not to open a WebSocket, which a page of any origin could then talk through.
    2. With ``Sec-Fetch-Site``: only ``same-origin``, or ``none`` (the user's own doing) (Fetch Metadata, 2.3).
    3. Without: only an ``Origin`` equal to the site's own (RFC 6454, 7).

    Other sites of ours are no exception.
    """
    headers = tuple(headers)
    if method in SAFE_METHODS and not wants_websocket(headers):
        return True
    sites = list_values(headers, b"sec-fetch-site")
    return sites in _OWN_SITES if sites else list_values(headers, b"origin") == [own_origin.encode()]


def is_from(headers: Iterable[RawHeader], origins: Collection[bytes]) -> bool:
    """Tell whether the browser says that a page of one of these origins sends the request (RFC 6454, 7)."""
    named = list_values(headers, b"origin")
    return len(named) == 1 and named[0] in origins
