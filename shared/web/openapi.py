"""The OpenAPI 3.1 description of a service's JSON API, made from its routes and the models that they validate with.

Each service describes its own part at ``/openapi.json``; the gateway joins the parts into one, and adds, from its
policy, who may call what. Here ``security`` is what the service itself requires. An operation's description is the
docstring of its endpoint; examples are in the models.
"""

import inspect
import itertools
import re
from collections.abc import Iterable

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from shared.tokens.signed import MAX_ID
from shared.web.routes import AnswerModels, DescribedEndpoint, Operation, RequestHeader, Resource
from shared.web.schemas import ErrorView, InvalidView

OPENAPI_VERSION = "3.1.0"
_SCHEMA_PATH = "#/components/schemas/"
_STATUS_TEXTS = {
    200: "Done",
    201: "Created; `Location` says where",
    204: "Done; no body",
    304: "Not changed since",
    400: "Not JSON",
    401: "No valid credential; `WWW-Authenticate` says why",
    403: "Signed in, but not allowed to do this",
    404: "Not found, or private and not yours",
    409: "Conflicts with something that already exists",
    412: "It was changed since you read it",
    413: "The body is too large",
    415: "Not application/json",
    422: "Well-formed, but not valid; `fields` names each wrong member",
    429: "Too many attempts; `Retry-After` says when to try again",
    503: "Not available right now; `Retry-After` says when to try again",
}

_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "required": [{"accessToken": []}],
    "optional": [{"accessToken": []}, {}],
    "service": [{"serviceCredential": []}],
    "none": [],
}

Json = dict[str, object]


def describe(routes: Iterable[BaseRoute]) -> Json:
    """Return the OpenAPI document of the described endpoints among the routes."""
    resources = [route for route in routes if isinstance(route, Resource)]
    paths = {route.path: described for route in resources if (described := _describe_path(route))}
    return {"openapi": OPENAPI_VERSION, "paths": paths, "components": {"schemas": _schemas(resources)}}


def _describe_path(route: Resource) -> Json:
    described: Json = {
        method.lower(): _describe_operation(route.path, endpoint)
        for method, endpoint in route.endpoints.items()
        if isinstance(endpoint, DescribedEndpoint)
    }
    names = re.findall(r"{(\w+)}", route.path)
    if described and names:
        described["parameters"] = [_describe_path_parameter(name) for name in names]
    return described


def _describe_path_parameter(name: str) -> Json:
    number: Json = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
    schema = {"type": "string", "format": "uuid"} if name == "sid" else number
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _describe_operation(path: str, endpoint: DescribedEndpoint) -> Json:
    described = endpoint.operation
    answers = _complete_answers(described)
    document: Json = {
        "operationId": endpoint.run.__name__,
        "tags": [described.tag or _name_tag(path)],
        "summary": described.summary,
        "description": inspect.getdoc(endpoint.run) or described.summary,
        "security": _SECURITY[described.caller],
        "responses": {str(status): _describe_answer(status, answers[status]) for status in sorted(answers)},
    }
    headers = itertools.starmap(_describe_header, described.request_headers.items())
    parameters = [*_describe_query(described.query), *headers]
    if parameters:
        document["parameters"] = parameters
    if described.body is not None:
        document["requestBody"] = {"required": True, "content": _json_content(described.body)}
    return document


def _name_tag(path: str) -> str:
    """Return the word in a path that names its subject: ``Posts`` for ``/api/posts/{id}``."""
    words = re.findall(r"/([a-z][\w-]*)", path.removeprefix("/api"))
    return words[0].replace("-", " ").capitalize() if words else "API"


def _complete_answers(described: Operation) -> dict[int, AnswerModels]:
    """Return an operation's own answers and those that follow from its parameters, body and caller."""
    answers: dict[int, AnswerModels] = {**described.answers, 503: ErrorView}
    if described.body is not None:
        answers |= {400: ErrorView, 413: ErrorView, 415: ErrorView}
    if described.body is not None or described.query is not None:
        answers[422] = InvalidView
    if described.caller in {"required", "service"}:
        answers[401] = ErrorView
    return answers


def _describe_answer(status: int, answer: AnswerModels) -> Json:
    document: Json = {"description": _STATUS_TEXTS.get(status, "Done")}
    if answer is not None:
        document["content"] = _json_content(answer)
    return document


def _describe_query(query: type[BaseModel] | None) -> list[Json]:
    if query is None:
        return []
    schema = query.model_json_schema(by_alias=True)
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": member}
        for name, member in schema["properties"].items()
    ]


def _describe_header(name: str, header: RequestHeader) -> Json:
    schema = {"type": "string", **({"pattern": header.pattern} if header.pattern else {})}
    return {"name": name, "in": "header", "required": False, "description": header.meaning, "schema": schema}


def _json_content(answer: type[BaseModel] | list[type[BaseModel]] | tuple[type[BaseModel], ...]) -> Json:
    match answer:
        case list():
            schema: Json = {"type": "array", "items": _refer(answer[0])}
        case tuple():
            schema = {"anyOf": [_refer(model) for model in answer]}
        case _:
            schema = _refer(answer)
    return {"application/json": {"schema": schema}}


def _refer(model: type[BaseModel]) -> Json:
    return {"$ref": _SCHEMA_PATH + model.__name__}


def _schemas(resources: Iterable[Resource]) -> Json:
    bodies: set[type[BaseModel]] = set()
    answers: set[type[BaseModel]] = {ErrorView, InvalidView}
    for route in resources:
        for endpoint in route.endpoints.values():
            if isinstance(endpoint, DescribedEndpoint):
                bodies |= {endpoint.operation.body} if endpoint.operation.body else set()
                for answer in endpoint.operation.answers.values():
                    answers |= set(answer) if isinstance(answer, list | tuple) else {answer} if answer else set()
    taken = models_json_schema(
        [(model, "validation") for model in _ordered(bodies)], ref_template=_SCHEMA_PATH + "{model}"
    )
    given = models_json_schema(
        [(model, "serialization") for model in _ordered(answers)], ref_template=_SCHEMA_PATH + "{model}"
    )
    return {**taken[1].get("$defs", {}), **given[1].get("$defs", {})}


def _ordered(models: set[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)
