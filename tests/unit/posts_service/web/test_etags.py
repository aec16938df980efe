"""The entity tags of posts (RFC 9110, section 8.8.3)."""

import dataclasses
import datetime as dt

from posts_service.tables.posts import Post
from posts_service.web.etags import etag_of
from shared.users_copy.authors import Author
from shared.web.entity_tags import is_matched_strongly

NOW = dt.datetime.now(dt.UTC)
POST = Post(1, "Title", "", True, 1, 7, NOW, NOW, Author(7, "Ada", "ada@example.com"))


def test_a_tag_is_well_formed_and_changes_with_what_is_shown() -> None:
    """Version, time of the last change, name, address, an unknown author: each gives a different strong tag."""
    assert POST.author
    posts = [
        POST,
        dataclasses.replace(POST, version=2),
        dataclasses.replace(POST, updated_at=POST.updated_at + dt.timedelta(microseconds=1)),
        dataclasses.replace(POST, author=None),
        dataclasses.replace(POST, author=dataclasses.replace(POST.author, name="Eve")),
        dataclasses.replace(POST, author=dataclasses.replace(POST.author, email="eve@example.com")),
    ]
    tags = [etag_of(post) for post in posts]
    assert len(set(tags)) == len(tags)
    assert all(is_matched_strongly(tag, tag) for tag in tags)
