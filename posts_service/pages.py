"""The HTML pages: the feed, one post, the caller's own posts, and the forms that write them.

Plain forms, no script. Every form carries a token bound to the session; every write ends in a redirect (303), so that
going back or reloading never writes twice. A form that is refused comes back with what was typed. Browsers send line
ends as CRLF; they are stored as LF, as the JSON API would get them.
"""

import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from posts_service.cursors import encode_cursor, read_cursor
from posts_service.endpoints import MAX_POST_BODY, journal_of
from posts_service.posts import FROM_THE_NEWEST, Changes, Post
from posts_service.schemas import NewPost
from shared.authentication import User, identify_caller, require_user
from shared.bodies import read_form
from shared.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from shared.form_tokens import FormTokens
from shared.pages import render_page
from shared.routes import path_id
from shared.schemas import validate

TEMPLATES = Path(__file__).parent / "templates"
PAGE_LENGTH = 20
MAX_FORM = 3 * MAX_POST_BODY  # percent-encoding triples what is not ASCII
CHANGED_MEANWHILE = "This post was changed since you opened it. What you typed is below; save again to overwrite it."


async def show_feed(request: Request) -> Response:
    """``GET /``: everyone's published posts."""
    caller = identify_caller(request)
    user = caller if isinstance(caller, User) else None
    page = await journal_of(request).list_published(PAGE_LENGTH, _read_before(request))
    return _show("feed.html", user, posts=page.posts, older=_older(page.next_before))


async def show_post(request: Request) -> Response:
    """``GET /posts/{id}``: one post."""
    caller = identify_caller(request)
    user = caller if isinstance(caller, User) else None
    post = await journal_of(request).read(path_id(request), user.claims.user_id if user else None)
    return _show("post.html", user, post=post)


async def show_own_posts(request: Request) -> Response:
    """``GET /userposts``: the caller's own posts."""
    user = require_user(request)
    user_id = user.claims.user_id
    page = await journal_of(request).list_of_author(user_id, user_id, PAGE_LENGTH, _read_before(request))
    token = _sign_form(request, user)
    return _show("own_posts.html", user, posts=page.posts, older=_older(page.next_before), form_token=token)


async def show_new_form(request: Request) -> Response:
    """``GET /userposts/new``: an empty form."""
    user = require_user(request)
    return _show_form(request, user, {}, post=None)


async def create_from_form(request: Request) -> Response:
    """``POST /userposts/new``: write the post and go to the list."""
    user = require_user(request)
    form = await _read_own_form(request, user)
    try:
        await journal_of(request).write(user.claims, _read_post(form))
    except Invalid as error:
        return _show_form(request, user, form, post=None, errors=error.fields, status=error.status)
    return _go_to_list()


async def show_edit_form(request: Request) -> Response:
    """``GET /userposts/{id}``: the form with a post of the caller's own."""
    user = require_user(request)
    post = await _get_own(request, user)
    form = {"title": post.title, "content": post.content, "etag": post.etag}
    return _show_form(request, user, form | ({"published": "on"} if post.published else {}), post=post)


async def save_from_form(request: Request) -> Response:
    """``POST /userposts/{id}``: save the post, unless it was changed since the form was opened."""
    user = require_user(request)
    form = await _read_own_form(request, user)
    post = await _get_own(request, user)
    try:
        wanted = _read_post(form)
        changes = Changes(wanted.title, wanted.content, wanted.published)
        await journal_of(request).change(post.id, user.claims.user_id, changes, form.get("etag", ""))
    except Invalid as error:
        return _show_form(request, user, form, post=post, errors=error.fields, status=error.status)
    except PreconditionFailed as error:
        current = await _get_own(request, user)
        form |= {"etag": current.etag}
        return _show_form(request, user, form, post=current, alert=CHANGED_MEANWHILE, status=error.status)
    return _go_to_list()


async def remove_from_form(request: Request) -> Response:
    """``POST /userposts/{id}/delete``: remove the post and go to the list."""
    user = require_user(request)
    await _read_own_form(request, user)
    post = await _get_own(request, user)
    await journal_of(request).remove(post.id, user.claims.user_id, if_match=None)
    return _go_to_list()


async def _get_own(request: Request, user: User) -> Post:
    """Return the path's post if it is the caller's own; on these pages all others are not there."""
    post = await journal_of(request).read(path_id(request), user.claims.user_id)
    if post.author_id != user.claims.user_id:
        raise NotFound
    return post


async def _read_own_form(request: Request, user: User) -> dict[str, str]:
    """Return the fields of a form that we showed in this session, or raise Forbidden."""
    form = await read_form(request, MAX_FORM)
    tokens = _form_tokens(request)
    if not tokens.is_valid(form.pop("formToken", ""), user.claims.session_id, int(time.time())):
        raise Forbidden("This form has expired. Open it again")
    return form


def _read_post(form: dict[str, str]) -> NewPost:
    content = form.get("content", "").replace("\r\n", "\n")
    members = {"title": form.get("title", ""), "content": content, "published": "published" in form}
    return validate(NewPost, members)


def _show_form(
    request: Request,
    user: User,
    form: dict[str, str],
    *,
    post: Post | None,
    errors: dict[str, str] | None = None,
    alert: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    context = {"form": form, "post": post, "errors": errors or {}, "alert": alert}
    return _show("edit.html", user, status=status, form_token=_sign_form(request, user), **context)


def _show(template: str, user: User | None, *, status: int = 200, **context: object) -> HTMLResponse:
    context["user"] = user.claims if user else None
    return render_page(template, folder=TEMPLATES, status=status, headers=None, **context)


def _sign_form(request: Request, user: User) -> str:
    return _form_tokens(request).sign(user.claims.session_id, int(time.time()))


def _form_tokens(request: Request) -> FormTokens:
    tokens = request.app.state.form_tokens
    assert isinstance(tokens, FormTokens)
    return tokens


def _read_before(request: Request) -> int:
    cursor = request.query_params.get("cursor")
    return FROM_THE_NEWEST if cursor is None else read_cursor(cursor)


def _older(next_before: int | None) -> str | None:
    return None if next_before is None else f"?cursor={encode_cursor(next_before)}"


def _go_to_list() -> RedirectResponse:
    return RedirectResponse("/userposts", status_code=303)
