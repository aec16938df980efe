r"""Where a browser goes for the text in a ``Location``: the parts of WHATWG URL, section 4.4, that matter here."""

import re
from urllib.parse import urljoin, urlsplit

_DROPPED_AT_ENDS = "".join(map(chr, range(0x21)))
_DROPPED_ANYWHERE = re.compile(r"[\t\n\r]")
_SPECIAL = re.compile(r"(https?|wss?|ftp):[/\\]*", re.IGNORECASE)


def find_origin(location: str, page: str) -> str:
    """Return the origin where a browser lands when a page of ours sends it to ``location``; ``none`` if it can't go."""
    text = _DROPPED_ANYWHERE.sub("", location.strip(_DROPPED_AT_ENDS))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) and not _SPECIAL.match(text):
        return text.partition(":")[0].lower() + ":"
    found = re.match(r"[^?#]*", text)
    path = found[0] if found else ""
    text = re.sub(r"^//+", "//", path.replace("\\", "/")) + text[len(path) :]
    try:
        parts = urlsplit(urljoin(page, _SPECIAL.sub(lambda found: f"{found[1].lower()}://", text, count=1)))
    except ValueError:
        return "none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
