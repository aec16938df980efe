"""No request is left without an answer: one that takes too long is cancelled, and the caller gets 503."""

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.web.deadline import DeadlineMiddleware
from tests.support.services import client_of

was_cancelled = asyncio.Event()


async def never_answer(_: Request) -> Response:
    """Wait for ever."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        was_cancelled.set()
        raise
    raise AssertionError


async def read_then_answer(request: Request) -> Response:
    """Answer with the body."""
    return PlainTextResponse(await request.body())


async def fail_in_time(_: Request) -> Response:
    """Fail with an unrelated timeout."""
    raise TimeoutError


async def begin_and_stop(_: Request) -> Response:
    """Start an answer that has no end."""

    async def pieces():  # noqa: ANN202 - a generator of bytes
        yield b"begun"
        await asyncio.Event().wait()

    return StreamingResponse(pieces())


@pytest.fixture
def client() -> httpx2.AsyncClient:
    """Give a client of an application that has a tenth of a second for each answer."""
    routes = [
        Route("/never", never_answer),
        Route("/body", read_then_answer, methods=["POST"]),
        Route("/fails", fail_in_time),
        Route("/stops", begin_and_stop),
    ]
    return client_of(Starlette(routes=routes, middleware=[Middleware(DeadlineMiddleware, seconds=0.1)]))


async def test_what_takes_too_long(client: httpx2.AsyncClient) -> None:
    """A request without an answer in time gets 503 with Retry-After, and its work is cancelled."""
    answer = await client.get("/never")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {"error": "The service is not available right now. Try again", "retryAfter": 1}
    assert was_cancelled.is_set()


async def test_a_slow_body_is_not_the_services_fault(client: httpx2.AsyncClient) -> None:
    """The clock starts at the end of the body."""

    async def body():  # noqa: ANN202 - a generator of bytes
        for piece in (b"a", b"b", b"c", b"d"):
            await asyncio.sleep(0.06)
            yield piece

    answer = await client.post("/body", content=body())
    assert (answer.status_code, answer.text) == (200, "abcd")


async def test_a_timeout_of_something_else(client: httpx2.AsyncClient) -> None:
    """A timeout that is not this one is a fault like any other."""
    with pytest.raises(TimeoutError):
        await client.get("/fails")


async def test_an_answer_that_has_begun(client: httpx2.AsyncClient) -> None:
    """Once half an answer has been sent, no second one is started: the connection has to end."""
    with pytest.raises(TimeoutError):
        await client.get("/stops")
