"""What is asked at each size: of the posts service over HTTP, and of PostgreSQL in the services' own statements.

Signing in and using a session are the auth service's statements, one after another: its password hashes would hide
what they cost.
"""

import datetime as dt
import json
import time
from collections.abc import Awaitable, Callable

from auth_service.tables.sessions import SessionId, update_last_used
from auth_service.tables.users import find_credentials, find_user
from posts_service.fast.post_lists import list_by_authors, list_feeds
from posts_service.lists import AuthorsList, FeedList
from posts_service.tables.posts import find_post, find_post_for_update, insert_post, list_by_author, update_post
from posts_service.web.cursors import encode_cursor
from posts_service.web.pages import READ
from shared.postgres.database import Connection
from shared.tokens.claims import Claims
from shared.tokens.signed import MAX_ID
from shared.users_copy.authors import upsert_author
from tests.benchmarks.picks import Picks
from tests.benchmarks.posts_upstream import POSTS_IN_ANSWER

AUTHOR, AUTHOR_DEEP = "an author's posts, first page", "an author's posts, deep cursor"
FEED, FEED_DEEP = "everybody's posts, first page", "everybody's posts, deep cursor"
POST, WRITE = "one post", "writing a post"
SIGN_IN, SESSION = "sign-in, its look-up", "use of a session"
OWN, OWN_PAGE, CHANGE = "one's own posts, drafts too", "the same, for a page", "changing a post"

DEPTHS = {AUTHOR: AUTHOR_DEEP, FEED: FEED_DEEP}
TITLE = "Written at scale"
DRAFT = json.dumps({"title": TITLE, "content": "About as long as a short post is, and it is one.", "published": True})

_IDLE_AGE = dt.timedelta(days=7)
_MOST = POSTS_IN_ANSWER

PATHS: dict[str, Callable[[Picks], str]] = {
    AUTHOR: lambda picks: f"/api/user/{picks.busy_author()}?limit={_MOST}",
    AUTHOR_DEEP: lambda picks: f"/api/user/{picks.busy_author()}?limit={_MOST}&cursor={encode_cursor(picks.deep_id())}",
    FEED: lambda _: f"/api/posts?limit={_MOST}",
    FEED_DEEP: lambda picks: f"/api/posts?limit={_MOST}&cursor={encode_cursor(picks.deep_id())}",
    POST: lambda picks: f"/api/posts/{picks.post_id()}",
}

Statements = Callable[[Connection, Picks], Awaitable[object]]
"""Asks a connection, in the services' own words."""


def _list(connection: Connection, author_id: int, before: int, *, with_drafts: bool = False) -> Awaitable[object]:
    return list_by_authors(connection, [AuthorsList(author_id, before, _MOST, with_drafts)])


async def _write(connection: Connection, picks: Picks) -> None:
    author = picks.writer()
    now = int(time.time())
    claims = Claims(author, f"User {author}", f"user{author}@example.com", "session", "token", now, now + 3600)
    await upsert_author(connection, claims)
    await insert_post(connection, author, TITLE, "About as long as a short post is.", published=True)


async def _change(connection: Connection, picks: Picks) -> None:
    post = await find_post_for_update(connection, picks.post_id())
    assert post is not None
    await update_post(connection, post.id, post.author_id, title=TITLE, content=None, published=None)


async def _use_session(connection: Connection, picks: Picks) -> None:
    session = await update_last_used(connection, SessionId(picks.session_id()), _IDLE_AGE)
    assert session is not None
    await find_user(connection, session.user_id)


OF_POSTS: dict[str, Statements] = {
    AUTHOR: lambda found, picks: _list(found, picks.busy_author(), MAX_ID),
    AUTHOR_DEEP: lambda found, picks: _list(found, picks.busy_author(), picks.deep_id()),
    OWN: lambda found, picks: _list(found, picks.busy_author(), MAX_ID, with_drafts=True),
    OWN_PAGE: lambda found, picks: list_by_author(found, picks.busy_author(), MAX_ID, _MOST + 1, READ),
    FEED: lambda found, _: list_feeds(found, [FeedList(MAX_ID, _MOST)]),
    FEED_DEEP: lambda found, picks: list_feeds(found, [FeedList(picks.deep_id(), _MOST)]),
    POST: lambda found, picks: find_post(found, picks.post_id()),
    WRITE: _write,
    CHANGE: _change,
}
OF_AUTH: dict[str, Statements] = {
    SIGN_IN: lambda found, picks: find_credentials(found, picks.email()),
    SESSION: _use_session,
}
