"""The answers that show a post: bytes, and the headers that go with them.

Pure. An answer can be stored and sent again, byte for byte, to a repeated request.
"""

from dataclasses import dataclass

from starlette.responses import Response

from posts_service.schemas import PostView, PublicPostView
from posts_service.tables.posts import Post
from posts_service.web.etags import etag_of, public_etag_of


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and a JSON body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def respond(self) -> Response:
        """Return it as Starlette's response."""
        return Response(self.body, self.status, self.headers, media_type="application/json")


def created_answer(post: Post) -> Answer:
    """Return the answer to the request that created a post: 201, and its address."""
    answer = post_answer(post)
    return Answer(201, {**answer.headers, "Location": f"/api/posts/{post.id}"}, answer.body)


def post_answer(post: Post) -> Answer:
    """Return the answer that shows a post to a caller with a token, with its author's e-mail address."""
    return _answer(PostView.model_validate(post, from_attributes=True), etag_of(post), "no-store")


def public_post_answer(post: Post) -> Answer:
    """Return the answer that shows a published post: the same for all; a cache may keep and must revalidate it."""
    return _answer(PublicPostView.model_validate(post, from_attributes=True), public_etag_of(post), "no-cache")


def _answer(view: PostView | PublicPostView, etag: str, caching: str) -> Answer:
    return Answer(200, {"ETag": etag, "Cache-Control": caching}, view.model_dump_json(by_alias=True).encode())
