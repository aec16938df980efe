r"""Where a browser may be sent after signing in or out: to a page of one of our sites and nowhere else.

Pure. Browsers parse URLs leniently (WHATWG URL, section 4.4): they drop tabs and newlines, take ``\`` for ``/``, and
``//host`` for another site. So whatever is ambiguous is refused, and what is returned always begins with an origin of
ours (``sites``, from the settings) and a character that ends it: no reading leads elsewhere.

After the first ``?`` or ``#`` nothing can lead elsewhere any more: a blank or a ``\`` there is kept, encoded.
"""

import re
from urllib.parse import quote, unquote, urlsplit

from shared.web.sites import LONGEST_PLACE, Sites

MAX_LENGTH = LONGEST_PLACE  # bytes after the origin, encoded

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_FORBIDDEN_LATER = re.compile(r"[\x00-\x1f\x7f]")
_KEPT = "".join(map(chr, range(0x21, 0x7F))).replace("\\", "")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def safe_redirect(candidate: str, sites: Sites, own: str | None = None) -> str | None:
    """Return the absolute URL of a wanted destination on one of our sites, or None when it is on none.

    A destination without an origin is on the site ``own``, by default the public one.
    """
    place = re.split(r"[?#]", candidate, maxsplit=1)[0]
    if _FORBIDDEN.search(place) or _FORBIDDEN_LATER.search(candidate):
        return None
    try:
        origin, rest = (own or sites.public_url, candidate) if candidate.startswith("/") else _split(candidate, sites)
        encoded = quote(rest, safe=_KEPT)
    except ValueError:  # another site, an impossible host or port, or a lone surrogate
        return None
    return origin + encoded if len(encoded) <= MAX_LENGTH and _is_canonical(encoded) else None


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, the host and the port of a URL; ValueError when the port is impossible."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _split(candidate: str, sites: Sites) -> tuple[str, str]:
    """Return the site of an absolute URL, and what follows its origin; ValueError where it is on none."""
    parts = urlsplit(candidate)
    if not parts.netloc.isascii() or "@" in parts.netloc:
        raise ValueError
    wanted = origin_of(candidate)
    for origin in sites.origins:
        if origin_of(origin) == wanted:
            return origin, candidate[len(f"{parts.scheme}://{parts.netloc}") :]
    raise ValueError


def _is_canonical(rest: str) -> bool:
    """Tell whether the path has only one reading: no empty, ``.`` or ``..`` segment, however it is spelled."""
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    if not path:
        return True
    first, *segments = path.split("/")
    inner = segments[:-1] if segments and segments[-1] == "" else segments
    return first == "" and all(segment and unquote(segment) not in {".", ".."} for segment in inner)
