"""A prefix of the path that an application behind the gateway does not know of (``strip`` in the policy). Pure.

1. It is taken off what is forwarded, and told in ``X-Forwarded-Prefix``. What is left begins with one slash, in every
   reading of it (``spellings``); else it can't be taken off.
2. In an answer, ``Location`` and the ``Path`` of cookies get it back, unless it is there already: an application that
   reads ``X-Forwarded-Prefix`` adds it itself. An absolute ``Location`` gets it if it leads to the host that was asked.
3. A cookie named ``__Host-`` keeps its path, for with another one browsers refuse it. What stands in a body stays as it
   is, and so does a relative ``Location``, which a browser resolves itself.
"""

import re

from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path
from gateway.policy.spellings import read_spelling
from gateway.wire.raw_headers import RawHeader, encode_lines, split_lines

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#\\@]+)")
_PATH = re.compile(rb"(;[ \t]*path[ \t]*=[ \t]*)(/[^;]*)", re.IGNORECASE)


def strip_prefix(path: CanonicalPath, prefix: str, *, is_canonical: bool) -> CanonicalPath | None:
    """Return the path without its prefix; None where that can't be taken off what is forwarded.

    Of a path that ``is_canonical`` the rest is so, too.
    """
    before, raw = prefix.encode("ascii"), path.raw
    if not _is_below(raw, before):
        return None
    rest = CanonicalPath(path.text, raw[len(before) :] or b"/")
    return rest if is_canonical or _may_pass(rest.raw) else None


def _may_pass(raw: bytes) -> bool:
    try:
        canonicalize_path(raw)
    except PathRefused:
        return read_spelling(raw) is not None
    return True


def restore_prefix(lines: bytes, prefix: str, host: bytes) -> bytes:
    """Return an answer's header lines with the prefix put back; ``host`` is the one that was asked."""
    before = prefix.encode("ascii")
    return encode_lines(_restore(header, before, host) for header in split_lines(lines))


def _restore(header: RawHeader, prefix: bytes, host: bytes) -> RawHeader:
    name, value = header
    match name.lower():
        case b"location":
            origin = _ABSOLUTE.match(value)
            start = origin.end() if origin is not None and origin[1].lower() == host else 0
            return name, value[:start] + _add(value[start:], prefix)
        case b"set-cookie" if not value.startswith(b"__Host-"):
            return name, _PATH.sub(lambda found: found[1] + _add_to_cookie(found[2], prefix), value)
        case _:
            return header


def _add(target: bytes, prefix: bytes) -> bytes:
    """Return a path, with whatever follows, below the prefix."""
    is_path = target.startswith(b"/") and not target.startswith((b"//", b"/\\"))
    return prefix + target if is_path and not _is_below(re.split(rb"[?#]", target, maxsplit=1)[0], prefix) else target


def _add_to_cookie(path: bytes, prefix: bytes) -> bytes:
    path = path.rstrip(b" \t")
    return _add(path, prefix) if path != b"/" else prefix


def _is_below(path: bytes, prefix: bytes) -> bool:
    return path == prefix or path.startswith(prefix + b"/")
