"""Conditional requests by entity tags (RFC 9110, sections 13.1.1 and 13.1.2).

Pure. ``If-Match`` compares strongly, ``If-None-Match`` weakly. A malformed condition matches nothing, which is safe for
both: no change is made, nothing stale is taken for fresh.
"""

import re

# No two adjacent parts of this can match the same text: its time is linear in what a client sends.
_ELEMENT = re.compile(r'[ \t]*(?:(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|\Z)')


def is_matched_strongly(condition: str, *etags: str) -> bool:
    """Tell whether an ``If-Match`` value matches one of these tags: by ``*`` or by the same strong tag."""
    return condition.strip(" \t") == "*" or not _parse_tags(condition).isdisjoint((False, etag) for etag in etags)


def is_matched_weakly(condition: str, etag: str) -> bool:
    """Tell whether an ``If-None-Match`` value matches this tag: by ``*`` or by the same tag, even if weak."""
    return condition.strip(" \t") == "*" or etag in {tag for _, tag in _parse_tags(condition)}


def _parse_tags(condition: str) -> set[tuple[bool, str]]:
    """Return the tags of a list, each with whether it is weak; none at all when the list is malformed."""
    tags: set[tuple[bool, str]] = set()
    position = 0
    while position < len(condition):
        element = _ELEMENT.match(condition, position)
        if element is None:
            return set()
        if element["tag"]:
            tags.add((element["weak"] is not None, element["tag"]))
        position = element.end()
    return tags
