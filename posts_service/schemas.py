"""The shapes of posts outside: what is taken, what is answered."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from posts_service.posts import Changes, Post
from shared.schemas import Body, Line, Query, Text, Time, View

Title = Annotated[Line, Field(min_length=1, max_length=200)]
Content = Annotated[Text, Field(max_length=100_000)]


class NewPost(Body):
    """A post as it is written."""

    title: Title
    content: Content = ""
    published: bool = False


class PostChanges(Body):
    """What to change in a post: at least one member."""

    title: Title | None = Field(default=None)
    content: Content | None = Field(default=None)
    published: bool | None = Field(default=None)

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must change at least one member")
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("must not be null")
        return self

    @property
    def changes(self) -> Changes:
        """What to change."""
        return Changes(self.title, self.content, self.published)


class PageQuery(Query):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(max_length=64)] | None = None


class AuthorView(View):
    """Who wrote a post."""

    email: str
    name: str


class PostView(View):
    """A post as it is answered; ``author`` is null while nothing is known of them."""

    id: int
    title: str
    content: str
    published: bool
    author_id: int
    created_at: Time
    updated_at: Time
    author: AuthorView | None

    @classmethod
    def of(cls, post: Post) -> Self:
        """Return the view of a post."""
        return cls(
            id=post.id,
            title=post.title,
            content=post.content,
            published=post.published,
            author_id=post.author_id,
            created_at=post.created_at,
            updated_at=post.updated_at,
            author=AuthorView(email=post.author.email, name=post.author.name) if post.author else None,
        )
