"""The JSON API: parse, ask the journal, respond. No SQL and no rules of its own."""

from urllib.parse import urlencode

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from posts_service.cursors import encode_cursor, read_cursor
from posts_service.idempotency import fingerprint_of
from posts_service.journal import Journal, Page
from posts_service.posts import FROM_THE_NEWEST, Post
from posts_service.preconditions import holds_if_none_match
from posts_service.schemas import NewPost, PageQuery, PostChanges, PostView
from shared.authentication import User, identify_caller, require_user
from shared.errors import Invalid
from shared.routes import operation, path_id
from shared.schemas import ErrorView

MAX_POST_BODY = 262_144  # bytes
MAX_KEY_LENGTH = 255

IF_MATCH = {"If-Match": "Write only to the version with this ETag; otherwise 412"}
IF_NONE_MATCH = {"If-None-Match": "An ETag that you have; 304 while it is current"}
IDEMPOTENCY_KEY = {
    "Idempotency-Key": "1 to 255 printable ASCII characters: the same key and body give the first answer"
}

_VIEWS = TypeAdapter(list[PostView])


@operation(
    "List a user's posts: your own with drafts, another's as far as they are published",
    answers={200: [PostView], 404: ErrorView},
    query=PageQuery,
    caller="required",
)
async def list_user_posts(request: Request, query: PageQuery) -> Response:
    """``GET /api/user/{id}``."""
    user = require_user(request)
    page = await journal_of(request).list_of_author(
        path_id(request), user.claims.user_id, query.limit, _read_before(query)
    )
    return _respond_page(request, page, query)


@operation("List everyone's published posts", answers={200: [PostView]}, query=PageQuery)
async def list_posts(request: Request, query: PageQuery) -> Response:
    """``GET /api/posts``."""
    page = await journal_of(request).list_published(query.limit, _read_before(query))
    return _respond_page(request, page, query)


@operation(
    "Write a post",
    answers={201: PostView, 409: ErrorView},
    body=NewPost,
    request_headers=IDEMPOTENCY_KEY,
    caller="required",
    max_body=MAX_POST_BODY,
)
async def create_post(request: Request, new: NewPost) -> Response:
    """``POST /api/posts``."""
    user = require_user(request)
    key = _read_key(request)
    journal = journal_of(request)
    if key is None:
        post = await journal.write(user.claims, new)
        return _respond_created(post.id, post.etag, _render(post))
    fingerprint = fingerprint_of(new.model_dump_json().encode())
    stored = await journal.write_once(user.claims, new, key, fingerprint, _render)
    return _respond_created(stored.post_id, stored.etag, stored.body)


@operation(
    "Read a post",
    answers={200: PostView, 304: None, 404: ErrorView},
    request_headers=IF_NONE_MATCH,
    caller="optional",
)
async def read_post(request: Request) -> Response:
    """``GET /api/posts/{id}``."""
    caller = identify_caller(request)
    user_id = caller.claims.user_id if isinstance(caller, User) else None
    post = await journal_of(request).read(path_id(request), user_id)
    condition = request.headers.get("if-none-match")
    if condition is not None and not holds_if_none_match(condition, post.etag):
        return Response(status_code=304, headers={"ETag": post.etag})
    return _respond_post(post)


@operation(
    "Change a post",
    answers={200: PostView, 403: ErrorView, 404: ErrorView, 412: ErrorView},
    body=PostChanges,
    request_headers=IF_MATCH,
    caller="required",
    max_body=MAX_POST_BODY,
)
async def change_post(request: Request, wanted: PostChanges) -> Response:
    """``PATCH /api/posts/{id}``."""
    user = require_user(request)
    if_match = request.headers.get("if-match")
    post = await journal_of(request).change(path_id(request), user.claims.user_id, wanted.changes, if_match)
    return _respond_post(post)


@operation(
    "Remove a post",
    answers={204: None, 400: ErrorView, 403: ErrorView, 404: ErrorView, 412: ErrorView},
    request_headers=IF_MATCH,
    caller="required",
)
async def remove_post(request: Request) -> Response:
    """``DELETE /api/posts/{id}``."""
    user = require_user(request)
    await journal_of(request).remove(path_id(request), user.claims.user_id, request.headers.get("if-match"))
    return Response(status_code=204)


def journal_of(request: Request) -> Journal:
    """Return the journal of the service that a request came to."""
    journal = request.app.state.journal
    assert isinstance(journal, Journal)
    return journal


def _read_before(query: PageQuery) -> int:
    return FROM_THE_NEWEST if query.cursor is None else read_cursor(query.cursor)


def _read_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise Invalid({"Idempotency-Key": f"must be 1 to {MAX_KEY_LENGTH} printable ASCII characters"})
    return key


def _render(post: Post) -> bytes:
    return PostView.of(post).model_dump_json(by_alias=True).encode()


def _respond_post(post: Post) -> Response:
    return Response(_render(post), media_type="application/json", headers={"ETag": post.etag})


def _respond_created(post_id: int, etag: str, body: bytes) -> Response:
    headers = {"Location": f"/api/posts/{post_id}", "ETag": etag}
    return Response(body, status_code=201, media_type="application/json", headers=headers)


def _respond_page(request: Request, page: Page, query: PageQuery) -> Response:
    headers = {}
    if page.next_before is not None:
        parameters = urlencode({"limit": query.limit, "cursor": encode_cursor(page.next_before)})
        url = f"{request.app.state.public_url}{request.url.path}?{parameters}"
        headers["Link"] = f'<{url}>; rel="next"'
    body = _VIEWS.dump_json([PostView.of(post) for post in page.posts], by_alias=True)
    return Response(body, media_type="application/json", headers=headers)
