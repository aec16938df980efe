"""The forms that write, change and delete posts: plain HTML, each answered by a redirect or by itself again.

A form that is refused is shown again, each error beside its field and everything typed kept. Every form carries a
token of its session (``shared.form_tokens``); without it nothing is done. Browsers send line breaks as CRLF whatever
was typed (HTML, section 4.10.21.4), so here, and only here, they become LF again.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from posts_service import writing
from posts_service.pages import posts_page
from posts_service.parts import parts_of
from posts_service.posts import Post, find_post
from posts_service.schemas import PostChange, PostDraft
from shared.authentication import User, require_user
from shared.bodies import MAX_JSON_BODY, read_form
from shared.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from shared.routes import path_id
from shared.schemas import validate
from shared.sentences import Sentence

MAX_FORM = 3 * MAX_JSON_BODY  # bytes: what fits into JSON fits into a form, where a byte may take three
OWN_POSTS = "/userposts"

EXPIRED = Sentence("This form was open for too long. Please send it again.")
OVERTAKEN = Sentence(
    "This post was changed after you opened the form. Below is what you typed; saving it again replaces that change."
)
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in a form: typed by the author, or taken from the post that is edited."""

    title: str = ""
    content: str = ""
    published: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)
    alert: str | None = None

    def members(self) -> dict[str, object]:
        """Return what was typed as the members of a body."""
        return {"title": self.title, "content": self.content, "published": self.published}

    def refused(self, faults: Mapping[str, str] | None = None, alert: str | None = None) -> "Typed":
        """Return the same, and what is wrong with it."""
        return Typed(self.title, self.content, self.published, faults or {}, alert)


async def show_new(request: Request) -> Response:
    """Show an empty form."""
    return _new_page(request, require_user(request), Typed())


async def create(request: Request) -> Response:
    """Write the post, once however often the same form is sent, and lead on to the caller's posts."""
    user = require_user(request)
    fields = await read_form(request, MAX_FORM)
    typed = _read_typed(fields)
    if not _is_form_ours(request, user, fields):
        return _new_page(request, user, typed.refused(alert=EXPIRED), status=Forbidden.status)
    try:
        draft = validate(PostDraft, typed.members())
        answer = await writing.write_post_once(parts_of(request).database, user.claims, draft, _form_key(fields))
    except Invalid as error:
        return _new_page(request, user, typed.refused(error.fields), status=error.status)
    except Conflict:
        return _redirect(OWN_POSTS)  # the same form, sent a moment ago, is just being written
    return _lead_on(is_published=draft.published, post_id=answer.headers["Location"].rpartition("/")[2])


async def show_edit(request: Request) -> Response:
    """Show the form with the post in it."""
    user = require_user(request)
    post = await _get_own_post(request, user)
    return _edit_page(request, user, post, Typed(post.title, post.content, post.published))


async def change(request: Request) -> Response:
    """Change the post, unless it was changed since the form was shown, and lead on to the caller's posts."""
    user = require_user(request)
    fields = await read_form(request, MAX_FORM)
    typed, version, post = _read_typed(fields), _read_version(fields), await _get_own_post(request, user)
    if not _is_form_ours(request, user, fields):
        return _edit_page(request, user, post, typed.refused(alert=EXPIRED), status=Forbidden.status, version=version)
    try:
        wanted = validate(PostChange, typed.members())
        await writing.change_post(
            parts_of(request).database, user.claims, post.id, wanted, lambda now: now.version == version
        )
    except Invalid as error:
        return _edit_page(request, user, post, typed.refused(error.fields), status=error.status, version=version)
    except PreconditionFailed as error:
        current = await _get_own_post(request, user)
        return _edit_page(request, user, current, typed.refused(alert=OVERTAKEN), status=error.status)
    if post.published and typed.published:
        return _redirect(f"{OWN_POSTS}?done=saved")
    return _lead_on(is_published=typed.published, post_id=str(post.id))


async def publish(request: Request) -> Response:
    """Publish the draft and lead on to the caller's posts."""
    user, post_id = require_user(request), path_id(request)
    fields = await read_form(request, MAX_FORM)
    if not _is_form_ours(request, user, fields):
        raise Forbidden(EXPIRED)
    wanted = PostChange(published=True)
    await writing.change_post(parts_of(request).database, user.claims, post_id, wanted, lambda _: True)
    return _lead_on(is_published=True, post_id=str(post_id))


async def delete(request: Request) -> Response:
    """Delete the post and lead on to the caller's posts."""
    user = require_user(request)
    post_id = path_id(request)
    fields = await read_form(request, MAX_FORM)
    if not _is_form_ours(request, user, fields):
        raise Forbidden(EXPIRED)
    await writing.remove_post(parts_of(request).database, user.claims, post_id, lambda _: True)
    return _redirect(f"{OWN_POSTS}?done=deleted")


def _new_page(request: Request, user: User, typed: Typed, *, status: int = 200) -> Response:
    return posts_page(request, user, "new_post.html", status=status, typed=typed)


def _edit_page(
    request: Request, user: User, post: Post, typed: Typed, *, status: int = 200, version: int | None = None
) -> Response:
    """Return the edit form; it names the version that the author saw when they began."""
    return posts_page(
        request,
        user,
        "edit_post.html",
        status=status,
        typed=typed,
        post=post,
        version=post.version if version is None else version,
    )


async def _get_own_post(request: Request, user: User) -> Post:
    """Return the caller's post; another's is not there to be edited, published or not."""
    async with parts_of(request).database.connection() as connection:
        post = await find_post(connection, path_id(request))
    if post is None or post.author_id != user.claims.user_id:
        raise NotFound
    return post


def _read_typed(fields: Mapping[str, str]) -> Typed:
    return Typed(
        title=fields.get("title", ""),
        content=fields.get("content", "").replace("\r\n", "\n"),
        published="published" in fields,
    )


def _read_version(fields: Mapping[str, str]) -> int:
    """Return the version that the form was made from; 0, which no post has, for what is none."""
    text = fields.get("version", "")
    return int(text) if _VERSION.fullmatch(text) else 0


def _is_form_ours(request: Request, user: User, fields: Mapping[str, str]) -> bool:
    tokens, token = parts_of(request).form_tokens, fields.get("form_token", "")
    return tokens.is_valid(token, user.claims.session_id, int(time.time()))


def _form_key(fields: Mapping[str, str]) -> str:
    """Return an idempotency key for one form as it was filled in: a second click sends the same one."""
    filled_in = "\0".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return "form-" + hashlib.sha256(filled_in.encode()).hexdigest()


def _lead_on(*, is_published: bool, post_id: str) -> Response:
    """Return the redirect to the caller's posts, which say what became of this one."""
    return _redirect(f"{OWN_POSTS}?done=published" if is_published else f"{OWN_POSTS}?done=draft&post={post_id}")


def _redirect(path: str) -> Response:
    """Return a redirect that is fetched with GET (RFC 9110, section 15.4.4)."""
    return Response(status_code=303, headers={"Location": path})
