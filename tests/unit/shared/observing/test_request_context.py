"""The context of a request: its id, its log line, its count; and what a fault of ours gets."""

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from structlog.typing import EventDict

from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.observing.request_context import RequestContextMiddleware, record_of
from shared.tokens.authentication import require_user
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.crashes import FaultMiddleware
from shared.web.error_responses import exception_handlers
from shared.web.response_headers import ResponseHeadersMiddleware
from shared.web.routes import resource
from tests.support.forged_tokens import ISSUER, SECRET, TTL, forge, make_claims


async def show(request: Request) -> Response:
    """Return the caller's id."""
    return PlainTextResponse(str(require_user(request).claims.user_id))


async def fail(_: Request) -> Response:
    """Fail as code of ours fails."""
    raise RuntimeError("planted-secret in a message")


async def fail_half_way(_: Request) -> Response:
    """Fail when half of the answer has been sent."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("planted-secret in a message")

    return StreamingResponse(chunks())


async def show_probe(_: Request) -> Response:
    """Answer a probe with a request id of its own making."""
    return PlainTextResponse("", headers={"X-Request-ID": "of-the-endpoint"})


class Served:
    """An application with the middleware of every service, its metrics, and a client."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        paths = {"/users/{id}": show, "/fail": fail, "/half": fail_half_way, "/livez": show_probe}
        self.app = Starlette(
            routes=[resource(path, GET=endpoint) for path, endpoint in paths.items()],
            middleware=[
                Middleware(RequestContextMiddleware, metrics=self.metrics),
                Middleware(ResponseHeadersMiddleware, public_url="http://localhost:3000"),
                Middleware(FaultMiddleware),
            ],
            exception_handlers=exception_handlers(),
        )
        self.app.state.access_tokens = AccessTokens(KeyRing(SECRET), ISSUER, TTL)
        self.app.state.revocations = Revocations()
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://testserver")

    def count(self, **labels: str) -> float:
        """Return how many requests with these labels were counted."""
        return self.metrics.registry.get_sample_value("gatepost_requests_total", labels) or 0.0


@pytest.fixture
def served() -> Served:
    """Give an application with the middleware of every service."""
    return Served()


def line_of(logs: list[EventDict]) -> EventDict:
    """Return the only line about a finished request."""
    (line,) = [entry for entry in logs if entry["event"] == "request_finished"]
    return line


@pytest.mark.parametrize("request_id", ["12345678", "a" * 64, "0af7651916cd43dd-8448.eb211c80319c"])
async def test_request_id_is_kept(served: Served, request_id: str) -> None:
    """A well-formed request id is kept, so that one id follows a request through all services."""
    answer = await served.client.get("/livez", headers={"X-Request-ID": request_id})
    assert answer.headers.get_list("x-request-id") == [request_id]


@pytest.mark.parametrize(
    "request_id", ["", "short", "a" * 65, "with blank", "evil\tid", "<script>", "é" * 8, "12345678\x7f"]
)
async def test_bad_request_id_is_replaced(served: Served, request_id: str) -> None:
    """A malformed request id is not repeated anywhere; the request gets a new one."""
    answer = await served.client.get("/livez", headers=[(b"X-Request-ID", request_id.encode())])
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_two_request_ids_are_replaced(served: Served) -> None:
    """Two ids are as good as none."""
    answer = await served.client.get("/livez", headers=[("X-Request-ID", "11111111"), ("X-Request-ID", "22222222")])
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_log_line(served: Served) -> None:
    """A request is one line: matcher, status, time, user; nothing that was typed or sent, and no credentials."""
    token = forge(make_claims(user_id=7))
    with capture_logs() as logs:
        await served.client.get(
            "/users/31415?planted=query",
            headers={"Authorization": token, "Cookie": "planted=cookie", "User-Agent": "planted-agent"},
        )

    line = line_of(logs)
    assert (line["method"], line["matcher"], line["status"], line["user_id"]) == ("GET", "/users/{id}", 200, 7)
    about = {"request_id", "trace_id", "span_id", "method", "matcher", "status", "ms", "user_id", "sid"}
    assert set(line) == {"event", "log_level", *about}
    assert not any(
        secret in str(logs) for secret in ("31415", "planted", token, token.split(".")[2], "ada@example.com")
    )


@pytest.mark.parametrize(("token", "reason"), [(None, "missing"), ("planted.bad.token", "invalid")])
async def test_log_line_of_an_anonymous_caller(served: Served, token: str | None, reason: str) -> None:
    """The line says why a caller is anonymous, and never what they sent."""
    with capture_logs() as logs:
        await served.client.get("/users/7", headers={"Authorization": token} if token else {})

    assert (line_of(logs)["status"], line_of(logs)["anonymous"]) == (401, reason)
    assert "planted" not in str(logs)


async def test_path_that_nobody_has(served: Served) -> None:
    """A path that matches nothing is not logged: it may hold anything."""
    with capture_logs() as logs:
        await served.client.get("/planted/ada@example.com")

    assert line_of(logs)["matcher"] == "none"
    assert "planted" not in str(logs)


async def test_probes_are_not_logged(served: Served) -> None:
    """Probes come every few seconds: they are counted, not logged."""
    with capture_logs() as logs:
        await served.client.get("/livez")
    assert logs == []
    assert served.count(matcher="/livez", method="GET", status="200") == 1


async def test_requests_are_counted(served: Served) -> None:
    """Requests are counted by matcher, method and status, from closed sets."""
    await served.client.get("/users/1")
    await served.client.get("/users/2")
    await served.client.request("BREW", "/users/3")
    await served.client.get("/planted")

    assert served.count(matcher="/users/{id}", method="GET", status="401") == 2
    assert served.count(matcher="/users/{id}", method="other", status="405") == 1
    assert served.count(matcher="none", method="GET", status="404") == 1


async def test_fault_of_ours(served: Served) -> None:
    """An exception in our code is a 500 without details, with the request's id and protective headers, logged once."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = await served.client.get("/fail", headers={"X-Request-ID": "11111111"})

    assert (answer.status_code, answer.json()) == (500, {"error": "Something went wrong on our side"})
    assert answer.headers["x-request-id"] == "11111111"
    assert answer.headers["x-content-type-options"] == "nosniff"
    (fault,) = [entry for entry in logs if entry["event"] == "request_failed"]
    assert (fault["request_id"], fault["exc_info"]) == ("11111111", True)
    assert line_of(logs)["status"] == 500


async def test_fault_half_way(served: Served) -> None:
    """A fault in the middle of an answer ends the connection, and the server's log line still has the request's id."""
    with pytest.raises(RuntimeError):
        await served.client.get("/half", headers={"X-Request-ID": "11111111"})
    assert structlog.contextvars.get_contextvars() == {"request_id": "11111111"}
    structlog.contextvars.clear_contextvars()


async def test_id_does_not_outlive_its_request(served: Served) -> None:
    """After a request its id is in no further log line."""
    await served.client.get("/users/1")
    assert structlog.contextvars.get_contextvars() == {}


async def test_only_http_is_touched() -> None:
    """Anything but an HTTP request, such as the lifespan, passes through all middleware untouched."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> dict[str, str]:
        raise AssertionError

    async def send(_: object) -> None:
        raise AssertionError

    layers = RequestContextMiddleware(ResponseHeadersMiddleware(FaultMiddleware(app), "http://localhost"), Metrics())
    await layers({"type": "lifespan"}, receive, send)
    assert seen == ["lifespan"]


def test_record_without_the_middleware() -> None:
    """Even without the middleware a request has a record, and only one."""
    scope: Scope = {"type": "http"}
    assert record_of(scope) is record_of(scope)
