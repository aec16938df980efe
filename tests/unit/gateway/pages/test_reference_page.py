"""What the page of the API shows of a document: grouped, with links to bodies, and each thing once."""

from typing import Any

from gateway.pages.reference_page import Word, group_operations, list_common_answers, list_schemas

NOTE = "#/components/schemas/Note"
ANSWERS = {
    "200": {
        "description": "Done",
        "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": NOTE}}}},
    },
    "503": {"description": "Later"},
}
DOCUMENT: dict[str, Any] = {
    "tags": [{"name": "Second"}, {"name": "First"}],
    "paths": {
        "/a": {"get": {"operationId": "a", "tags": ["First"], "security": [], "responses": ANSWERS}},
        "/b": {
            "post": {
                "operationId": "b",
                "tags": ["Second"],
                "security": [{"accessToken": []}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": NOTE}}}},
                "responses": {"204": {"description": "Done; no body"}},
            }
        },
        "/c": {"get": {"operationId": "c", "responses": {}}},
        "/d": {"get": {"operationId": "d", "security": [{"serviceCredential": []}], "responses": {}}},
    },
    "components": {
        "schemas": {
            "Note": {
                "properties": {
                    "text": {"type": "string", "maxLength": 9, "default": ""},
                    "author": {"anyOf": [{"$ref": "#/components/schemas/Author"}, {"type": "null"}]},
                },
                "examples": [{"author": None}],
            },
            "Author": {},
        }
    },
}


def test_operations_are_grouped() -> None:
    """Groups come in the order of the document's tags; what has none comes last."""
    groups = group_operations(DOCUMENT)
    assert [(tag, [each.anchor for each in group]) for tag, group in groups] == [
        ("Second", ["b"]),
        ("First", ["a"]),
        ("", ["c", "d"]),
    ]


def test_who_may_call_is_said() -> None:
    """It is said of each operation whom it is for."""
    callers = {each.anchor: each.caller for _, group in group_operations(DOCUMENT) for each in group}
    assert (callers["a"], callers["b"]) == ("for everyone", "for signed-in users")
    assert callers["d"] == "for services with a credential"


def test_bodies_are_linked() -> None:
    """A body is named with what it leads to, alone, in a list and as one of several."""
    [operation] = [each for _, group in group_operations(DOCUMENT) for each in group if each.anchor == "a"]
    assert operation.answers[0].body == (Word("list of "), Word("Note", "Note"))
    [schema] = [each for each in list_schemas(DOCUMENT) if each.name == "Note"]
    assert schema.members[1].kind == (Word("Author", "Author"), Word(" or "), Word("null"))


def test_bounds_are_said_in_words() -> None:
    """What a member may hold is said in words, and its default as JSON writes it."""
    [schema] = [each for each in list_schemas(DOCUMENT) if each.name == "Note"]
    assert schema.members[0].note == 'at most 9 characters, "" if left out'


def test_common_answers_are_said_once() -> None:
    """What any request may be answered stands apart, and not at each operation."""
    assert [each.status for each in list_common_answers(DOCUMENT)] == ["503"]
    assert all(each.status != "503" for _, group in group_operations(DOCUMENT) for op in group for each in op.answers)


def test_an_example_is_shown() -> None:
    """A body that is sent is shown by its example."""
    [operation] = [each for _, group in group_operations(DOCUMENT) for each in group if each.anchor == "b"]
    assert operation.example == '{\n  "author": null\n}'
