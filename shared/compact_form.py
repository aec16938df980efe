"""The compact form of signed and sealed tokens (RFC 7515, section 7.1; RFC 7516, section 7.1), read in one way only.

Pure. What a segment or a JSON object says must not depend on who reads it: base64url counts in its canonical
spelling alone (RFC 7515, section 2), JSON is UTF-8 and names no member twice (RFC 7515, section 4).

Everything here is read before any signature was looked at: it must never interpret what it reads.
"""

import base64
import json


class Malformed(ValueError):
    """Text that is not what it should be; says nothing more, for the text may be a credential."""


def decode_segment(segment: str) -> bytes:
    """Return the bytes of a base64url segment; Malformed for every spelling but the canonical one."""
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise Malformed
    return decoded


def read_object(text: bytes) -> dict[str, object]:
    """Return the JSON object of that text; ValueError (or RecursionError, where it is nested deep) for all else."""
    value = json.loads(text.decode(), object_pairs_hook=_unique_members)
    if not isinstance(value, dict):
        raise Malformed
    return value


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members
