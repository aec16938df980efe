"""Entity tags, and conditional requests that use them (RFC 9110, sections 8.8.3, 13.1.1 and 13.1.2).

Pure. A post's tag is strong and changes with everything that its representation shows: its version, which each change
raises, and its author's name and e-mail address, which change elsewhere. The time of the last change is part of it,
because a database that is restored to an earlier state repeats the versions that follow it. There are two
representations, one without the e-mail address, and each has a tag of its own.

``If-Match`` compares strongly, ``If-None-Match`` weakly. A malformed condition matches nothing, which is safe for both:
no change is made, nothing stale is taken for fresh.
"""

import hashlib
import re

from posts_service.tables.posts import Post

# No two adjacent parts of this can match the same text: its time is linear in what a client sends.
_ELEMENT = re.compile(r'[ \t]*(?:(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|\Z)')


def etag_of(post: Post) -> str:
    """Return the strong entity tag of a post as it is now, shown with its author's e-mail address."""
    return _make_tag(post, f"{post.author.name}\0{post.author.email}" if post.author else "")


def public_etag_of(post: Post) -> str:
    """Return the strong entity tag of a post as it is now, shown to everybody."""
    return _make_tag(post, post.author.name if post.author else "")


def is_matched_strongly(condition: str, *etags: str) -> bool:
    """Tell whether an ``If-Match`` value matches one of these tags: by ``*`` or by the same strong tag."""
    return condition.strip(" \t") == "*" or not _parse_tags(condition).isdisjoint((False, etag) for etag in etags)


def is_matched_weakly(condition: str, etag: str) -> bool:
    """Tell whether an ``If-None-Match`` value matches this tag: by ``*`` or by the same tag, even if weak."""
    return condition.strip(" \t") == "*" or etag in {tag for _, tag in _parse_tags(condition)}


def _make_tag(post: Post, author: str) -> str:
    shown = f"{post.updated_at.timestamp():.6f}\0{author}"
    return f'"{post.version}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"'


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
