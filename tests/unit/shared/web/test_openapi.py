"""The description of the API: made from the routes and models that validate, so that it can't drift."""

import json
import re
from typing import Annotated, Any

import pytest
from jsonschema_rs import validator_for
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from shared.tokens.signed import MAX_ID
from shared.web.openapi import describe
from shared.web.routes import RequestHeader, operation, path_id, resource
from shared.web.schemas import Body, ErrorView, Query, Time, View, example

NEVER_CALLED = "these endpoints are only described"


class Author(View):
    """Who wrote it."""

    name: str


class NoteView(View):
    """A note."""

    note_id: int
    written_at: Time
    author: Author | None


class NewNote(Body):
    """A new note."""

    model_config = example(text="Tea", isOpen=True)

    text: Annotated[str, Field(min_length=1, max_length=10)]
    is_open: bool = False


class Page(Query):
    """A page of a list."""

    page_size: Annotated[int, Field(ge=1, le=100)] = 20
    after: str


@operation("Notes", answers={200: [NoteView]}, query=Page, caller="optional")
async def list_notes(_: Request, __: Page) -> Response:
    """List."""
    raise AssertionError(NEVER_CALLED)


@operation("Write a note", answers={201: NoteView}, body=NewNote, caller="required", tag="Drafts")
async def create_note(_: Request, __: NewNote) -> Response:
    """Write."""
    raise AssertionError(NEVER_CALLED)


@operation(
    "Delete a note", answers={204: None, 404: None}, request_headers={"If-Match": RequestHeader("Which one", "^.$")}
)
async def delete_note(request: Request) -> Response:
    """Delete."""
    raise AssertionError(path_id(request))


async def show_page(_: Request) -> Response:
    """Return a page, which is not part of the API."""
    raise AssertionError(NEVER_CALLED)


ROUTES = [
    resource("/notes", GET=list_notes, POST=create_note),
    resource("/notes/{id}", GET=show_page, DELETE=delete_note),
    resource("/page/{name}", GET=show_page),
]


@pytest.fixture
def document() -> Any:
    """Give the description as a client reads it."""
    return json.loads(json.dumps(describe(ROUTES)))


def test_what_is_described(document: Any) -> None:
    """Described endpoints are listed by path and method, pages are not."""
    assert document["openapi"] == "3.1.0"
    assert {path: set(methods) - {"parameters"} for path, methods in document["paths"].items()} == {
        "/notes": {"get", "post"},
        "/notes/{id}": {"delete"},
    }
    assert document["paths"]["/notes"]["post"]["operationId"] == "create_note"


def test_answers_that_follow(document: Any) -> None:
    """An operation's answers are its own and those that follow from what it takes."""
    answers = {
        method: set(document["paths"][path][method]["responses"])
        for path, method in (("/notes", "get"), ("/notes", "post"), ("/notes/{id}", "delete"))
    }
    assert answers == {
        "get": {"200", "422", "503"},
        "post": {"201", "400", "401", "413", "415", "422", "503"},
        "delete": {"204", "404", "503"},
    }


def test_who_may_call(document: Any) -> None:
    """If a caller is required or optional, the access token is named; otherwise ``security`` is explicitly empty."""
    assert document["paths"]["/notes"]["post"]["security"] == [{"accessToken": []}]
    assert document["paths"]["/notes"]["get"]["security"] == [{"accessToken": []}, {}]
    assert document["paths"]["/notes/{id}"]["delete"]["security"] == []


def test_what_it_is_about(document: Any) -> None:
    """An operation is described by its endpoint's docstring, and grouped by its own tag or a word of its path."""
    written = document["paths"]["/notes"]["post"]
    assert (written["summary"], written["description"], written["tags"]) == ("Write a note", "Write.", ["Drafts"])
    assert document["paths"]["/notes/{id}"]["delete"]["tags"] == ["Notes"]


def test_an_example_is_a_whole_one(document: Any) -> None:
    """A model's example is in its schema, in the external spelling."""
    schema = document["components"]["schemas"]["NewNote"]
    assert schema["examples"] == [{"text": "Tea", "isOpen": True}]
    assert validator_for(schema).is_valid(schema["examples"][0])


def test_parameters(document: Any) -> None:
    """Queries, headers and the id in a path are described with their allowed values."""
    query = {parameter["name"]: parameter for parameter in document["paths"]["/notes"]["get"]["parameters"]}

    assert {name: parameter["required"] for name, parameter in query.items()} == {"pageSize": False, "after": True}
    assert (query["pageSize"]["schema"]["minimum"], query["pageSize"]["schema"]["maximum"]) == (1, 100)
    assert document["paths"]["/notes/{id}"]["parameters"] == [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
        }
    ]
    assert document["paths"]["/notes/{id}"]["delete"]["parameters"] == [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "Which one",
            "schema": {"type": "string", "pattern": "^.$"},
        }
    ]


def test_every_reference_is_there(document: Any) -> None:
    """Every referenced schema is in the document, including nested ones."""
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named == {"NoteView", "Author", "NewNote", "ErrorView", "InvalidView"}
    assert named == set(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("note", "is_right"),
    [({"text": "x"}, True), ({"text": ""}, False), ({"text": "x", "isOpen": 1}, False), ({"text": "x", "z": 1}, False)],
)
def test_schema_of_a_body(document: Any, note: object, is_right: bool) -> None:  # noqa: FBT001 - a column of the table
    """The schema of a body accepts what its model accepts."""
    assert validator_for(document["components"]["schemas"]["NewNote"]).is_valid(note) is is_right


def test_schema_of_an_answer(document: Any) -> None:
    """The schema of an answer describes what is printed: camelCase, times as text, every member required."""
    schema = document["components"]["schemas"]["NoteView"]
    assert set(schema["properties"]) == set(schema["required"]) == {"noteId", "writtenAt", "author"}


def test_nothing_to_describe() -> None:
    """Routes without a described endpoint make a document without paths."""
    assert describe([])["paths"] == {}


def test_an_answer_of_several_shapes() -> None:
    """An answer that may be one of several models names them all, and all are described."""

    @operation("A note", answers={200: (NoteView, ErrorView)})
    async def show_note(_: Request) -> Response:
        return Response()

    document: Any = describe([resource("/note", GET=show_note)])
    [answer] = document["paths"]["/note"]["get"]["responses"]["200"]["content"].values()
    names = [choice["$ref"].rpartition("/")[2] for choice in answer["schema"]["anyOf"]]
    assert names == ["NoteView", "ErrorView"]
    assert set(names) <= set(document["components"]["schemas"])
