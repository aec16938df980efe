r"""Spellings of a path that are not canonical, and every path that an upstream could read in one. Pure.

A canonical path has one reading, whoever reads it (``canonical_paths``). Some applications need more: ``C%23.ipynb``,
``@scope%2Fpackage``. Where a rule says so (``paths``), such a spelling passes; and by this law no guard is bypassed:

    It passes only if every reading of it is decided by one and the same rule, and that rule says ``paths``.

One of the readings is always a canonical path. So whatever passes is what that rule lets pass anyhow.

1. With ``encoded`` a path may hold ``%23 %25 %3B %3F``, and raw ``[ ] ^ |``, which are sent on encoded. With ``raw``
   also ``%2F`` and empty segments, but not two slashes at the start; then it is sent on byte for byte. What else a
   canonical path may not hold is refused as before: encoded unreserved characters, ``\``, controls, bad UTF-8.
2. A *reading* is what results by any of these steps, in any order and number: to decode all, all but ``%2F``, or
   ``%2F`` alone; to cut at ``?``, at ``#`` or at ``;``; to leave out the ``;parameters`` of the last segment, or of
   all; to merge slashes, or drop the one at the end; to drop a ``%`` that encodes nothing. What is sent on is a reading
   too: some servers decode nothing.
3. A reading with a ``.`` or ``..`` segment, a ``\``, a control, bad UTF-8, ``%u0041`` (IIS) or two slashes at its start
   makes the spelling one that passes nowhere. So do too many readings: ``MOST_READINGS``, ``LONGEST_READ``.
4. A matcher sees a reading as it would stand in a URL: ``#`` and ``?`` encoded; and ``%``, which no canonical path
   holds, for an empty segment, since a parameter stands for one that is not empty.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from gateway.policy.canonical_paths import KEPT_RAW, MAX_PATH_LENGTH, UNRESERVED, CanonicalPath
from gateway.policy.rules import Paths

MOST_READINGS = 32
LONGEST_READ = 16_384  # characters of all readings together

READING_TEXT = r"/|(?:/(?!\.\.?(?:/|$))[^\x00-\x1f\x7f-\x9f/\\?#\u2028\u2029\ud800-\udfff\ufffd]+)+/?"
"""A JavaScript regular expression that matches every reading as a matcher sees it, and every canonical path."""

_SPELLED = re.compile(rb"/(?:[" + (UNRESERVED + KEPT_RAW).encode() + rb"\[\]^|]|%[0-9A-Fa-f]{2})*")
_NEVER_ENCODED = re.compile(  # controls, DEL, the backslash, unreserved characters
    rb"%(?:[01][0-9A-Fa-f]|2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEeFf])"
)
_REFUSED = re.compile(r"\A//|[\x00-\x1f\x7f-\x9f\\\u2028\u2029\ufffd]|%[uU][0-9A-Fa-f]{4}|/\.\.?(?:/|\Z)")
_ENCODED_SLASH = re.compile("%2[fF]")
_IDLE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PARAMETERS = re.compile(";[^/]*")
_SLASHES = re.compile("/{2,}")


class Spelling(NamedTuple):
    """A path that is not canonical: what a rule has to say for it to pass, and its readings, as matchers see them.

    ``raw`` is how it was sent; ``encoded``, how it is sent on where a rule says ``encoded``.
    """

    needs: Paths
    raw: bytes
    encoded: bytes
    readings: tuple[str, ...]

    def write(self, allowed: Paths) -> CanonicalPath:
        """Return the path as it is matched, shown, and sent on by a rule that allows this."""
        return CanonicalPath(self.readings[0], self.raw if allowed is Paths.RAW else self.encoded)


def read_spelling(raw: bytes) -> Spelling | None:
    """Return what a path is that is not canonical; None where no rule can let it pass."""
    if len(raw) > MAX_PATH_LENGTH or not _SPELLED.fullmatch(raw) or _NEVER_ENCODED.search(raw):
        return None
    sent = raw.decode("ascii")
    try:
        text = _decode_but_slash(sent)
        needs = Paths.RAW if "//" in sent or _ENCODED_SLASH.search(sent) else Paths.ENCODED
        encoded = sent if needs is Paths.RAW else quote(text, safe=KEPT_RAW)
        readings = _list_readings(text, sent, encoded)
    except UnicodeDecodeError:
        return None
    seen = tuple(dict.fromkeys(map(_see, readings)))
    return Spelling(needs, raw, encoded.encode("ascii"), seen) if seen else None


def _list_readings(*first: str) -> list[str]:
    """Return all readings, these first; none where one is refused, or where there are too many."""
    waiting = list(dict.fromkeys(first))
    found = set(waiting)
    for text in waiting:
        if _REFUSED.search(text):
            return []
        new = [reading for reading in dict.fromkeys(step(text) for step in _STEPS) if reading not in found]
        found.update(new)
        waiting += new
        if len(waiting) > MOST_READINGS or sum(map(len, waiting)) > LONGEST_READ:
            return []
    return waiting


def _see(reading: str) -> str:
    """Return a reading as a matcher sees it (law 4)."""
    text = reading.replace("#", "%23").replace("?", "%3F")
    while "//" in text:
        text = text.replace("//", "/%/")
    return text


def _decode(text: str) -> str:
    return unquote_to_bytes(text).decode() if "%" in text else text


def _decode_slash(text: str) -> str:
    return _ENCODED_SLASH.sub("/", text)


def _decode_but_slash(text: str) -> str:
    return _decode(_ENCODED_SLASH.sub("%252F", text))


def _drop_idle_percents(text: str) -> str:
    return _IDLE_PERCENT.sub("", text)


def _cut_query(text: str) -> str:
    return text.partition("?")[0]


def _cut_fragment(text: str) -> str:
    return text.partition("#")[0]


def _cut_parameters(text: str) -> str:
    return text.partition(";")[0]


def _drop_last_parameters(text: str) -> str:
    before, slash, last = text.rpartition("/")
    return before + slash + last.partition(";")[0]


def _drop_parameters(text: str) -> str:
    return _PARAMETERS.sub("", text)


def _drop_last_slash(text: str) -> str:
    return text[:-1] if text.endswith("/") and text != "/" else text


def _merge_slashes(text: str) -> str:
    return _SLASHES.sub("/", text)


_STEPS: tuple[Callable[[str], str], ...] = (
    _decode,
    _decode_slash,
    _decode_but_slash,
    _drop_idle_percents,
    _cut_query,
    _cut_fragment,
    _cut_parameters,
    _drop_last_parameters,
    _drop_parameters,
    _merge_slashes,
    _drop_last_slash,
)
