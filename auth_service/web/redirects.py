r"""Where a browser may be sent after signing in or out: to a page of this site and nowhere else.

Pure. Browsers parse URLs leniently (WHATWG URL, section 4.4): they drop tabs and newlines, take ``\`` for ``/``, and
``//host`` for another site. So whatever is ambiguous is refused, and what is returned always begins with our own origin
and a character that ends it: no reading leads elsewhere.

After the first ``?`` or ``#`` nothing can lead elsewhere any more: a blank or a ``\`` there is kept, encoded.
"""

import re
from urllib.parse import quote, unquote, urlsplit

MAX_LENGTH = 8192  # bytes after the origin, encoded; the gateway accepts a query of this length

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_FORBIDDEN_LATER = re.compile(r"[\x00-\x1f\x7f]")
_KEPT = "".join(map(chr, range(0x21, 0x7F))).replace("\\", "")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def safe_redirect(candidate: str, public_url: str) -> str | None:
    """Return the absolute URL of a wanted destination on our site, or None when it is not on it."""
    place = re.split(r"[?#]", candidate, maxsplit=1)[0]
    if _FORBIDDEN.search(place) or _FORBIDDEN_LATER.search(candidate):
        return None
    try:
        rest = candidate if candidate.startswith("/") else _cut_origin(candidate, public_url)
        encoded = quote(rest, safe=_KEPT) if rest is not None else None
    except ValueError:  # an impossible host or port, or a lone surrogate
        return None
    if encoded is None or len(encoded) > MAX_LENGTH or not _is_canonical(encoded):
        return None
    return public_url + encoded


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, the host and the port of a URL; ValueError when the port is impossible."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _cut_origin(candidate: str, public_url: str) -> str | None:
    """Return what follows the origin in an absolute URL of ours, else None."""
    parts = urlsplit(candidate)
    if not parts.netloc.isascii() or "@" in parts.netloc or origin_of(candidate) != origin_of(public_url):
        return None
    return candidate[len(f"{parts.scheme}://{parts.netloc}") :]


def _is_canonical(rest: str) -> bool:
    """Tell whether the path has only one reading: no empty, ``.`` or ``..`` segment, however it is spelled."""
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    if not path:
        return True
    first, *segments = path.split("/")
    inner = segments[:-1] if segments and segments[-1] == "" else segments
    return first == "" and all(segment and unquote(segment) not in {".", ".."} for segment in inner)
