"""Calls between services: signed by the one, verified by the other, and Unavailable when anything goes wrong."""

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.observing.metrics import Metrics
from shared.observing.request_context import RequestContextMiddleware, record_of, write_trace
from shared.tokens.signed import KeyRing, ServiceTokens
from shared.web.error_responses import exception_handlers
from shared.web.routes import resource
from shared.web.service_calls import MAX_ANSWER, ServiceClient, require_service
from tests.support.forged_tokens import forge, make_claims
from tests.support.raw_upstream import Received, Script, running_upstream
from tests.support.service_callers import tokens_of

SECRET = "a-service-secret-0123456789abcdef-01"
tokens = tokens_of(SECRET)


async def show_caller(request: Request) -> Response:
    """Return who is calling, and with which request id and query."""
    caller = require_service(request, "auth_service")
    about = {"id": request.headers.get("x-request-id"), "trace": request.headers.get("traceparent")}
    seen = {"caller": caller, **about, "query": str(request.url.query)}
    return JSONResponse(seen)


async def take_body(request: Request) -> Response:
    """Return who is calling, and with which body."""
    return JSONResponse({"caller": require_service(request, "auth_service"), "body": await request.json()})


async def answer_nonsense(_: Request) -> Response:
    """Return something that is not JSON."""
    return Response(b"\xff<html>", media_type="application/json")


async def answer_elsewhere(_: Request) -> Response:
    """Redirect elsewhere, where the token must not follow."""
    return RedirectResponse("http://evil.example/")


async def fail(_: Request) -> Response:
    """Fail politely."""
    raise Unavailable


def create_callee() -> Starlette:
    """Return the service that is called."""
    endpoints = {"/caller": show_caller, "/nonsense": answer_nonsense, "/elsewhere": answer_elsewhere, "/fail": fail}
    app = Starlette(
        routes=[resource(path, GET=endpoint, POST=take_body) for path, endpoint in endpoints.items()],
        exception_handlers=exception_handlers(),
    )
    app.state.service_tokens = tokens
    return app


@contextlib.asynccontextmanager
async def calling(
    monkeypatch: pytest.MonkeyPatch, transport: httpx2.AsyncBaseTransport, callee: str = "auth_service"
) -> AsyncIterator[ServiceClient]:
    """Give a client whose calls go over that transport."""
    create: Callable[..., httpx2.AsyncClient] = httpx2.AsyncClient
    with monkeypatch.context() as patch:
        patch.setattr(httpx2, "AsyncClient", lambda **settings: create(transport=transport, **settings))
        client = ServiceClient("http://auth.internal", caller="posts_service", callee=callee, tokens=tokens)
    yield client
    await client.close()


CallsTo = Callable[[Script], contextlib.AbstractAsyncContextManager[ServiceClient]]


@pytest.fixture
def calls_to() -> CallsTo:
    """Give a factory of clients of a service that follows a script, byte by byte."""

    @contextlib.asynccontextmanager
    async def begin(script: Script) -> AsyncIterator[ServiceClient]:
        async with running_upstream(script) as upstream:
            client = ServiceClient(upstream.url, caller="posts_service", callee="auth_service", tokens=tokens)
            yield client
            await client.close()

    return begin


async def test_call_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The callee learns who is calling, and for which request and trace if there is one; the query arrives."""
    async with calling(monkeypatch, httpx2.ASGITransport(app=create_callee())) as client:

        async def ask(request: Request) -> Response:
            answer = await client.get_json("/caller", {"ids": "1,2"})
            return JSONResponse({"answer": answer, "trace": write_trace(record_of(request.scope))})

        app = RequestContextMiddleware(Starlette(routes=[resource("/", GET=ask)]), Metrics())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://posts") as outside:
            told = (await outside.get("/", headers={"X-Request-ID": "11111111"})).json()
        alone = await client.get_json("/caller", {})

    assert told["answer"] == {
        "caller": "posts_service",
        "id": "11111111",
        "query": "ids=1%2C2",
        "trace": told["trace"],
    }
    assert alone == {"caller": "posts_service", "id": None, "trace": None, "query": ""}


async def test_what_is_posted_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call can carry a JSON body, and is signed as well."""
    async with calling(monkeypatch, httpx2.ASGITransport(app=create_callee())) as client:
        answer = await client.post_json("/caller", {"session": "é"})
    assert answer == {"caller": "posts_service", "body": {"session": "é"}}


async def test_each_call_has_its_own_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has its own timeout, but never waits for a connection longer than a second."""
    limits: list[object] = []

    async def note(request: httpx2.Request) -> httpx2.Response:
        limits.append((request.extensions["timeout"]["read"], request.extensions["timeout"]["connect"]))
        return httpx2.Response(200, json={})

    async with calling(monkeypatch, httpx2.MockTransport(note)) as client:
        await client.get_json("/", {})
        await client.get_json("/", {}, timeout=8)
        await client.post_json("/", {}, timeout=0.5)
    assert limits == [(2.0, 1.0), (8, 1.0), (0.5, 0.5)]


@pytest.mark.parametrize("path", ["/nonsense", "/elsewhere", "/fail", "/nothing"])
async def test_bad_answer(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """An answer that is an error, a redirect or not JSON is Unavailable, logged without address or token."""
    async with calling(monkeypatch, httpx2.ASGITransport(app=create_callee())) as client:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await client.get_json(path, {"planted": "query"})

    (line,) = logs
    statuses = {"/nonsense": 200, "/elsewhere": 307, "/fail": 503, "/nothing": 404}
    error = line.pop("error")
    assert error == ("UnicodeDecodeError" if path == "/nonsense" else "BadStatus")
    assert line == {
        "event": "service_call_failed",
        "log_level": "warning",
        "callee": "auth_service",
        "path": path,
        "status": statuses[path],
    }


async def test_a_refused_token_is_told_from_other_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that the callee refuses, because it doesn't know the key, is logged with its 401."""
    other = tokens_of("a-service-secret-0123456789abcdef-02")
    async with calling(monkeypatch, httpx2.ASGITransport(app=create_callee())) as client:
        client._tokens = other  # noqa: SLF001 - as after a change of the secret on one side
        with capture_logs() as logs, pytest.raises(Unavailable):
            await client.get_json("/caller", {})
    assert [line["status"] for line in logs if line["event"].startswith("service_call")] == [401]


async def test_a_call_has_an_end(calls_to: CallsTo) -> None:
    """An answer that trickles in without end is given up when the call's time is over."""

    async def trickle(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not request.writer.is_closing():
            await request.send(b" ")
            await asyncio.sleep(0.05)

    async with calls_to(trickle) as client:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await asyncio.wait_for(client.get_json("/caller", {}, timeout=0.5), 10)
    assert [line["error"] for line in logs if line["event"].startswith("service_call")] == ["TimeoutError"]


@pytest.mark.parametrize(
    "head", [b"Content-Length: 8000000\r\n\r\n", b"\r\n"], ids=["announced", "until the connection ends"]
)
async def test_an_answer_has_a_longest(calls_to: CallsTo, head: bytes) -> None:
    """An answer that is longer than any of ours is given up before all of it has come."""
    sent = 0

    async def send_much(request: Received) -> None:
        nonlocal sent
        await request.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head)
        while sent < 8 * MAX_ANSWER:
            await request.send(b" " * 65_536)
            sent += 65_536
        request.writer.close()

    async with calls_to(send_much) as client:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await client.get_json("/caller", {}, timeout=30)
    assert [line["error"] for line in logs if line["event"].startswith("service_call")] == ["AnswerTooLong"]
    assert sent < 8 * MAX_ANSWER


async def test_an_answer_is_not_decompressed(calls_to: CallsTo) -> None:
    """No compression is requested, and an answer that is compressed anyway is refused: it could be of any size."""
    asked: list[str] = []

    async def compress(request: Received) -> None:
        asked.extend(request.values("accept-encoding"))
        await request.answer(gzip.compress(b"{}"), headers="Content-Encoding: gzip\r\n")

    async with calls_to(compress) as client:
        with pytest.raises(Unavailable):
            await client.get_json("/caller", {})
    assert asked == ["identity"]


async def test_deep_json_is_nonsense(calls_to: CallsTo) -> None:
    """An answer that is nested deeper than the parser goes is Unavailable like any other nonsense."""

    async def nest(request: Received) -> None:
        await request.answer(b"[" * 1_000_000)

    async with calls_to(nest) as client:
        with pytest.raises(Unavailable):
            await client.get_json("/caller", {})


async def test_a_failure_that_lasts_is_said_once(calls_to: CallsTo) -> None:
    """If successive calls fail in the same way, the first is a warning; the next success says how many there were."""
    answers = ["503 Unavailable", "503 Unavailable", "401 Unauthorized", "503 Unavailable", "200 OK", "503 Unavailable"]

    async def answer(request: Received) -> None:
        await request.answer(b"{}", status=answers.pop(0))

    async with calls_to(answer) as client:
        with capture_logs() as logs:
            while answers:
                with contextlib.suppress(Unavailable):
                    await client.get_json("/caller", {})
    said = [
        (line["log_level"], line["event"], line.get("status"))
        for line in logs
        if line["event"].startswith("service_call")
    ]
    assert said == [
        ("warning", "service_call_failed", 503),
        ("debug", "service_call_failed", 503),
        ("warning", "service_call_failed", 401),
        ("debug", "service_call_failed", 503),
        ("info", "service_call_succeeded_again", None),
        ("warning", "service_call_failed", 503),
    ]
    assert logs[4]["failures"] == 4


@pytest.mark.parametrize("error", [httpx2.ConnectError("x"), httpx2.ReadTimeout("x"), httpx2.RemoteProtocolError("x")])
async def test_callee_that_is_gone(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A callee that is gone, slow or sends nonsense is Unavailable."""

    async def refuse(_: httpx2.Request) -> httpx2.Response:
        raise error

    async with calling(monkeypatch, httpx2.MockTransport(refuse)) as client:
        with pytest.raises(Unavailable):
            await client.get_json("/caller", {})


async def test_call_meant_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call signed for another callee is refused."""
    async with calling(monkeypatch, httpx2.ASGITransport(app=create_callee()), callee="gateway") as client:
        with pytest.raises(Unavailable):
            await client.get_json("/caller", {})


async def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named in the environment never gets a call, for the call carries a token."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    client = ServiceClient("http://auth.internal", caller="posts_service", callee="auth_service", tokens=tokens)
    assert not client._client.trust_env  # noqa: SLF001 - there is no other way to see it without a network
    await client.close()


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="gatepost"'),
        ("Bearer x", 'Bearer realm="gatepost", error="invalid_token"'),
        (f"Bearer {forge(make_claims())}", 'Bearer realm="gatepost", error="invalid_token"'),
        ("Basic cG9zdHM6eA==", 'Bearer realm="gatepost", error="invalid_token"'),
        (
            tokens.sign(caller="posts_service", callee="auth_service", now=int(time.time())),
            'Bearer realm="gatepost", error="invalid_token"',
        ),
    ],
)
async def test_who_is_no_service(authorization: str | None, challenge: str) -> None:
    """Without a service token after ``Bearer``, or with a user's, it is 401; the challenge shows if one was sent."""
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_callee()), base_url="http://auth.internal")
    answer = await client.get("/caller", headers={"authorization": authorization} if authorization else {})

    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert answer.headers["www-authenticate"] == challenge


async def test_a_service_that_nobody_made_known_is_told_of() -> None:
    """A call by a key that is known, in the name of a service that is not, is 401, and one error says whose."""
    stranger = ServiceTokens({"comments_service": KeyRing(SECRET)})
    token = stranger.sign(caller="comments_service", callee="auth_service", now=int(time.time()))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=create_callee()), base_url="http://auth.internal")
    with capture_logs() as logs:
        for _ in range(2):
            answer = await client.get("/caller", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401
    told = {"event": "service_caller_unknown", "log_level": "error", "caller": "comments_service"}
    assert [line for line in logs if line["log_level"] == "error"] == [told]


async def test_a_service_at_a_unix_socket_is_called(tmp_path: Path) -> None:
    """The address of a service may be a Unix socket; the call is the same, and its Host is the service's name."""

    async def answer(request: Received) -> None:
        (bearer,) = request.values("authorization")
        caller = tokens.verify(bearer.removeprefix("Bearer "), callee="auth_service", now=int(time.time()))
        body = json.dumps({"caller": caller, "host": request.values("host"), "target": request.target})
        await request.answer(body.encode())

    async with running_upstream(answer, path=tmp_path / "auth.sock") as upstream:
        client = ServiceClient(upstream.url, caller="posts_service", callee="auth_service", tokens=tokens)
        answered = await client.get_json("/internal/users", {"ids": "1"})
        await client.close()
    assert answered == {"caller": "posts_service", "host": ["auth_service"], "target": "/internal/users?ids=1"}


async def test_nobody_at_a_unix_socket(tmp_path: Path) -> None:
    """If nobody listens the service is Unavailable."""
    address = f"unix:{tmp_path / 'auth.sock'}"
    client = ServiceClient(address, caller="posts_service", callee="auth_service", tokens=tokens)
    with pytest.raises(Unavailable):
        await client.get_json("/internal/users", {})
    await client.close()
