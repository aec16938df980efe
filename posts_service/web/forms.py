"""The forms that write, change and delete posts: plain HTML, each ending in a redirect or shown again.

1. Nothing that was typed is ever lost. A form that can't be saved is shown again with all of it, whatever the reason:
   an error in a field, an ended session, a change made elsewhere, a database that is down.
2. A redirect means that it was saved, and nothing else does. A second click waits for the first.
3. Nothing is done without the session's form token. After signing in again the author gets the form back, with a token
   of the new session, and is asked to press once more. If nothing was typed, they get the list of their posts instead.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from posts_service import writing
from posts_service.parts import Parts, parts_of
from posts_service.schemas import PostChange, PostDraft
from posts_service.tables.posts import Post, find_post
from posts_service.web.pages import posts_page, show_own_posts
from posts_service.web.sent_forms import Edited, SentForm, Typed, read_sent_form
from shared.errors import (
    AppError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    Unauthorized,
    Unavailable,
)
from shared.language.sentences import Sentence
from shared.tokens.authentication import Anonymous, Caller, Reason, require_user
from shared.tokens.signed import Claims
from shared.web.error_responses import note_refusal
from shared.web.routes import path_id
from shared.web.schemas import validate

OWN_POSTS = "/userposts"
SIGN_IN = "/api/auth/signin?callbackUrl=%2Fuserposts"

SAVE_WITHIN = 6.0  # seconds; then the form is shown again, before the request is given up (``shared.web.deadline``)
SETTLE = 4.0  # seconds that a second click waits for the first
PAUSE = 0.1  # seconds between checks on the first one

OVERTAKEN = Sentence(
    "This post was changed after you opened the form. Below is what you typed; saving it again replaces that change."
)
STILL_SAVING = Sentence(
    "This is still being saved. Please wait a moment, then press Save again: it is stored only once."
)
NOT_SAVED = Sentence("This could not be saved just now. What you typed is below: please press Save again in a moment.")
GONE = Sentence("This post was deleted meanwhile. Below is what you typed; saving it writes a new post.")
NO_LONGER_THERE = Sentence("That post is no longer there. Below are your posts.")
NOTHING_DONE = Sentence("You signed in again since you opened that page, so nothing was done. Below are your posts.")
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
    """Write the post, only once however often the same form is sent, and redirect to the caller's posts."""
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
    """Change the post, unless it has changed since the form was shown, and redirect to the caller's posts."""
    post_id, sent = path_id(request), await read_sent_form(request)
    edited = Edited(post_id, sent.version)
    try:
        author = sent.get_sender().claims
        wanted = validate(PostChange, sent.typed.members())
        async with asyncio.timeout(SAVE_WITHIN):
            found = await _change_once(parts_of(request), author, post_id, wanted, sent.version)
        if found.version != sent.version and not _is_second_click(found, wanted, sent.version):
            edited = Edited(post_id, found.version)
            raise PreconditionFailed
    except NotFound as error:
        return _show_again(request, sent, error)
    except (AppError, TimeoutError) as error:
        return _show_again(request, sent, error, None if sent.is_of_another_account else edited)
    if sent.typed.published and found.published:
        return _redirect(f"{OWN_POSTS}?done=saved")
    return _lead_on(is_published=sent.typed.published, post_id=post_id)


async def publish(request: Request) -> Response:
    """Publish the draft and redirect to the caller's posts."""
    post_id, sent = path_id(request), await read_sent_form(request)
    if isinstance(sent.caller, Anonymous):
        return _redirect(SIGN_IN)  # nothing was typed
    database, wanted = parts_of(request).database, PostChange(published=True)
    try:
        author = sent.get_sender(NOTHING_DONE).claims
        with contextlib.suppress(PreconditionFailed):  # it is published: by another click on this form, or elsewhere
            await writing.change_post(database, author, post_id, wanted, lambda now: not now.published)
    except (Forbidden, NotFound) as error:
        return await _show_list(request, error)
    return _lead_on(is_published=True, post_id=post_id)


async def delete(request: Request) -> Response:
    """Delete the post and redirect to the caller's posts."""
    post_id = path_id(request)
    sent = await read_sent_form(request)
    if isinstance(sent.caller, Anonymous):
        return _redirect(SIGN_IN)  # nothing was typed
    try:
        author = sent.get_sender(NOTHING_DONE).claims
        await writing.remove_post(parts_of(request).database, author, post_id, lambda _: True)
    except (Forbidden, NotFound) as error:
        return await _show_list(request, error)
    return _redirect(f"{OWN_POSTS}?done=deleted")


async def _write_once(parts: Parts, author: Claims, draft: PostDraft, key: str) -> int:
    """Write the post, unless another click on the same form did, and return its id.

    Conflict when that other click takes too long.
    """
    give_up = time.monotonic() + SETTLE
    while True:
        try:
            answer = await writing.write_post(parts, author, draft, key)
        except Conflict:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return int(answer.headers["Location"].rpartition("/")[2])


async def _change_once(parts: Parts, author: Claims, post_id: int, wanted: PostChange, version: int) -> Post:
    """Change the post if it has this version, and return it as it was found.

    NotFound for another author's: it can't be edited, published or not.
    """
    found: list[Post] = []

    def is_meant(now: Post) -> bool:
        found.append(now)
        return now.version == version

    try:
        await writing.change_post(parts.database, author, post_id, wanted, is_meant)
    except Forbidden:
        raise NotFound from None
    except PreconditionFailed:
        pass
    return found[0]


def _show_again(
    request: Request, sent: SentForm, problem: AppError | TimeoutError, edited: Edited | None = None
) -> Response:
    """Return the form with everything that was typed, and the reason why it was not saved.

    A token that is still valid stays, so that the same form sent again is recognised.
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
    """Return the form for writing a post, or editing one."""
    about = {"typed": typed, **({"form_token": token} if token else {})}
    if edited is None:
        return posts_page(request, caller, "new_post.html", status=status, **about)
    about |= {"post": edited, "version": edited.version}
    return posts_page(request, caller, "edit_post.html", status=status, **about)


async def _get_own_post(parts: Parts, author: Claims, post_id: int) -> Post:
    """Return the caller's post; another author's can't be edited, published or not."""
    async with parts.database.connection() as connection:
        post = await find_post(connection, post_id)
    if post is None or post.author_id != author.user_id:
        raise NotFound
    return post


def _is_second_click(found: Post, wanted: PostChange, version: int) -> bool:
    """Tell whether it was another click on the same form that changed the post, and not somebody else."""
    as_wanted = (found.title, found.content, found.published) == (wanted.title, wanted.content, wanted.published)
    return as_wanted and version > 0 and found.version == version + 1


async def _show_list(request: Request, error: Forbidden | NotFound) -> Response:
    """Return the caller's posts as they are now, and why a button in that list was refused."""
    note_refusal(request.scope, error)
    page = await show_own_posts(request, NO_LONGER_THERE if isinstance(error, NotFound) else error.message)
    page.status_code = error.status
    return page


def _lead_on(*, is_published: bool, post_id: int) -> Response:
    """Return the redirect to the caller's posts, a page that says what was done to this one."""
    return _redirect(f"{OWN_POSTS}?done=published" if is_published else f"{OWN_POSTS}?done=draft&post={post_id}")


def _redirect(path: str) -> Response:
    """Return a redirect that is followed with GET (RFC 9110, section 15.4.4)."""
    return Response(status_code=303, headers={"Location": path})
