"""The API's description as a page for people: an OpenAPI document as plain values for a template. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.language.sentences import Sentence

Json = dict[str, object]

METHODS = ("get", "post", "put", "patch", "delete")
_PREFIX = "#/components/schemas/"
_CALLERS = {
    0: Sentence("for everyone"),
    1: Sentence("for who is signed in"),
    2: Sentence("for everyone; more for who is signed in"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body, or one parameter."""

    name: str
    kind: str
    is_required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation; ``schema`` names its body, if it has one."""

    status: str
    description: str
    schema: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    caller: str
    parameters: tuple[Member, ...]
    body: tuple[Member, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """One shape of a JSON body."""

    name: str
    members: tuple[Member, ...]


def list_operations(document: Json) -> list[Operation]:
    """Return all operations, in the document's order."""
    schemas = _object(_object(document, "components"), "schemas")
    return [
        _read_operation(method, path, item, schemas)
        for path, item in _objects(_object(document, "paths"))
        for method in METHODS
        if method in item
    ]


def list_schemas(document: Json) -> list[Schema]:
    """Return all shapes of bodies, by name."""
    schemas = _object(_object(document, "components"), "schemas")
    return sorted((Schema(name, _read_members(each)) for name, each in _objects(schemas)), key=lambda each: each.name)


def _read_operation(method: str, path: str, item: Json, schemas: Json) -> Operation:
    described = _object(item, method)
    parameters = [*_list(item, "parameters"), *_list(described, "parameters")]
    body = _schema_of(_object(described, "requestBody"))
    return Operation(
        anchor=_text(described, "operationId"),
        method=method.upper(),
        path=path,
        summary=_text(described, "summary"),
        caller=_CALLERS.get(len(_list(described, "security")), ""),
        parameters=tuple(map(_read_parameter, parameters)),
        body=_read_members(_object(schemas, _name_kind(body))) if body else (),
        answers=tuple(_read_answer(status, answer) for status, answer in _objects(_object(described, "responses"))),
    )


def _read_parameter(parameter: Json) -> Member:
    note = " ".join(filter(None, (f"in the {_text(parameter, 'in')}", _text(parameter, "description"))))
    schema = _object(parameter, "schema")
    return Member(_text(parameter, "name"), _name_kind(schema), parameter.get("required") is True, note)


def _read_answer(status: str, answer: Json) -> Answer:
    schema = _schema_of(answer)
    return Answer(status, _text(answer, "description"), _name_kind(schema) if schema else "")


def _read_members(schema: Json) -> tuple[Member, ...]:
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return tuple(
        Member(name, _name_kind(member), name in names, _describe_bounds(member))
        for name, member in _objects(_object(schema, "properties"))
    )


def _describe_bounds(schema: Json) -> str:
    bounds = (("minLength", "at least {} characters"), ("maxLength", "at most {} characters"), ("minimum", "from {}"))
    more = (("maximum", "to {}"), ("default", "{} if left out"))
    found = [text.format(schema[key]) for key, text in (*bounds, *more) if schema.get(key) is not None]
    return ", ".join(found)


def _name_kind(schema: Json) -> str:
    """Return a word or two for what a schema allows."""
    reference = _text(schema, "$ref")
    if reference:
        return reference.removeprefix(_PREFIX)
    if schema.get("type") == "array":
        return f"list of {_name_kind(_object(schema, 'items'))}"
    choices = [_name_kind(choice) for choice in _list(schema, "anyOf")]
    return " or ".join(choices) or _text(schema, "format") or _text(schema, "type") or "anything"


def _schema_of(described: Json) -> Json:
    return _object(_object(_object(described, "content"), "application/json"), "schema")


def _objects(document: Json) -> Iterator[tuple[str, Json]]:
    return ((name, member) for name, member in document.items() if isinstance(member, dict))


def _object(document: Json, name: str) -> Json:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _list(document: Json, name: str) -> list[Json]:
    found = document.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(document: Json, name: str) -> str:
    found = document.get(name)
    return found if isinstance(found, str) else ""
