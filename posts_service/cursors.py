"""Cursors: where a list goes on. Opaque outside; inside, the id below which the next page lies."""

import base64

from shared.errors import Invalid
from shared.tokens import MAX_ID

_WIDTH = 8  # bytes of a 64-bit id


def encode_cursor(before: int) -> str:
    """Return the cursor of the page below an id."""
    return base64.urlsafe_b64encode(before.to_bytes(_WIDTH, "big")).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """Return the id below which a cursor's page lies; Invalid for what is no cursor of ours."""
    try:
        before = int.from_bytes(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), "big")
        is_ours = 1 <= before <= MAX_ID and encode_cursor(before) == cursor
    except ValueError:
        is_ours = False
    if not is_ours:
        raise Invalid({"cursor": "is not one that a list of ours gave"})
    return before
