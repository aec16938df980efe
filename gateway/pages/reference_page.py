"""The API's description as a page for people: what an OpenAPI document says, as plain values for a template. Pure.

What any operation may answer in the same way (``list_common_answers``) is shown once and not at each of them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from gateway.pages.description import METHODS
from gateway.pages.json_members import Json, list_objects, members
from shared.language.sentences import Sentence

_COMMON = ("400", "413", "415", "502", "503", "504")
_PREFIX = "#/components/schemas/"
_CALLERS = {
    0: Sentence("for everyone"),
    1: Sentence("for signed-in users"),
    2: Sentence("for everyone; more for signed-in users"),
}
_FOR_SERVICES = Sentence("for services with a credential")
_SERVICE_SCHEME = "serviceCredential"  # as ``shared/web/openapi`` calls it


class Word(NamedTuple):
    """A word or two on what something is; ``schema`` names the body that it is about, if any, to be linked to."""

    text: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body, or one parameter."""

    name: str
    kind: tuple[Word, ...]
    is_required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation; ``body`` says what is in it, if it has one."""

    status: str
    description: str
    body: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    caller: str
    parameters: tuple[Member, ...]
    body: tuple[Member, ...]
    example: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """One shape of a JSON body."""

    name: str
    members: tuple[Member, ...]
    example: str


def group_operations(document: Json) -> list[tuple[str, list[Operation]]]:
    """Return all operations by the word that they are grouped by; groups in the order of the document's tags."""
    tags = [_text(tag, "name") for tag in list_objects(document, "tags")]
    order = {tag: place for place, tag in enumerate(tags)}
    operations = sorted(_list_operations(document), key=lambda each: order.get(each.tag, len(order)))
    return [(tag, list(group)) for tag, group in groupby(operations, key=lambda each: each.tag)]


def list_common_answers(document: Json) -> list[Answer]:
    """Return what any operation may answer: each status once, with the first description that there is of it."""
    found: dict[str, Answer] = {}
    for _, item in _objects(members(document, "paths")):
        for method in METHODS:
            for status, answer in _objects(members(members(item, method), "responses")):
                found.setdefault(status, _read_answer(status, answer))
    return [found[status] for status in _COMMON if status in found]


def _list_operations(document: Json) -> Iterator[Operation]:
    schemas = members(members(document, "components"), "schemas")
    for path, item in _objects(members(document, "paths")):
        for method in METHODS:
            if method in item:
                yield _read_operation(method, path, item, schemas)


def list_schemas(document: Json) -> list[Schema]:
    """Return all shapes of bodies, by name."""
    schemas = sorted(_objects(members(members(document, "components"), "schemas")), key=lambda each: each[0])
    return [Schema(name, _read_members(schema), _write_example(schema)) for name, schema in schemas]


def _read_operation(method: str, path: str, item: Json, schemas: Json) -> Operation:
    described = members(item, method)
    parameters = [*list_objects(item, "parameters"), *list_objects(described, "parameters")]
    body = members(schemas, _text(_schema_of(members(described, "requestBody")), "$ref").removeprefix(_PREFIX))
    answers = (each for each in _objects(members(described, "responses")) if each[0] not in _COMMON)
    tags = described.get("tags")
    return Operation(
        anchor=_text(described, "operationId"),
        method=method.upper(),
        path=path,
        tag=str(tags[0]) if isinstance(tags, list) and tags else "",
        summary=_text(described, "summary"),
        description=_text(described, "description"),
        caller=_name_caller(list_objects(described, "security")),
        parameters=tuple(map(_read_parameter, parameters)),
        body=_read_members(body),
        example=_write_example(body),
        answers=tuple(_read_answer(status, answer) for status, answer in answers),
    )


def _name_caller(security: list[Json]) -> str:
    """Return in words whom an operation is for."""
    if any(_SERVICE_SCHEME in each for each in security):
        return _FOR_SERVICES
    return _CALLERS.get(len(security), "")


def _read_parameter(parameter: Json) -> Member:
    note = ": ".join(filter(None, (f"in the {_text(parameter, 'in')}", _text(parameter, "description"))))
    schema = members(parameter, "schema")
    return Member(_text(parameter, "name"), _name_kind(schema), parameter.get("required") is True, note)


def _read_answer(status: str, answer: Json) -> Answer:
    schema = _schema_of(answer)
    return Answer(status, _text(answer, "description"), _name_kind(schema) if schema else ())


def _read_members(schema: Json) -> tuple[Member, ...]:
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return tuple(
        Member(name, _name_kind(member), name in names, _describe_bounds(member))
        for name, member in _objects(members(schema, "properties"))
    )


def _write_example(schema: Json) -> str:
    """Return a schema's first example as JSON, or nothing."""
    examples = schema.get("examples")
    return json.dumps(examples[0], indent=2, ensure_ascii=False) if isinstance(examples, list) and examples else ""


def _describe_bounds(schema: Json) -> str:
    bounds = (("minLength", "at least {} characters"), ("maxLength", "at most {} characters"), ("minimum", "from {}"))
    more = (("maximum", "to {}"), ("default", "{} if left out"))
    found = [text.format(json.dumps(schema[key])) for key, text in (*bounds, *more) if schema.get(key) is not None]
    return ", ".join(found)


def _name_kind(schema: Json) -> tuple[Word, ...]:
    """Return a few words for what a schema allows."""
    name = _text(schema, "$ref").removeprefix(_PREFIX)
    if name:
        return (Word(name, name),)
    if schema.get("type") == "array":
        return (Word("list of "), *_name_kind(members(schema, "items")))
    choices = [_name_kind(choice) for choice in list_objects(schema, "anyOf")]
    if choices:
        first, *others = choices
        return (*first, *(word for choice in others for word in (Word(" or "), *choice)))
    return (Word(_text(schema, "format") or _text(schema, "type") or "anything"),)


def _schema_of(described: Json) -> Json:
    return members(members(members(described, "content"), "application/json"), "schema")


def _objects(document: Json) -> Iterator[tuple[str, Json]]:
    return ((name, member) for name, member in document.items() if isinstance(member, dict))


def _text(document: Json, name: str) -> str:
    found = document.get(name)
    return found if isinstance(found, str) else ""
