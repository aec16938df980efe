"""Routes that describe themselves: one per path, one endpoint per method, each with the models that validate it.

    resource("/api/posts", GET=list_posts, POST=create_post)

An endpoint is a coroutine marked by ``@operation``; it gets the request and, if it declares one, the validated query or
body. ``shared.web.openapi`` describes the same declaration, so the description can't drift. A path with GET also
supports HEAD; OPTIONS lists the allowed methods, and any other method is 405 with ``Allow`` (RFC 9110, 9.3).

One trailing slash is ignored, as by the gateway's matchers: ``/api/posts/`` is ``/api/posts``, for every method, and
without a redirect, which would lose a submitted form. Endpoints see the path without it.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field

from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from shared.errors import MethodNotAllowed, NotFound
from shared.observing.request_context import record_of
from shared.tokens.authentication import require_user
from shared.tokens.signed import MAX_ID
from shared.web.bodies import MAX_JSON_BODY, read_json
from shared.web.schemas import Query, validate

MAX_REMEMBERED_QUERY = 64  # bytes

Endpoint = Callable[..., Awaitable[Response]]
AnswerModels = type[BaseModel] | list[type[BaseModel]] | tuple[type[BaseModel], ...] | None


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A request header that an operation reads: its meaning, and the pattern of its value."""

    meaning: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path takes and returns. It marks the endpoint of that method, as a decorator.

    ``answers`` maps each status to the model of its body: a list of one model for an array, a tuple where it is one of
    several, None for no body. ``caller`` says whether a signed-in user is needed: "required", "optional", or "none"; or
    "service", for a credential of a service, which the endpoint itself asks for.
    ``tag`` groups operations in the description, and generated clients turn each into a class; by default it is a word
    of the path.
    """

    summary: str
    _: KW_ONLY
    answers: Mapping[int, AnswerModels]
    body: type[BaseModel] | None = None
    query: type[Query] | None = None
    request_headers: Mapping[str, RequestHeader] = field(default_factory=dict)
    caller: str = "none"
    max_body: int = MAX_JSON_BODY
    tag: str = ""

    def __call__(self, endpoint: Endpoint) -> "DescribedEndpoint":
        """Return the endpoint with its description."""
        return DescribedEndpoint(self, endpoint)


operation = Operation


@dataclass(frozen=True, slots=True)
class DescribedEndpoint:
    """An endpoint and its description."""

    operation: Operation
    run: Endpoint


class Resource(Route):
    """The route of one path, with an endpoint for each method."""

    def __init__(self, path: str, endpoints: Mapping[str, DescribedEndpoint | Endpoint]) -> None:
        super().__init__(path, self._dispatch)
        self._is_one_path = "{" not in path
        self.methods = None  # every method reaches _dispatch, which knows them all
        self.endpoints = dict(endpoints)
        offered = {*self.endpoints, "OPTIONS"} | ({"HEAD"} if "GET" in self.endpoints else set())
        self.allowed = ", ".join(sorted(offered))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path, whose parameters stay text, without control characters: ``$`` would allow a newline."""
        path = scope["path"].removesuffix("/") or "/"
        if self._is_one_path and path != self.path:
            return Match.NONE, {}
        found = self.path_regex.match(path) if scope["type"] == "http" and path.isprintable() else None
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": found.groupdict(), "path": path}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request for this path. Unlike Starlette's, it catches no errors: that is done once, further out."""
        record_of(scope).matcher = self.path
        response = await self._dispatch(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _dispatch(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": self.allowed})
        endpoint = self.endpoints.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            raise MethodNotAllowed(self.allowed)
        if not isinstance(endpoint, DescribedEndpoint):
            return await endpoint(request)
        if endpoint.operation.caller == "required":
            require_user(request)  # before the body is read: no work without a credential
        return await endpoint.run(request, *await _read_arguments(request, endpoint.operation))


def resource(path: str, **endpoints: DescribedEndpoint | Endpoint) -> Resource:
    """Return the route of a path, its endpoints named by method: ``GET=...``, ``POST=...``."""
    return Resource(path, endpoints)


def path_id(request: Request, name: str = "id") -> int:
    """Return a path's positive 64-bit id; NotFound for anything else."""
    text = request.path_params[name]
    is_id = text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= len(str(MAX_ID))
    if not is_id or int(text) > MAX_ID:
        raise NotFound
    return int(text)


async def _read_arguments(request: Request, described: Operation) -> list[BaseModel]:
    arguments: list[BaseModel] = []
    if described.query is not None:
        text: bytes = request.scope["query_string"]
        read = _read_query_again if len(text) <= MAX_REMEMBERED_QUERY else _read_query
        arguments.append(read(described.query, text))
    if described.body is not None:
        arguments.append(await read_json(request, described.body, described.max_body))
    return arguments


def _read_query(model: type[Query], text: bytes) -> Query:
    return validate(model, dict(QueryParams(text)))


_read_query_again = functools.lru_cache(maxsize=256)(_read_query)  # the same few recur all the time, and are frozen
