"""Which of our pages are not there, so that no page links to them or speaks of them.

The gateway's rules decide what can be reached, and only the gateway knows them. Where they reach all our pages it says
nothing; else it names those that they don't reach in ``Gatepost-Lacks``, on requests to the services that have pages. A
client's own never passes it. Without a gateway ahead all are taken to be there.

What the application itself knows comes on top (``app.state.find_lacks``): no way to sign up, where that is not for
everybody, and at the gateway, which says nothing to itself, all of it.
"""

from collections.abc import Iterable
from enum import StrEnum

from starlette.types import Scope

LACKS = b"gatepost-lacks"
"""The header: words of ``OurPage``, and paths of an operator's own links, separated by blanks."""


class OurPage(StrEnum):
    """What a page may be missing."""

    HOME = "home"  # anything at /
    FEED = "feed"  # all posts, at /
    POSTS = "posts"  # one's own posts, at /userposts: without them there is nothing of posts at all
    ACCOUNT = "account"
    SIGN_UP = "sign-up"
    FORGOT = "forgot"
    DOCS = "docs"


NOTHING: frozenset[str] = frozenset()


def list_lacking(scope: Scope) -> frozenset[str]:
    """Return what is not there for the reader of a page."""
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == LACKS]
    find_own = getattr(getattr(scope.get("app"), "state", None), "find_lacks", None)
    own: frozenset[str] = find_own(scope) if find_own is not None else NOTHING
    return own.union(*map(read_lacking, told)) if told else own


def read_lacking(value: str) -> frozenset[str]:
    """Return what a value of the header names."""
    return frozenset(value.split())


def write_lacking(lacking: Iterable[str]) -> str:
    """Return the header's value."""
    return " ".join(sorted(lacking))
