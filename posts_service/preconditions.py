"""Conditional requests: ``If-Match`` and ``If-None-Match`` (RFC 9110, section 13.1). Pure."""

import re

from shared.errors import BadRequest

_TAG = re.compile(r'[ \t]*(W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)')


def holds_if_match(condition: str, etag: str) -> bool:
    """Tell whether ``If-Match`` lets a write happen: strong comparison, so a weak tag never does."""
    return condition.strip() == "*" or any(tag == etag and not weak for weak, tag in _read_tags(condition))


def holds_if_none_match(condition: str, etag: str) -> bool:
    """Tell whether ``If-None-Match`` asks for the body: weak comparison. What can't be read asks for it."""
    if condition.strip() == "*":
        return False
    try:
        return all(tag != etag for _, tag in _read_tags(condition))
    except BadRequest:
        return True


def _read_tags(condition: str) -> list[tuple[bool, str]]:
    """Return the entity tags of a list, each with whether it is weak; BadRequest when it is no such list."""
    tags: list[tuple[bool, str]] = []
    position = 0
    while position < len(condition):
        match = _TAG.match(condition, position)
        if match is None:
            raise BadRequest("If-Match must be * or a list of entity tags")
        tags.append((match[1] is not None, match[2]))
        position = match.end()
    return tags
