"""The pages that show posts: the feed, an author's posts, one post, the caller's own. The forms are in ``forms``.

The page that a form redirects to confirms what was done: ``?done=`` names a sentence of ``DONE``.

The reader is known by the access token in ``Authorization``, which the gateway puts there; cookies mean nothing here.
Everything that people wrote is plain text, escaped by the templates and by nothing else; in a post's content, web
addresses become links.
"""

import time
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from posts_service import reading
from posts_service.parts import parts_of
from posts_service.schemas import ListQuery
from shared.errors import NotFound
from shared.language.sentences import Sentence
from shared.tokens.authentication import Caller, User, identify_caller, require_user
from shared.web.pages import render_page
from shared.web.routes import path_id
from shared.web.schemas import validate

TEMPLATES = Path(__file__).parent / "templates"
EXCERPT = 280  # characters of a post's content in a list
LEEWAY = 20  # characters by which a content may be longer and still be shown whole
ABOUT_WHAT_WAS_DONE = ("done", "post")
READ = EXCERPT + LEEWAY + 1  # characters that show which of the two it is

DONE = {
    "published": Sentence("Published. Everybody can read it."),
    "saved": Sentence("Saved."),
    "draft": Sentence("Draft saved. Only you can see it."),
    "deleted": Sentence("The post was deleted."),
    "signed-out": Sentence("You are signed out."),
}


async def show_feed(request: Request) -> Response:
    """Show what everyone has published."""
    caller, query = identify_caller(request), _read_query(request)
    page = await reading.list_feed(parts_of(request), query, READ)
    return _list_page(request, caller, "feed.html", page, query)


async def show_post(request: Request) -> Response:
    """Show a post: a published one to everybody, a draft to its author."""
    caller = identify_caller(request)
    post = await reading.get_visible_post(parts_of(request), caller, path_id(request))
    return posts_page(request, caller, "post.html", post=post, is_own=reading.is_author(caller, post))


async def show_author(request: Request) -> Response:
    """Show what an author has published; a user without published posts has no page, so that it reveals no name."""
    caller, query = identify_caller(request), _read_query(request)
    page = await reading.list_published_of(parts_of(request), path_id(request), query, READ)
    author = page.posts[0].author if page.posts else None
    if author is None:
        raise NotFound
    return _list_page(request, caller, "author.html", page, query, name=author.name)


async def show_own_posts(request: Request, problem: str | None = None) -> Response:
    """Show the caller's own posts, including drafts; a draft that was just saved can be published at once."""
    user, query = require_user(request), _read_query(request)
    page = await reading.list_own_posts(parts_of(request), user, query, READ)
    saved = request.query_params.get("post")
    drafts = [post for post in page.posts if str(post.id) == saved and not post.published]
    new_draft = drafts[0] if drafts else None
    return _list_page(request, user, "own_posts.html", page, query, new_draft=new_draft, problem=problem)


def posts_page(request: Request, caller: Caller, template: str, *, status: int = 200, **context: object) -> Response:
    """Return a page of this service as the caller sees it, with a token for the forms on it."""
    user, form_token = None, ""
    if isinstance(caller, User):
        user = caller.claims
        form_token = parts_of(request).form_tokens.sign(user.session_id, int(time.time()))
    done = request.query_params.get("done", "")
    notice = None if done == "signed-out" and user else DONE.get(done)
    shown = {"user": user, "form_token": form_token, "notice": notice, **context}
    return render_page(request.scope, template, folder=TEMPLATES, status=status, headers=None, **shown)


def _list_page(
    request: Request, caller: Caller, template: str, page: reading.Page, query: ListQuery, **context: object
) -> Response:
    older = urlencode({"limit": query.limit, "cursor": page.next_cursor}) if page.next_cursor else None
    shown = {"posts": page.posts, "older": older, "is_first": "cursor" not in request.query_params, **context}
    return posts_page(request, caller, template, status=200, excerpt=EXCERPT, leeway=LEEWAY, **shown)


def _read_query(request: Request) -> ListQuery:
    wanted = {name: value for name, value in request.query_params.items() if name not in ABOUT_WHAT_WAS_DONE}
    return validate(ListQuery, wanted)
