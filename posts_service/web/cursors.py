"""Cursors: where a list continues. Opaque to clients; inside, the id of the last post on the previous page.

Pure. A cursor is the id's eight bytes in base64url, so ``PATTERN`` alone decides whether a text is one, and no text
that matches can do harm: what a list may show is decided anew for every page.
"""

import base64
import re

PATTERN = r"^[A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]$"  # 63 bits in eleven digits; the sign and the padding are zero
_CURSOR = re.compile(PATTERN.removesuffix("$"))
_LENGTH = 8  # bytes


def encode_cursor(last_id: int) -> str:
    """Return the cursor of the page that follows the post with that id."""
    return base64.urlsafe_b64encode(last_id.to_bytes(_LENGTH, "big")).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Return the id in a cursor; ValueError for anything that is not one."""
    if _CURSOR.fullmatch(cursor) is None:
        raise ValueError("is not a cursor of ours")
    return int.from_bytes(base64.urlsafe_b64decode(cursor + "="), "big")
