"""The pages that show posts: the feed, one post, and the caller's own. The forms that change them are in ``forms``.

Who looks is known from the access token in ``Authorization``, which the gateway puts there; a cookie means nothing
here. Everything that people wrote is escaped by the templates and by nothing else.
"""

import time
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from posts_service import reading
from posts_service.parts import parts_of
from posts_service.schemas import ListQuery
from shared.authentication import Caller, User, identify_caller, require_user
from shared.pages import render_page
from shared.routes import path_id
from shared.schemas import validate

TEMPLATES = Path(__file__).parent / "templates"
EXCERPT = 280  # characters of a post's content in a list
LEEWAY = 20  # characters by which a content may be longer and is still shown whole
READ = EXCERPT + LEEWAY + 1  # characters that tell which of both it is


async def show_feed(request: Request) -> Response:
    """Show what everyone has published."""
    caller, query = identify_caller(request), _read_query(request)
    page = await reading.list_feed(parts_of(request), query, READ)
    return _list_page(request, caller, "feed.html", page, query)


async def show_post(request: Request) -> Response:
    """Show one post: a published one to everybody, a draft to its author."""
    caller = identify_caller(request)
    post = await reading.get_visible_post(parts_of(request), caller, path_id(request))
    return posts_page(request, caller, "post.html", post=post, is_own=reading.is_author(caller, post))


async def show_own_posts(request: Request) -> Response:
    """Show the caller's own posts, drafts among them."""
    user, query = require_user(request), _read_query(request)
    page = await reading.list_posts_of(parts_of(request), user.claims.user_id, user, query, READ)
    return _list_page(request, user, "own_posts.html", page, query)


def posts_page(request: Request, caller: Caller, template: str, *, status: int = 200, **context: object) -> Response:
    """Return a page of this service as the caller sees it, with a token for the forms on it."""
    user, form_token = None, ""
    if isinstance(caller, User):
        user = caller.claims
        form_token = parts_of(request).form_tokens.sign(user.session_id, int(time.time()))
    shown = {"user": user, "form_token": form_token, **context}
    return render_page(request.scope, template, folder=TEMPLATES, status=status, headers=None, **shown)


def _list_page(request: Request, caller: Caller, template: str, page: reading.Page, query: ListQuery) -> Response:
    older = urlencode({"limit": query.limit, "cursor": page.next_cursor}) if page.next_cursor else None
    is_first = "cursor" not in request.query_params
    return posts_page(
        request,
        caller,
        template,
        posts=page.posts,
        older=older,
        is_first=is_first,
        excerpt=EXCERPT,
        leeway=LEEWAY,
    )


def _read_query(request: Request) -> ListQuery:
    return validate(ListQuery, dict(request.query_params))
