"""``Set-Cookie`` values with NextAuth's attributes (RFC 6265, section 4.1), for one host or for a domain. Pure.

A cookie of a domain goes to all hosts below it. One without goes to the host that set it and no other, and the two are
two cookies, whatever their name: each is cleared by itself.
"""

import functools
import re
from email.utils import formatdate
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9._-]*")  # like a sealed session: no character that is ever encoded


def set_cookie(name: str, value: str, *, secure: bool, expires_at: int | None = None, domain: str | None = None) -> str:
    """Return a ``Set-Cookie`` value with NextAuth's attributes, for this host alone or for a domain.

    ``expires_at`` is in Unix seconds; without it the cookie lives as long as the browser's session.
    """
    expires = "" if expires_at is None else f"; Expires={_format_date(expires_at)}"
    encoded = value if _PLAIN.fullmatch(value) else quote(value, safe="")
    return f"{name}={encoded}; {_write_scope(domain)}{expires}; HttpOnly{'; Secure' if secure else ''}; SameSite=Lax"


def clear_cookie(name: str, *, secure: bool, domain: str | None = None) -> str:
    """Return the ``Set-Cookie`` value that makes a browser forget a cookie of ours, of this host or of a domain."""
    return f"{name}=; Max-Age=0; {_write_scope(domain)}; HttpOnly{'; Secure' if secure else ''}; SameSite=Lax"


def _write_scope(domain: str | None) -> str:
    return "Path=/" if domain is None else f"Domain={domain}; Path=/"


@functools.lru_cache(maxsize=1024)
def _format_date(moment: int) -> str:
    """Return a moment as HTTP writes it. Cached: each read of a session writes when it ends."""
    return formatdate(moment, usegmt=True)
