"""Routes: which path and method reach an endpoint, with what arguments, and what everything else gets."""

from typing import Annotated

import httpx2
import pytest
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match

from auth_service.app import build_routes as build_auth_routes
from posts_service.app import build_routes as build_posts_routes
from shared.auth_events.revocations import Revocations
from shared.tokens.signed import MAX_ID, AccessTokens, KeyRing
from shared.web.error_responses import exception_handlers
from shared.web.routes import Resource, operation, path_id, resource
from shared.web.schemas import Body, Query, View
from tests.support.forged_tokens import ISSUER, SECRET, TTL, forge, make_claims
from tests.support.services import client_of


class Note(Body):
    """A body."""

    text: Annotated[str, Field(max_length=10)]


class Page(Query):
    """A query."""

    limit: Annotated[int, Field(ge=1)] = 20


class NoteView(View):
    """An answer."""

    text: str


async def show(request: Request) -> Response:
    """Return the id in the path."""
    return PlainTextResponse(str(path_id(request)))


@operation("List", answers={200: [NoteView]}, query=Page)
async def list_notes(_: Request, page: Page) -> Response:
    """Return the query as it was parsed."""
    return JSONResponse(page.limit)


@operation("Change", answers={200: NoteView}, query=Page, body=Note, max_body=40)
async def change_note(_: Request, page: Page, note: Note) -> Response:
    """Return query and body as they were parsed."""
    return JSONResponse([page.limit, note.text])


@operation("Write", answers={201: NoteView}, body=Note, caller="required")
async def write_note(_: Request, note: Note) -> Response:
    """Return the body as it was parsed."""
    return JSONResponse(note.text, status_code=201)


@pytest.fixture
def client() -> httpx2.AsyncClient:
    """Give a client of an application with some routes."""
    app = Starlette(
        routes=[
            resource("/notes", GET=list_notes, PUT=change_note, POST=write_note),
            resource("/notes/{id}", GET=show, DELETE=show),
            resource("/write-only", POST=show),
        ],
        exception_handlers=exception_handlers(),
    )
    app.router.redirect_slashes = False
    app.state.access_tokens = AccessTokens(KeyRing(SECRET), ISSUER, TTL)
    app.state.revocations = Revocations()
    return client_of(app)


async def test_head_is_answered_where_get_is(client: httpx2.AsyncClient) -> None:
    """HEAD answers as GET does (RFC 9110, section 9.3.2)."""
    assert (await client.head("/notes/7")).headers["content-length"] == "1"
    assert (await client.head("/write-only")).status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/notes", "GET, HEAD, OPTIONS, POST, PUT"),
        ("/notes/7", "DELETE, GET, HEAD, OPTIONS"),
        ("/write-only", "OPTIONS, POST"),
    ],
)
async def test_allowed_methods(client: httpx2.AsyncClient, path: str, allowed: str) -> None:
    """OPTIONS lists what a path allows; any other method is 405 and lists the same (RFC 9110, section 15.5.6)."""
    options, refused = await client.options(path), await client.request("BREW", path)

    assert (options.status_code, options.headers["allow"], options.content) == (204, allowed, b"")
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    assert refused.json() == {"error": "This method is not allowed here"}


@pytest.mark.parametrize(
    "path", ["/notes%0A", "/notes/7%0A", "/notes/7%0D", "/notes/%007", "/notes%7F", "/notes/%C2%85"]
)
async def test_control_characters_in_a_path(client: httpx2.AsyncClient, path: str) -> None:
    """A path with a control character matches nothing: the router's ``$`` alone would allow a final newline."""
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/notes//", "/Notes", "//notes", "/notes/7//", "/notes/7/8", "/"])
async def test_other_spellings_of_a_path(client: httpx2.AsyncClient, path: str) -> None:
    """A path has one spelling; a similar one is 404."""
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("text", ["1", "7", "10", str(MAX_ID)])
async def test_path_id(client: httpx2.AsyncClient, text: str) -> None:
    """A positive 64-bit integer is an id."""
    assert (await client.get(f"/notes/{text}")).text == text


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "+1", "01", "1.0", "1e3", "x", "%20", "1%20", "\u0661", "1_0", "0x1", str(MAX_ID + 1), "9" * 5000],
)
async def test_no_path_id(client: httpx2.AsyncClient, text: str) -> None:
    """Anything else in its place is 404."""
    assert (await client.get(f"/notes/{text}")).status_code == 404


async def test_arguments_are_validated(client: httpx2.AsyncClient) -> None:
    """An endpoint gets the query and the body that it declares, validated."""
    assert (await client.get("/notes?limit=5&other=1")).json() == 5
    assert (await client.put("/notes?limit=5", json={"text": "Hello"})).json() == [5, "Hello"]


@pytest.mark.parametrize(
    ("query", "content", "media", "status"),
    [
        ("?limit=0", b'{"text":"x"}', "application/json", 422),
        ("", b'{"text":1}', "application/json", 422),
        ("", b"{", "application/json", 400),
        ("", b'{"text":"' + b"x" * 40 + b'"}', "application/json", 413),
        ("", b"text=x", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_arguments_are_refused(
    client: httpx2.AsyncClient, query: str, content: bytes, media: str, status: int
) -> None:
    """A query or body that its model refuses never reaches the endpoint."""
    answer = await client.put(f"/notes{query}", content=content, headers={"content-type": media})
    assert answer.status_code == status


async def test_caller_comes_before_the_body(client: httpx2.AsyncClient) -> None:
    """If a user is required, an anonymous caller is 401 whatever the body; for a user the body decides."""
    bearer = {"authorization": forge(make_claims())}

    assert (await client.post("/notes", content=b"{")).status_code == 401
    assert (await client.post("/notes", json={"text": 1}, headers=bearer)).status_code == 422
    assert (await client.post("/notes", json={"text": "x"}, headers=bearer)).status_code == 201


ROUTES = {"auth": build_auth_routes(), "posts": build_posts_routes()}
PATHS = [(service, route.path) for service, routes in ROUTES.items() for route in routes]


def find_route(routes: list[Resource], path: str) -> tuple[str, object, object] | None:
    """Return the route of a path, its parameters, and the path as its endpoint sees it; None if there is none."""
    for route in routes:
        match, found = route.matches({"type": "http", "path": path})
        if match is Match.FULL:
            return route.path, found["path_params"], found["path"]
    return None


@pytest.mark.parametrize(("service", "pattern"), PATHS)
def test_one_trailing_slash_changes_nothing(service: str, pattern: str) -> None:
    """Every route accepts one trailing slash, as the policy does, and its endpoint sees the path without it.

    Two make another path: only NextAuth's catch-all matches it.
    """
    path = pattern.replace("{rest:path}", "a/b").replace("{id}", "12").replace("{sid}", "s")
    plain = find_route(ROUTES[service], path)
    assert plain is not None
    assert plain[0] == pattern
    assert find_route(ROUTES[service], path.removesuffix("/") + "/") == plain
    doubled = find_route(ROUTES[service], path + "//")
    assert doubled is None or doubled[0] == "/api/auth/{rest:path}"
