"""The header of a signed token: how we spell it, and how one is read (RFC 7515, section 4). Pure.

It says what is claimed and proves nothing: which key verifies the token is for ``signed`` to decide.
"""

import json

from shared.tokens.claims import Refusal, TokenRefused
from shared.tokens.compact_form import decode_segment, encode_segment, read_object
from shared.tokens.keys import VerifyingKey

MAX_HEADER_LENGTH = 512  # bytes, decoded


def write_header(key: VerifyingKey, token_type: str) -> str:
    """Return the segment of a header as we spell it."""
    header = {"alg": key.algorithm, "kid": key.kid, "typ": token_type}
    return encode_segment(json.dumps(header, separators=(",", ":")).encode())


def read_header(segment: str) -> dict[str, object]:
    """Return a small and flat header; TokenRefused for any other, ValueError for what is no JSON object."""
    header = decode_segment(segment)
    # Known to be flat before it is parsed: one nested a thousand deep would exhaust the parser.
    if len(header) > MAX_HEADER_LENGTH or b"[" in header or header.count(b"{") != 1:
        raise TokenRefused(Refusal.HEADER)
    return read_object(header)
