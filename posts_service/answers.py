"""What a post is answered with: its bytes, and the headers that go with them.

Pure. An answer can be stored and given again, byte for byte, to a request that is repeated.
"""

from dataclasses import dataclass

from starlette.responses import Response

from posts_service.etags import etag_of
from posts_service.posts import Post
from posts_service.schemas import AuthorView, PostView


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers, and a JSON body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def respond(self) -> Response:
        """Return it as a response."""
        return Response(self.body, self.status, self.headers, media_type="application/json")


def created_answer(post: Post) -> Answer:
    """Return the answer to the request that made a post: 201, and where it is."""
    answer = post_answer(post)
    return Answer(201, {**answer.headers, "Location": f"/api/posts/{post.id}"}, answer.body)


def post_answer(post: Post) -> Answer:
    """Return the answer that shows one post. A published one may be kept, but must be asked about again."""
    headers = {"ETag": etag_of(post), "Cache-Control": "no-cache" if post.published else "no-store"}
    return Answer(200, headers, _view(post).model_dump_json(by_alias=True).encode())


def _view(post: Post) -> PostView:
    return PostView(
        id=post.id,
        title=post.title,
        content=post.content,
        published=post.published,
        author_id=post.author_id,
        created_at=post.created_at,
        updated_at=post.updated_at,
        author=AuthorView(email=post.author.email, name=post.author.name) if post.author else None,
    )
