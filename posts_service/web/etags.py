"""The entity tags of posts (RFC 9110, section 8.8.3).

Pure. A post's tag is strong and changes with everything that its representation shows: its version, which each change
raises, and its author's name and e-mail address, which change elsewhere. The time of the last change is part of it,
because a database that is restored to an earlier state repeats the versions that follow it. There are two
representations, one without the e-mail address, and each has a tag of its own.
"""

import hashlib

from posts_service.tables.posts import Post


def etag_of(post: Post) -> str:
    """Return the strong entity tag of a post as it is now, shown with its author's e-mail address."""
    return _make_tag(post, f"{post.author.name}\0{post.author.email}" if post.author else "")


def public_etag_of(post: Post) -> str:
    """Return the strong entity tag of a post as it is now, shown to everybody."""
    return _make_tag(post, post.author.name if post.author else "")


def _make_tag(post: Post, author: str) -> str:
    shown = f"{post.updated_at.timestamp():.6f}\0{author}"
    return f'"{post.version}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"'
