"""What a letter says: subject, plain text and HTML (RFC 5322, RFC 2045 to 2047). Pure.

Anybody may have written it. What comes out is text that can be encoded and shown, never an exception; it is still to be
escaped.
"""

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage

UNREADABLE = "(unreadable: see the source)"


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to read in a letter; a part that it lacks is None."""

    subject: str
    text: str | None
    html: str | None


def read_contents(source: bytes) -> Contents:
    """Return what a letter says; one that the parser gives up on has only its source to show."""
    try:
        message = email.message_from_bytes(source, policy=email.policy.default)
        subject = _clean(str(message["subject"] or ""))
        return Contents(subject, _read_body(message, "plain"), _read_body(message, "html"))
    except Exception:  # noqa: BLE001 - on a crooked letter the parser raises whatever it stumbles over
        return Contents(UNREADABLE, None, None)


def read_source(source: bytes) -> str:
    """Return the source as text; bytes that are not UTF-8 are replaced."""
    return _clean(source.decode(errors="replace"))


def _read_body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    data = part.get_payload(decode=True) if part is not None else None
    if part is None or not isinstance(data, bytes):
        return None
    try:
        return _clean(data.decode(part.get_content_charset("utf-8"), "replace"))
    except (LookupError, UnicodeError):  # no such encoding, or none of text
        return _clean(data.decode(errors="replace"))


def _clean(text: str) -> str:
    """Return a text without halves of characters, which can't be encoded, and with plain line ends."""
    return text.encode(errors="replace").decode().replace("\r\n", "\n")
