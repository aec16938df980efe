"""The opening handshake of a WebSocket (RFC 6455, sections 4.1 and 4.2), as seen between client and server. Pure.

The gateway opens the tunnel and relays bytes; it speaks no frames. The client's handshake must be complete and have one
reading before it reaches the upstream, and the upstream must prove by ``Sec-WebSocket-Accept`` that it understood
before the client hears of it: else one side's bytes could be taken for HTTP by the other.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from gateway.messages.raw_headers import RawHeader, list_values, list_words
from shared.errors import AppError, BadRequest

VERSION = b"13"
UPGRADE_HEADERS: tuple[RawHeader, ...] = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))

_KEY_LENGTH = 16  # bytes, decoded
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class UpgradeRequired(AppError):
    """426: only another version of the protocol is spoken here (RFC 9110, section 15.5.22)."""

    status = 426
    sentence = "Only version 13 of WebSocket is spoken here"

    def __init__(self) -> None:
        super().__init__(headers={"Sec-WebSocket-Version": VERSION.decode(), "Upgrade": "websocket"})


def wants_websocket(headers: Iterable[RawHeader]) -> bool:
    """Tell whether a request (names in lower case) asks for a WebSocket, well or badly."""
    return any(name == b"upgrade" and b"websocket" in value.lower() for name, value in headers)


def wants_only_websocket(headers: Iterable[RawHeader]) -> bool:
    """Tell whether ``websocket`` is the one protocol that a message (names in lower case) would upgrade to."""
    return [value.lower() for value in list_values(headers, b"upgrade")] == [b"websocket"]


def read_key(method: str, http_version: str, headers: Iterable[RawHeader]) -> bytes:
    """Return the key of a client's handshake; raises BadRequest or UpgradeRequired where it is not a valid one."""
    headers = list(headers)
    if method != "GET" or http_version != "1.1" or b"upgrade" not in list_words(headers, b"connection"):
        raise BadRequest("This is not the handshake of a WebSocket")
    if not wants_only_websocket(headers):
        raise BadRequest("Ask for websocket alone")
    if list_values(headers, b"sec-websocket-version") != [VERSION]:
        raise UpgradeRequired
    keys = list_values(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise BadRequest("Sec-WebSocket-Key must be 16 bytes in base64")
    return keys[0]


def is_accepted(key: bytes, headers: Iterable[RawHeader]) -> bool:
    """Tell whether the headers of a 101 (names in lower case) answer the handshake with this key."""
    headers = list(headers)
    return (
        b"upgrade" in list_words(headers, b"connection")
        and wants_only_websocket(headers)
        and list_values(headers, b"sec-websocket-accept") == [accept_of(key)]
    )


def accept_of(key: bytes) -> bytes:
    """Return the value that proves that a handshake with this key was understood."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _is_key(value: bytes) -> bool:
    try:
        decoded = base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return len(decoded) == _KEY_LENGTH and base64.b64encode(decoded) == value
