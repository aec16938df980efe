"""What the comments service answers: its API, and a page for everybody, with a form for those who are signed in."""

import time
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from comments_service import comments
from comments_service.comments import Comment
from comments_service.parts import parts_of
from shared.errors import Forbidden, Unauthorized
from shared.tokens.authentication import Anonymous, Reason, User, challenge, identify_caller, require_user
from shared.users_copy.authors import upsert_author
from shared.web.bodies import read_form
from shared.web.pages import render_page
from shared.web.routes import operation, path_id
from shared.web.schemas import Body, Text, validate

MOST = 100  # comments in one answer
TEMPLATES = Path(__file__).parent / "templates"

_LIST = TypeAdapter(list[Comment])


class CommentDraft(Body):
    """A comment to be written."""

    content: Annotated[Text, Field(min_length=1, max_length=2000)]


@operation("Comments on a post, the newest first", answers={200: [Comment]}, caller="required")
async def list_comments(request: Request) -> Response:
    """Answer the newest comments on a post."""
    return Response(_LIST.dump_json(await _read(request), by_alias=True), media_type="application/json")


@operation("Comment on a post", body=CommentDraft, answers={201: Comment}, caller="required")
async def create_comment(request: Request, draft: CommentDraft) -> Response:
    """Store a comment of the caller's."""
    comment = await _write(request, draft)
    return Response(comment.model_dump_json(by_alias=True), 201, media_type="application/json")


async def show_page(request: Request) -> Response:
    """Show the comments on a post."""
    caller, form_token = identify_caller(request), None
    if isinstance(caller, User):
        form_token = parts_of(request).form_tokens.sign(caller.claims.session_id, int(time.time()))
    found = await _read(request)
    return render_page(request.scope, "comments.html", folder=TEMPLATES, comments=found, form_token=form_token)


async def take_form(request: Request) -> Response:
    """Store the comment that was typed, and show it; no other site's form is taken."""
    session_id, form = require_user(request).claims.session_id, await read_form(request)
    if not parts_of(request).form_tokens.is_valid(form.get("form_token", ""), session_id, int(time.time())):
        raise Forbidden
    await _write(request, validate(CommentDraft, {"content": form.get("content")}))
    return Response(status_code=303, headers={"Location": request.url.path})


async def _read(request: Request) -> list[Comment]:
    async with parts_of(request).database.connection() as connection:
        return await comments.list_comments(connection, path_id(request), MOST)


async def _write(request: Request, draft: CommentDraft) -> Comment:
    author = require_user(request).claims
    async with parts_of(request).database.transaction() as connection:
        await upsert_author(connection, author)
        comment = await comments.insert_comment(connection, path_id(request), author.user_id, draft.content)
    if comment is None:  # the user was deleted just now
        raise Unauthorized(challenge=challenge(Anonymous(Reason.REVOKED)))
    return comment
