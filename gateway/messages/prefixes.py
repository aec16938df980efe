"""A prefix of the path that an application behind the gateway does not know of (``strip`` in the policy). Pure.

1. It is taken off what is forwarded, and told in ``X-Forwarded-Prefix``. What is left begins with one slash, in every
   reading of it (``spellings``); else it can't be taken off.
2. In an answer, ``Location`` and the ``Path`` of cookies get it back, unless it is there already: an application that
   reads ``X-Forwarded-Prefix`` adds it itself. An absolute ``Location`` gets it if it leads to the host that was asked.
3. ``Destination`` of a method that leads there (``policy.destinations``) loses it as the path does.
4. A cookie named ``__Host-`` keeps its path, for with another one browsers refuse it. What stands in a body stays as it
   is, and so does a relative ``Location``, which a browser resolves itself.
"""

import re

from gateway.messages.raw_headers import RawHeader, encode_lines, split_lines
from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path
from gateway.policy.spellings import read_spelling

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#\\@]+)")
_DESTINATION = re.compile(rb"((?i:https?)://[^/?#]+)?(/[^?]*)(.*)", re.DOTALL)
_PATH = re.compile(rb"(;[ \t]*path[ \t]*=[ \t]*)(/[^;]*)", re.IGNORECASE)


def strip_prefix(path: CanonicalPath, prefix: str, *, is_canonical: bool) -> CanonicalPath | None:
    """Return the path without its prefix; None where that can't be taken off what is forwarded.

    Of a path that ``is_canonical`` the rest is so, too.
    """
    rest = _take_off(path.raw, prefix.encode("ascii"))
    return CanonicalPath(path.text, rest) if rest is not None and (is_canonical or _may_pass(rest)) else None


def can_strip(raw: bytes, prefix: str) -> bool:
    """Tell whether the prefix can be taken off a path, as it was sent."""
    rest = _take_off(raw, prefix.encode("ascii"))
    return rest is not None and _may_pass(rest)


def _take_off(raw: bytes, prefix: bytes) -> bytes | None:
    return (raw[len(prefix) :] or b"/") if _is_below(raw, prefix) else None


def _may_pass(raw: bytes) -> bool:
    try:
        canonicalize_path(raw)
    except PathRefused:
        return read_spelling(raw) is not None
    return True


def strip_destinations(lines: bytes, prefix: str) -> bytes:
    """Return a request's header lines, with the prefix taken off each ``Destination`` that is below it."""
    before = prefix.encode("ascii")
    return encode_lines(
        (name, _strip_destination(value, before) if name.lower() == b"destination" else value)
        for name, value in split_lines(lines)
    )


def _strip_destination(value: bytes, prefix: bytes) -> bytes:
    match = _DESTINATION.fullmatch(value)
    rest = _take_off(match[2], prefix) if match is not None else None
    return value if match is None or rest is None else b"%b%b%b" % (match[1] or b"", rest, match[3])


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
