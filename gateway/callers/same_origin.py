"""Whether a request can only come from a page of ours or from the user: the guard against forged requests (CSRF).

A browser adds its cookies to any request, whoever wrote the page. Pure, and checked for each request: it depends on the
method, and on headers that only the browser itself can set.
"""

from collections.abc import Collection, Iterable

from gateway.wire.headers import RawHeader, list_values
from gateway.wire.websocket import wants_websocket

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # which change nothing (RFC 9110, section 9.2.1)
_OWN_SITES = ([b"same-origin"], [b"none"])


def is_same_origin(method: str, headers: Iterable[RawHeader], own_origin: str, trusted: Collection[bytes] = ()) -> bool:
    """Tell whether a cookie may count: the request changes nothing, or provably comes from a page of this site.

    1. GET, HEAD, OPTIONS: yes; but not to open a WebSocket, which a page of any origin could then talk through.
    2. With ``Sec-Fetch-Site``: only ``same-origin``, or ``none`` (the user's own doing) (Fetch Metadata, 2.3).
    3. Without: only an ``Origin`` equal to the site's own (RFC 6454, 7).
    4. Or a page of an origin that the rule trusts: ``cors`` with credentials. Other sites of ours are no exception.
    """
    headers = tuple(headers)
    if method in SAFE_METHODS and not wants_websocket(headers):
        return True
    sites, origins = list_values(headers, b"sec-fetch-site"), list_values(headers, b"origin")
    is_own = sites in _OWN_SITES if sites else origins == [own_origin.encode()]
    return is_own or (len(origins) == 1 and origins[0] in trusted)
