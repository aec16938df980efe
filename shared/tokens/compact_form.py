"""The compact form of signed and sealed tokens (RFC 7515, section 7.1; RFC 7516, section 7.1), read in one way only.

Pure. What a segment or a JSON object means must not depend on who reads it: base64url is accepted only in its canonical
spelling (RFC 7515, section 2), JSON is UTF-8 and names no member twice (RFC 7515, section 4).

All this runs before any signature is checked: it must never interpret what it reads.
"""

import base64
import json

_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")
"""The characters that may end a segment, by the remainder of its length by 4: those whose unused bits are zero."""


class Malformed(ValueError):
    """Text without the form that it should have. It says no more, for the text may be a credential."""


def decode_segment(segment: str) -> bytes:
    """Return the bytes of a base64url segment; Malformed for any spelling but the canonical one."""
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise Malformed
    return decoded


def encode_segment(decoded: bytes) -> str:
    """Return bytes as a base64url segment."""
    return base64.urlsafe_b64encode(decoded).rstrip(b"=").decode()


def is_canonical(segment: str) -> bool:
    """Tell whether ``decode_segment`` accepts a text that consists of characters of base64url alone."""
    beyond = len(segment) % 4
    return beyond == 0 or segment[-1] in _LAST[beyond]


def read_object(text: bytes) -> dict[str, object]:
    """Return the JSON object in that text; ValueError (or RecursionError, where it is nested deep) for all else."""
    value = _DECODER.decode(text.decode())
    if not isinstance(value, dict):
        raise Malformed
    return value


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members)
