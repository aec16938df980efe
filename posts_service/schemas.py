"""The bodies and queries of the posts service's API, and what they may contain. Texts come back byte for byte."""

from typing import Annotated, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from posts_service.web.cursors import PATTERN, decode_cursor
from shared.tokens.signed import MAX_ID
from shared.web.schemas import Body, Line, Query, Text, Time, View, example

MAX_TITLE = 200  # characters
MAX_CONTENT = 100_000  # characters
MAX_LIMIT = 100  # posts on a page

Title = Annotated[Line, Field(min_length=1, max_length=MAX_TITLE)]
Content = Annotated[Text, Field(max_length=MAX_CONTENT)]
Cursor = Annotated[int, BeforeValidator(decode_cursor), WithJsonSchema({"type": "string", "pattern": PATTERN})]

_DRAFT: dict[str, JsonValue] = {"title": "Hello", "content": "A first post", "published": True}
_POST: dict[str, JsonValue] = {
    "id": 1,
    **_DRAFT,
    "authorId": 1,
    "createdAt": "2026-11-24T11:03:34Z",
    "updatedAt": "2026-11-24T11:03:34Z",
}


class PostDraft(Body):
    """A new post."""

    model_config = example(**_DRAFT)

    title: Title
    content: Content = ""
    published: bool = False


def _describe_change(schema: JsonDict) -> None:
    """Put into the schema what the model's validators check: at least one member, and no null."""
    schema["minProperties"] = 1
    schema["examples"] = [{"published": True}]
    schema["properties"] = {
        "title": TypeAdapter(Title).json_schema(),
        "content": TypeAdapter(Content).json_schema(),
        "published": {"type": "boolean"},
    }


class PostChange(Body):
    """Changes to a post: at least one member; members left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=_describe_change)

    title: Title | None = None
    content: Content | None = None
    published: bool | None = None

    @field_validator("title", "content", "published", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("must not be null")
        return value

    @model_validator(mode="after")
    def _require_a_member(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name title, content or published")
        return self


class ListQuery(Query):
    """A part of a list: ``limit`` posts, older than the page that ``cursor`` came from."""

    limit: Annotated[
        int, Field(ge=1, le=MAX_LIMIT, description="At most so many; fewer where their contents exceed a mebibyte")
    ] = 20
    before: Annotated[Cursor, Field(alias="cursor", default_factory=lambda: MAX_ID)]


class AuthorView(View):
    """Who wrote a post."""

    email: str
    name: str


class PublicAuthorView(View):
    """Who wrote a post, as anybody may see it."""

    name: str


class _PostMembers(View):
    """What every view of a post has in common."""

    id: int
    title: str
    content: str
    published: bool
    author_id: int
    created_at: Time
    updated_at: Time


class PostView(_PostMembers):
    """A post, as callers with a token see it; ``author`` is null while the author is not known here."""

    model_config = example(**_POST, author={"email": "ada@example.com", "name": "Ada"})

    author: AuthorView | None


class PublicPostView(_PostMembers):
    """A published post, as everybody sees it: its author by name, without the e-mail address."""

    model_config = example(**_POST, author={"name": "Ada"})

    author: PublicAuthorView | None
