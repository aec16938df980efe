"""The JSON API of the posts service: parse, call ``reading`` and ``writing``, respond.

The caller is identified here again, from the token alone, whatever stands in front of this service.
"""

import re

from starlette.requests import Request
from starlette.responses import Response

from posts_service import reading, writing
from posts_service.lists import PostList
from posts_service.parts import parts_of
from posts_service.schemas import ListQuery, PostChange, PostDraft, PostView, PublicPostView
from posts_service.tables.posts import Post
from posts_service.web.answers import post_answer, public_post_answer
from posts_service.web.cursors import encode_cursor
from posts_service.web.etags import etag_of, public_etag_of
from posts_service.writing import KEY_HEADER, Precondition
from shared.errors import Invalid
from shared.tokens.authentication import identify_caller, require_user
from shared.web.entity_tags import is_matched_strongly, is_matched_weakly
from shared.web.routes import RequestHeader, operation, path_id
from shared.web.schemas import ErrorView

KEY_PATTERN = r"^[!-~]([ -~]{0,253}[!-~])?$"  # HTTP itself strips the spaces around a value

_KEY = re.compile(KEY_PATTERN.removesuffix("$"))
_IF_MATCH = {"If-Match": RequestHeader("Do it only if the post still has one of these entity tags; else 412")}
_IF_NONE_MATCH = {"If-None-Match": RequestHeader("Answer 304 if the post still has one of these entity tags")}
_KEY_MEANS = {
    KEY_HEADER: RequestHeader(
        "The same request again gets the same answer again, for a day unless the operator set another time", KEY_PATTERN
    )
}


@operation("Published posts of everyone", query=ListQuery, answers={200: [PublicPostView]})
async def list_feed(request: Request, query: ListQuery) -> Response:
    """Return everyone's published posts, newest first."""
    return _list_response(request, await reading.read_feed(parts_of(request), query), query)


@operation("A user's posts", query=ListQuery, answers={200: [PostView], 404: ErrorView}, caller="required", tag="Posts")
async def list_posts_of_user(request: Request, query: ListQuery) -> Response:
    """Return a user's published posts, and the caller's own drafts too. A user who does not exist has none."""
    reader = require_user(request)
    posts = await reading.read_posts_of(parts_of(request), path_id(request), reader, query)
    return _list_response(request, posts, query)


@operation(
    "Write a post",
    body=PostDraft,
    answers={201: PostView, 409: ErrorView},
    request_headers=_KEY_MEANS,
    caller="required",
)
async def create_post(request: Request, draft: PostDraft) -> Response:
    """Create a post as the caller. Requests repeated with the same idempotency key create it only once."""
    author = require_user(request).claims
    return (await writing.write_post(parts_of(request), author, draft, _read_key(request))).respond()


@operation(
    "One post",
    answers={200: (PublicPostView, PostView), 304: None, 404: ErrorView},
    request_headers=_IF_NONE_MATCH,
    caller="optional",
)
async def show_post(request: Request) -> Response:
    """Return a published post, or a draft of the caller's own. Anybody else's draft does not exist."""
    caller = identify_caller(request)
    post = await reading.get_visible_post(parts_of(request), caller, path_id(request))
    answer = public_post_answer(post) if post.published else post_answer(post)
    condition = _find_condition(request, "if-none-match")
    if condition is not None and is_matched_weakly(condition, answer.headers["ETag"]):
        return Response(status_code=304, headers=answer.headers)
    return answer.respond()


@operation(
    "Change a post",
    body=PostChange,
    answers={200: PostView, 403: ErrorView, 404: ErrorView, 412: ErrorView},
    request_headers=_IF_MATCH,
    caller="required",
)
async def change_post(request: Request, change: PostChange) -> Response:
    """Change one of the caller's own posts."""
    author = require_user(request).claims
    database, is_meant = parts_of(request).database, _read_precondition(request)
    return post_answer(await writing.change_post(database, author, path_id(request), change, is_meant)).respond()


@operation(
    "Delete a post",
    answers={204: None, 403: ErrorView, 404: ErrorView, 412: ErrorView},
    request_headers=_IF_MATCH,
    caller="required",
)
async def delete_post(request: Request) -> Response:
    """Delete one of the caller's own posts."""
    author = require_user(request).claims
    await writing.remove_post(parts_of(request).database, author, path_id(request), _read_precondition(request))
    return Response(status_code=204)


def _list_response(request: Request, posts: PostList, query: ListQuery) -> Response:
    """Return a list; the link to the next page (RFC 8288) begins with our public URL, never with the request's Host."""
    headers = {}
    if posts.last_id is not None:
        address = f"{parts_of(request).public_url}{request.scope['path']}"
        headers["Link"] = f'<{address}?limit={query.limit}&cursor={encode_cursor(posts.last_id)}>; rel="next"'
    return Response(posts.body, headers=headers, media_type="application/json")


def _find_condition(request: Request, header: str) -> str | None:
    """Return a header's list, joined from all its lines (RFC 9110, section 5.3), or None."""
    values = request.headers.getlist(header)
    return ", ".join(values) if values else None


def _read_precondition(request: Request) -> Precondition:
    condition = _find_condition(request, "if-match")

    def is_meant(post: Post) -> bool:
        return condition is None or is_matched_strongly(condition, etag_of(post), public_etag_of(post))

    return is_meant


def _read_key(request: Request) -> str | None:
    values = request.headers.getlist(KEY_HEADER)
    if not values:
        return None
    if len(values) > 1 or _KEY.fullmatch(values[0]) is None:
        raise Invalid({KEY_HEADER: "must be 1 to 255 printable ASCII characters"})
    return values[0]
