"""Errors: one shape for all of them, a page for browsers, and nothing internal."""

import json

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from shared import errors
from shared.errors import AppError, Invalid, MethodNotAllowed, Throttled, Unauthorized, Unavailable
from shared.web.error_responses import exception_handlers, render_error
from shared.web.routes import resource
from tests.support.services import client_of

STATUSES = {
    errors.BadRequest: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.RequestTimeout: 408,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.HeadersTooLarge: 431,
    errors.UriTooLong: 414,
    errors.UpstreamFailed: 502,
    errors.UpstreamTimeout: 504,
}


def scope_of(path: str = "/api/posts", accept: str = "*/*") -> Scope:
    """Return the scope of a request."""
    return {"type": "http", "method": "GET", "path": path, "headers": [(b"accept", accept.encode())]}


def read(response: Response) -> object:
    """Return the JSON value of a response."""
    return json.loads(bytes(response.body))


@pytest.mark.parametrize("kind", STATUSES)
def test_one_shape(kind: type[AppError]) -> None:
    """An error is its status and one sentence for a person, which may be replaced when it is raised."""
    plain, told = render_error(scope_of(), kind()), render_error(scope_of(), kind("It is like this"))

    assert plain.status_code == told.status_code == STATUSES[kind]
    assert read(plain) == {"error": kind.sentence}
    assert read(told) == {"error": "It is like this"}
    assert plain.headers["cache-control"] == "no-store"
    assert plain.headers["content-type"] == "application/json"


def test_each_error_has_its_status() -> None:
    """No two errors share a status, and each has a sentence."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]
    public = [kind for kind in kinds if not kind.__name__.startswith("_")]

    assert len({kind.status for kind in public}) == len(public)
    assert all(kind.sentence for kind in public)


def test_unauthorized() -> None:
    """401 always has the same body; the reason is in the challenge (RFC 6750, section 3)."""
    response = render_error(scope_of(), Unauthorized(challenge='Bearer realm="gatepost", error="invalid_token"'))

    assert read(response) == {"error": "No Authorization"}
    assert response.headers["www-authenticate"] == 'Bearer realm="gatepost", error="invalid_token"'
    assert Unauthorized().headers == {"WWW-Authenticate": 'Bearer realm="gatepost"'}


def test_invalid_names_fields() -> None:
    """422 names each member that is wrong."""
    response = render_error(scope_of(), Invalid({"email": "is required"}))

    assert response.status_code == 422
    assert read(response) == {"error": "Some fields are not right", "fields": {"email": "is required"}}


@pytest.mark.parametrize(("error", "status"), [(Throttled(retry_after=7), 429), (Unavailable(retry_after=7), 503)])
def test_later(error: AppError, status: int) -> None:
    """A temporary error says after how many seconds to retry, in the header and in the body."""
    response = render_error(scope_of(), error)

    assert (response.status_code, response.headers["retry-after"]) == (status, "7")
    assert read(response) == {"error": error.message, "retryAfter": 7}


def test_method_not_allowed() -> None:
    """405 carries the allowed methods (RFC 9110, section 15.5.6)."""
    assert render_error(scope_of(), MethodNotAllowed("GET, HEAD")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "accept", "is_page"),
    [
        ("/userposts", "text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("/api/auth/signin", "text/html", True),
        ("/api/user/2", "text/html", False),
        ("/userposts", "*/*", False),
        ("/userposts", "application/json", False),
    ],
)
def test_page_or_json(path: str, accept: str, is_page: bool) -> None:  # noqa: FBT001 - a column of the table
    """A browser that asks for a page gets one; the JSON API returns JSON whatever is requested."""
    response = render_error(scope_of(path, accept), errors.NotFound("Not <here>"))

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html" if is_page else "application/json")
    assert b"Not &lt;here&gt;" in response.body if is_page else read(response) == {"error": "Not <here>"}


async def raise_fault(_: Request) -> Response:
    """Fail as code of ours fails."""
    raise RuntimeError("the secret inside")


async def raise_teapot(_: Request) -> Response:
    """Fail as Starlette may."""
    raise HTTPException(418, "the secret inside")


async def raise_conflict(_: Request) -> Response:
    """Fail on purpose."""
    raise errors.Conflict


async def test_handlers() -> None:
    """Every error that leaves an endpoint, ours or Starlette's, gets the common shape; a 500 has no details."""
    routes = [resource(f"/{run.__name__}", GET=run) for run in (raise_fault, raise_teapot, raise_conflict)]
    app = Starlette(routes=[*routes], exception_handlers=exception_handlers())
    client = client_of(app)

    answers = {path: await client.get(path) for path in ("/raise_conflict", "/raise_teapot", "/nothing")}
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/raise_conflict": 409,
        "/raise_teapot": 400,
        "/nothing": 404,
    }
    assert all(set(answer.json()) == {"error"} for answer in answers.values())
    handler = exception_handlers()[Exception]
    response = await handler(Request(scope_of()), RuntimeError("the secret inside"))  # type: ignore[misc, arg-type]
    assert isinstance(response, Response)
    assert response.status_code == 500
    assert read(response) == {"error": "Something went wrong on our side"}


async def test_starlettes_own_method_not_allowed() -> None:
    """A 405 from Starlette's own routes has the common shape and keeps ``Allow``."""
    app = Starlette(exception_handlers=exception_handlers())
    app.add_route("/plain", raise_conflict, methods=["GET"])

    answer = await client_of(app).post("/plain")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.json() == {"error": "This method is not allowed here"}
