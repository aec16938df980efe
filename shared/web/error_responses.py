"""The one place that turns an error into a response.

The body is ``{"error": "<sentence for a person>"}`` plus members that carry facts (``fields``, ``retryAfter``). A
browser that asks for a page gets one, in its language and in plain words (``error_pages``), with the request id to
quote. A 5xx reveals nothing internal: the log has it under that id. An exception outside the tree of ``errors`` is a
fault of ours: 500, without details.
"""

import functools
import http
import re
from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler, Scope

from shared.errors import AppError, BadRequest, MethodNotAllowed, NotFound
from shared.observing.request_context import RequestRecord, record_of
from shared.tokens.authentication import identify_caller
from shared.web.error_pages import describe_error
from shared.web.pages import read_page_before, render_page


def render_error(scope: Scope, error: AppError) -> Response:
    """Return the response to an error: JSON, or a page for a browser that asks for one. Adds it to the log record."""
    note_refusal(scope, error)
    if wants_page(scope):
        headers = {"Cache-Control": "no-store", **error.headers}
        words, back = describe_error(error, scope.get("method", "GET")), read_page_before(scope)
        about = {"words": words, "back": back, "request_id": record_of(scope).request_id}
        return render_page(scope, "error.html", folder=None, status=error.status, headers=headers, **about)
    return render_json_error(error.status, error.message, error.headers, error.facts)


def render_json_error(
    status: int, message: str, headers: Mapping[str, str], facts: Mapping[str, object]
) -> JSONResponse:
    """Return the response to an error where no page is wanted."""
    headers = {"Cache-Control": "no-store", **headers}
    return JSONResponse({"error": message, **facts}, status_code=status, headers=headers)


def note_refusal(scope: Scope, error: AppError) -> None:
    """Put the error into the request's log record, for callers that send another response."""
    note_refusal_in(record_of(scope), error)


def note_refusal_in(record: RequestRecord, error: AppError) -> None:
    """Put the error with which a request was refused into its log record.

    So does its sentence, unless it is that of its kind, without the values in it: the client may have written them.
    What is for the log alone stands in its place.
    """
    record.refusal = _name(type(error).__name__)
    sentence = None if error.message == error.sentence else getattr(error.message, "pattern", error.message)
    record.reason = error.logged or sentence


def wants_page(scope: Scope) -> bool:
    """Tell whether a page is wanted: the client accepts HTML and the path is not of the JSON API."""
    path = scope["path"]
    if path.startswith("/api/") and not path.startswith("/api/auth/"):
        return False
    return accepts_html(scope["headers"])


def accepts_html(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a request's raw headers (names in lower case) ask for a page."""
    return any(name == b"accept" and b"text/html" in value for name, value in headers)


def exception_handlers() -> dict[type[Exception], ExceptionHandler]:
    """Return the handlers for Starlette's table: for our errors, for Starlette's own, and for the rest (500)."""
    return dict.fromkeys((AppError, HTTPException, Exception), _handle)


async def _handle(request: Request, error: Exception) -> Response:
    """Return a service's response to an error; its page names the caller if the token identifies them."""
    if wants_page(request.scope) and hasattr(request.app.state, "access_tokens"):
        identify_caller(request)
    return render_error(request.scope, _translate(error))


@functools.cache
def _name(kind: str) -> str:
    """Return an error's name in logs and metrics: ``BodyTooLarge`` is ``body_too_large``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


def _translate(error: Exception) -> AppError:
    """Return any error as one of ours: Starlette's own are 404 and 405 of its router; the rest are faults."""
    if not isinstance(error, HTTPException):
        return error if isinstance(error, AppError) else AppError()
    if error.status_code == http.HTTPStatus.NOT_FOUND:
        return NotFound()
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed((error.headers or {}).get("Allow", ""))
    return BadRequest()
