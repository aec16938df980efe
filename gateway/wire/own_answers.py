"""The gateway's own answers, as bytes: refusals, redirects to the sign-in page, and its own pages.

Errors are rendered by ``shared.web.error_responses`` and nowhere else; those that are not pages are the same bytes
every time, and cached.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Scope

from gateway.callers.renewal import RenewedCaller, add_cookies
from gateway.messages.raw_headers import RawHeader, encode_lines, split_lines
from gateway.messages.request_heads import RequestHead
from shared.errors import AppError
from shared.observing.request_context import RequestRecord, keep_record
from shared.tokens.session_cookie import CookieNames
from shared.web.error_responses import note_refusal_in, render_error, render_json_error, wants_page
from shared.web.response_headers import ProtectiveHeaders

_CACHE_CONTROL = (b"cache-control", b"surrogate-control")  # and what overrides it in some caches (RFC 9213)


class Answer(NamedTuple):
    """A whole answer: its status, its header lines as they are sent, and its body."""

    status: int
    lines: bytes
    body: bytes


class OwnAnswers:
    """Makes the answers of a gateway with one public URL; error pages look like ``pages``."""

    def __init__(self, pages: Starlette, public_url: str, cookie_names: CookieNames) -> None:
        self._pages = pages
        self._protective = ProtectiveHeaders(public_url)
        self._cookie_names = cookie_names
        self._empty = self.of_response(Response(status_code=302)).lines
        self._of_json_error = functools.lru_cache(maxsize=256)(self._make_json_error)

    def of_response(self, response: Response) -> Answer:
        """Return Starlette's response as bytes, with the protective headers."""
        headers = self._protective.add(response.raw_headers)
        return Answer(response.status_code, encode_lines(headers), bytes(response.body))

    def redirect(self, location: str) -> Answer:
        """Return a redirect; the location is one of ours."""
        return Answer(302, b"location: %b\r\n" % location.encode("ascii") + self._empty, b"")

    def allow(self, methods: str, cors: Sequence[RawHeader] = ()) -> Answer:
        """Return the answer to OPTIONS, with what a preflight is told."""
        answer = self.of_response(Response(status_code=204, headers={"Allow": methods}))
        return answer._replace(lines=answer.lines + encode_lines(cors))

    def of_error(self, error: AppError, record: RequestRecord, head: RequestHead | None = None) -> Answer:
        """Return the answer to an error, a page where one is wanted, and note it for the log."""
        if head is not None and head.headers.accepts_html:
            scope = {**build_scope(head, record), "app": self._pages}
            if wants_page(scope):
                return self.of_response(render_error(scope, error))
        note_refusal_in(record, error)
        return self._of_json_error(
            error.status, error.message, tuple(error.headers.items()), tuple(error.facts.items())
        )

    def add_cookies(self, lines: bytes, renewed: RenewedCaller) -> bytes:
        """Return header lines with the cookies of a renewal, not to be cached by anyone."""
        headers = [header for header in split_lines(lines) if not header[0].lower().endswith(_CACHE_CONTROL)]
        added = add_cookies(headers, renewed, self._cookie_names)
        return encode_lines([*added, (b"cache-control", b"no-store")])

    def _make_json_error(
        self,
        status: int,
        message: str,
        headers: tuple[tuple[str, str], ...],
        facts: tuple[tuple[str, object], ...],
    ) -> Answer:
        return self.of_response(render_json_error(status, message, dict(headers), dict(facts)))


def build_scope(head: RequestHead, record: RequestRecord) -> Scope:
    """Return a request as ASGI describes it, for pages."""
    line = head.line
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": line.version,
        "method": line.method,
        "scheme": "http",
        "path": line.path_text,
        "raw_path": line.raw_path,
        "query_string": line.query,
        "root_path": "",
        "headers": list(head.headers.raw),
        "client": None,
        "server": None,
        "state": {},
    }
    keep_record(scope, record)
    return scope
