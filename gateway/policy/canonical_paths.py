r"""Canonical paths: the one spelling of a path that is matched and forwarded, or a refusal.

Guards like this one are bypassed when guard and upstream read the same path differently: ``/%75serposts/1``,
``/userposts%2f1`` and ``/userposts%0a`` miss the guard's matcher, and reach a handler that decodes first. So a path
that could be read in a second way is refused. Nothing is merged, resolved or cleaned up. The rules (RFC 3986, 3.3):

1. A path is at most 2048 bytes, starts with ``/``, and the second byte is neither ``/`` nor ``\``.
2. Its bytes are unreserved characters, ``!$&'()*+,=:@/``, and ``%`` with two hexadecimal digits. Nothing else.
3. Only what needs it may be percent-encoded: no control, no DEL, none of ``/ \ % . ; ? #``, no unreserved character.
   Decoded once, it is valid UTF-8 without C1 controls, U+2028, U+2029 and U+FFFD.
4. No segment is empty (but one at the end: a trailing slash), ``.`` or ``..``.
5. The decoded text is matched. What is forwarded is encoded from that text anew: decoding it once gives the text again,
   and nothing is left of the client's own spelling.
6. Whatever the bytes, the only error is PathRefused, or PathTooLong, which is one too.

A query is opaque: its length and characters are checked, it is never decoded, and it is passed on as it came.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from shared.language.sentences import Sentence
from shared.web.sites import LONGEST_PATH, LONGEST_QUERY

MAX_PATH_LENGTH, MAX_QUERY_LENGTH = LONGEST_PATH, LONGEST_QUERY

UNRESERVED = r"A-Za-z0-9._~\-"  # RFC 3986, section 2.3; as in a character class
KEPT_RAW = "!$&'()*+,=:@/"

CANONICAL_TEXT = r"/|(?:/(?!\.\.?(?:/|$))[^\x00-\x1f\x7f-\x9f/\\%;?#\u2028\u2029\ud800-\udfff\ufffd]+)+/?"
"""A JavaScript regular expression that matches the text of every canonical path."""

_REFUSED_RAW = re.compile(rb"[^%" + (UNRESERVED + KEPT_RAW).encode() + rb"]")
_BAD_ENCODING = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_HIDDEN = re.compile(rb"[\x00-\x1f\x7f/\\%;?#" + UNRESERVED.encode() + rb"]")
_REFUSED_TEXT = re.compile("[\x80-\x9f\u2028\u2029\ufffd]")
_REFUSED_QUERY = re.compile(rb"[^!-~]|#")


class PathRefused(Exception):
    """A path or query that can be read in more than one way, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class PathTooLong(PathRefused):
    """A path or query that is longer than is accepted here."""


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """A path as it is matched (``text``, decoded) and as it is forwarded (``raw``, encoded from the text)."""

    text: str
    raw: bytes


def canonicalize_path(raw: bytes) -> CanonicalPath:
    """Return the canonical path of a request's raw path (without the query), or raise PathRefused."""
    _check_shape(raw)
    if b"%" in raw:
        _check_encoding(raw)
    text = _decode(raw)
    _check_segments(text)
    return CanonicalPath(text, quote(text, safe=KEPT_RAW).encode("ascii"))


def check_query(raw: bytes, most: int = MAX_QUERY_LENGTH) -> bytes:
    """Return a raw query (without its ``?``) of at most so many bytes as it is, or raise PathRefused."""
    if len(raw) > most:
        raise PathTooLong(Sentence("The query is longer than {most} bytes", most=most))
    match = _REFUSED_QUERY.search(raw)
    if match:
        raise PathRefused(Sentence("The query has the byte {byte}", byte=_name(match.group())))
    return raw


def write_callback_query(path: CanonicalPath, query: bytes, further: str = "", site: str = "") -> str:
    """Return the query that leads back to path and query, of another site if one is given, with ``further`` behind it.

    Whatever was accepted fits into what the sign-in page accepts (``LONGEST_WAY_BACK``).
    """
    place = path.raw + b"?" + query if query else path.raw
    return f"callbackUrl={quote(site.encode() + place, safe='')}{further}"


def _check_shape(raw: bytes) -> None:
    """Check rules 1 and 2."""
    if len(raw) > MAX_PATH_LENGTH:
        raise PathTooLong(Sentence("The path is longer than {most} bytes", most=MAX_PATH_LENGTH))
    if not raw.startswith(b"/"):
        raise PathRefused("The path does not start with /")
    if raw.startswith((b"//", b"/\\")):
        raise PathRefused("The path starts with two slashes")
    match = _REFUSED_RAW.search(raw)
    if match:
        raise PathRefused(Sentence("The path has the byte {byte}", byte=_name(match.group())))


def _check_encoding(raw: bytes) -> None:
    """Check rule 3, byte by byte."""
    if _BAD_ENCODING.search(raw):
        raise PathRefused("The path has a % without two hexadecimal digits")
    for digits in _ENCODED.findall(raw):
        if _HIDDEN.fullmatch(bytes.fromhex(digits.decode("ascii"))):
            raise PathRefused(Sentence("The path hides a character as %{digits}", digits=digits.decode("ascii")))


def _decode(raw: bytes) -> str:
    """Decode, and check the rest of rule 3."""
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise PathRefused("The path is not valid UTF-8") from None
    match = _REFUSED_TEXT.search(text)
    if match:
        raise PathRefused(Sentence("The path has the character {point}", point=f"U+{ord(match.group()):04X}"))
    return text


def _check_segments(text: str) -> None:
    """Check rule 4."""
    segments = text[1:].split("/")
    if "" in segments[:-1]:
        raise PathRefused("The path has an empty segment")
    if "." in segments or ".." in segments:
        raise PathRefused("The path has a . or .. segment")


def _name(byte: bytes) -> str:
    shown = byte.decode("latin-1")
    return shown if "!" <= shown <= "~" else f"0x{byte[0]:02X}"
