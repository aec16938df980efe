"""The forms that write, change and delete posts: plain HTML, each answered by a redirect or by itself again.

1. What somebody typed is never lost. A form that can't be saved is shown again with all of it, whatever the reason: a
   fault in a field, a session that has ended, a change made elsewhere, a database that is away.
2. A redirect says that it was saved, and nothing else does. A second click waits for the first.
3. Nothing is done without the form token of the session. Whoever signs in again gets the form again, with a token of
   the new session, and is asked to press once more.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from posts_service import writing
from posts_service.pages import posts_page, show_own_posts
from posts_service.parts import Parts, parts_of
from posts_service.posts import Post, find_post
from posts_service.schemas import PostChange, PostDraft
from posts_service.sent_forms import Edited, SentForm, Typed, read_sent_form
from shared.authentication import Anonymous, Caller, Reason, require_user
from shared.error_responses import note_refusal
from shared.errors import (
    AppError,
    Conflict,
    Invalid,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
)
from shared.routes import path_id
from shared.schemas import validate
from shared.sentences import Sentence
from shared.tokens import Claims

OWN_POSTS = "/userposts"
SIGN_IN = "/api/auth/signin?callbackUrl=%2Fuserposts"

SAVE_WITHIN = 6.0  # seconds; then the form is shown again, before the request is given up (``shared.deadline``)
SETTLE = 4.0  # seconds that a second click waits for the first
PAUSE = 0.1  # seconds between looks at how the first one does

OVERTAKEN = Sentence(
    "This post was changed after you opened the form. Below is what you typed; saving it again replaces that change."
)
STILL_SAVING = Sentence(
    "This is still being saved. Please wait a moment, then press Save again: it is stored only once."
)
NOT_SAVED = Sentence("This could not be saved just now. What you typed is below: please press Save again in a moment.")
GONE = Sentence("This post was deleted meanwhile. Below is what you typed; saving it writes a new post.")
_ALERTS: Mapping[type[AppError], str] = {
    Conflict: STILL_SAVING,
    NotFound: GONE,
    PreconditionFailed: OVERTAKEN,
    Unavailable: NOT_SAVED,
}


async def show_new(request: Request) -> Response:
    """Show an empty form."""
    return _form_page(request, require_user(request), Typed())


async def create(request: Request) -> Response:
    """Write the post, once however often the same form is sent, and lead on to the caller's posts."""
    sent = await read_sent_form(request)
    try:
        author = sent.get_sender().claims
        draft = validate(PostDraft, sent.typed.members())
        async with asyncio.timeout(SAVE_WITHIN):
            post_id = await _write_once(parts_of(request), author, draft, sent.key)
    except (AppError, TimeoutError) as error:
        return _show_again(request, sent, error)
    return _lead_on(is_published=draft.published, post_id=post_id)


async def show_edit(request: Request) -> Response:
    """Show the form with the post in it."""
    user = require_user(request)
    post = await _get_own_post(parts_of(request), user.claims, path_id(request))
    return _form_page(
        request, user, Typed(post.title, post.content, post.published), edited=Edited(post.id, post.version)
    )


async def change(request: Request) -> Response:
    """Change the post, unless it was changed since the form was shown, and lead on to the caller's posts."""
    post_id, sent = path_id(request), await read_sent_form(request)
    edited = Edited(post_id, sent.version)
    try:
        author = sent.get_sender().claims
        wanted = validate(PostChange, sent.typed.members())
        async with asyncio.timeout(SAVE_WITHIN):
            was_published = (await _get_own_post(parts_of(request), author, post_id)).published
            now = await _change_once(parts_of(request), author, post_id, wanted, sent.version)
        if now is not None:
            edited = Edited(post_id, now.version)
            raise PreconditionFailed
    except NotFound as error:
        return _show_again(request, sent, error)
    except (AppError, TimeoutError) as error:
        return _show_again(request, sent, error, edited)
    if sent.typed.published and was_published:
        return _redirect(f"{OWN_POSTS}?done=saved")
    return _lead_on(is_published=sent.typed.published, post_id=post_id)


async def publish(request: Request) -> Response:
    """Publish the draft and lead on to the caller's posts."""
    post_id, sent = path_id(request), await read_sent_form(request)
    if isinstance(sent.caller, Anonymous):
        return _redirect(SIGN_IN)  # nothing was typed
    author, wanted = sent.get_sender().claims, PostChange(published=True)
    await writing.change_post(parts_of(request).database, author, post_id, wanted, lambda _: True)
    return _lead_on(is_published=True, post_id=post_id)


async def delete(request: Request) -> Response:
    """Delete the post and lead on to the caller's posts."""
    post_id = path_id(request)
    sent = await read_sent_form(request)
    if isinstance(sent.caller, Anonymous):
        return _redirect(SIGN_IN)  # nothing was typed
    author = sent.get_sender().claims
    try:
        await writing.remove_post(parts_of(request).database, author, post_id, lambda _: True)
    except NotFound as error:  # another click on this form was first, or another tab: the list shows that it is gone
        note_refusal(request.scope, error)
        page = await show_own_posts(request)
        page.status_code = error.status
        return page
    return _redirect(f"{OWN_POSTS}?done=deleted")


async def _write_once(parts: Parts, author: Claims, draft: PostDraft, key: str) -> int:
    """Write the post, unless another click on the same form did, and return its id.

    Conflict when that other click takes too long.
    """
    give_up = time.monotonic() + SETTLE
    while True:
        try:
            answer = await writing.write_post_once(parts.database, author, draft, key)
        except Conflict:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return int(answer.headers["Location"].rpartition("/")[2])


async def _change_once(parts: Parts, author: Claims, post_id: int, wanted: PostChange, version: int) -> Post | None:
    """Change the post; return it as it is where somebody else changed it, and not another click on the same form."""
    try:
        await writing.change_post(parts.database, author, post_id, wanted, lambda now: now.version == version)
    except PreconditionFailed:
        now = await _get_own_post(parts, author, post_id)
        is_next = version > 0 and now.version == version + 1
        return None if is_next and _is_as_wanted(now, wanted) else now
    return None


def _show_again(
    request: Request, sent: SentForm, problem: AppError | TimeoutError, edited: Edited | None = None
) -> Response:
    """Return the form with everything that was typed, and why it was not saved.

    A token that is still good stays, so that what is sent again is known to be the same.
    """
    error = problem if isinstance(problem, AppError) else Unavailable()
    typed = replace(
        sent.typed,
        faults=error.fields if isinstance(error, Invalid) else {},
        alert=None if isinstance(error, Invalid | Unauthorized) else _ALERTS.get(type(error), error.message),
        is_signed_out=isinstance(error, Unauthorized),
    )
    note_refusal(request.scope, error)
    caller = sent.caller if not typed.is_signed_out else Anonymous(Reason.REVOKED)
    page = _form_page(request, caller, typed, edited=edited, status=error.status, token=sent.token)
    page.headers.update(error.headers)
    return page


def _form_page(
    request: Request,
    caller: Caller,
    typed: Typed,
    *,
    edited: Edited | None = None,
    status: int = 200,
    token: str | None = None,
) -> Response:
    """Return the form that writes a post, or edits one."""
    about = {"typed": typed, **({"form_token": token} if token else {})}
    if edited is None:
        return posts_page(request, caller, "new_post.html", status=status, **about)
    about |= {"post": edited, "version": edited.version}
    return posts_page(request, caller, "edit_post.html", status=status, **about)


async def _get_own_post(parts: Parts, author: Claims, post_id: int) -> Post:
    """Return the caller's post; another's is not there to be edited, published or not."""
    async with parts.database.connection() as connection:
        post = await find_post(connection, post_id)
    if post is None or post.author_id != author.user_id:
        raise NotFound
    return post


def _is_as_wanted(post: Post, wanted: PostChange) -> bool:
    return (post.title, post.content, post.published) == (wanted.title, wanted.content, wanted.published)


def _lead_on(*, is_published: bool, post_id: int) -> Response:
    """Return the redirect to the caller's posts, which say what became of this one."""
    return _redirect(f"{OWN_POSTS}?done=published" if is_published else f"{OWN_POSTS}?done=draft&post={post_id}")


def _redirect(path: str) -> Response:
    """Return a redirect that is fetched with GET (RFC 9110, section 15.4.4)."""
    return Response(status_code=303, headers={"Location": path})
