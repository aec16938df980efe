r"""A path as the most generous of servers reads it: all the leniencies by which guards have been bypassed, at once.

It decodes until nothing is left to decode, ``%uXXXX`` (IIS) and overlong UTF-8 included; takes ``\`` for ``/``
(Windows); drops ``;parameters`` (servlets) and control characters, and what follows a NUL (C); then merges slashes and
resolves dots. What it does not do is fold case or Unicode: to a guard, those are other paths.
"""

import posixpath
import re
from urllib.parse import unquote_to_bytes

_ROUNDS = 4
_IIS = re.compile(rb"%[uU]00([0-9A-Fa-f]{2})")
_OVERLONG = re.compile(rb"[\xc0\xc1]([\x80-\xbf])|\xe0([\x80\x81])([\x80-\xbf])|\xf0\x80([\x80\x81])([\x80-\xbf])")


def read_generously(raw: bytes) -> str:
    """Return the path that is meant, for a server that wants to serve it at any cost."""
    for _ in range(_ROUNDS):
        raw = _OVERLONG.sub(_shorten, unquote_to_bytes(_IIS.sub(rb"%\1", raw)))
    text = re.split(r"[\x00?#]", raw.decode("utf-8", "ignore"), maxsplit=1)[0]
    text = re.sub(r"[\x01-\x1f\x7f]", "", text).replace("\\", "/")
    return posixpath.normpath("/" + re.sub(r";[^/]*", "", text).lstrip("/"))


def _shorten(found: re.Match[bytes]) -> bytes:
    *_, last = (each for each in found.groups() if each is not None)
    bits = found.group()
    first = bits[-2] & 0x1F if bits[0] >= 0xE0 else bits[0] & 0x1F
    return bytes([((first << 6) | (last[0] & 0x3F)) & 0x7F])
