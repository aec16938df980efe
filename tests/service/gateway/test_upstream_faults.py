"""An upstream that is dead, slow, overloaded or hostile: each request gets a clear answer, and only its own."""

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest

from gateway.wire.limits import WHOLE_BODY, Limits
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, running_upstream

QUICK = Limits(first_byte=0.6, silence=0.6, connections=1, waiting=1, wait=0.2)


@pytest.fixture
async def hurried(
    start_gateway: Callable[[Limits], AbstractAsyncContextManager[RunningGateway]],
) -> AsyncIterator[RunningGateway]:
    """Give a gateway with short deadlines."""
    async with start_gateway(QUICK) as running:
        yield running


async def get(gateway: RunningGateway, method: str = "GET", path: str = "/public/x") -> httpx2.Response:
    """Send one request."""
    async with gateway.client() as client:
        return await client.request(method, path)


async def test_nobody_listens(rules: Path, posts: RawUpstream) -> None:
    """An upstream that can't be reached: 503 with Retry-After, in the one error shape."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    change_rules(rules, posts.url, f"http://127.0.0.1:{free}")
    async with running_gateway(rules) as gateway:
        answer = await get(gateway)
    assert answer.status_code == 503
    assert answer.json() == {"error": "The service is not available right now. Try again", "retryAfter": 1}
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-request-id"]
    assert posts.received == []


async def test_silence_before_the_answer(hurried: RunningGateway, posts: RawUpstream) -> None:
    """An upstream that does not answer in time: 504."""

    async def say_nothing(request: Received) -> None:
        await request.reader.read()

    posts.script = say_nothing
    answer = await get(hurried)
    assert (answer.status_code, answer.json()) == (
        504,
        {"error": "The service behind this page took too long. Try again"},
    )


async def test_silence_within_the_answer(hurried: RunningGateway, posts: RawUpstream) -> None:
    """An upstream that stops in the middle: the client's connection ends without the answer's end."""
    posts.script = functools.partial(stop_halfway, WHOLE_BODY + 1)
    with pytest.raises(httpx2.RemoteProtocolError):
        await get(hurried)


async def test_silence_within_a_short_answer(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A short answer goes out in one piece: an upstream that stops in the middle of it gives 504."""
    posts.script = functools.partial(stop_halfway, 10)
    assert (await get(hurried)).status_code == 504


async def stop_halfway(length: int, request: Received) -> None:
    """Answer with less than is announced, and send nothing more."""
    await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nhalf" % length)
    await request.reader.read()


async def test_a_slow_upload_is_not_the_upstreams_fault(hurried: RunningGateway, posts: RawUpstream) -> None:
    """The upstream's time to answer begins when it has the whole request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    length = WHOLE_BODY + 3  # a shorter one is waited for before the upstream is asked
    lines = f"Host: {hurried.host}\r\nContent-Length: {length}\r\nConnection: close"
    writer.write(f"POST /public/x HTTP/1.1\r\n{lines}\r\n\r\n".encode() + b"a" * WHOLE_BODY)
    for piece in (b"b", b"c", b"d"):
        await asyncio.sleep(QUICK.first_byte * 0.7)
        writer.write(piece)
    assert status_of(await reader.read()) == 200
    assert len(posts.received) == 1
    writer.close()


BROKEN_ANSWERS = {
    "not HTTP": b"SSH-2.0-OpenSSH\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\nX: a\n\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a field's name with a space": b"HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 0\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 101 + b"\r\n",
    "too long a field": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    "a field without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 400_000,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "a status out of range": b"HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
}


@pytest.mark.parametrize("broken", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
async def test_an_answer_that_is_none(gateway: RunningGateway, posts: RawUpstream, broken: bytes) -> None:
    """Anything but one well-formed answer in bounds is 502, and that connection is never reused."""

    async def answer(request: Received) -> None:
        await request.send(broken)
        request.writer.close()

    posts.script = answer
    found = await get(gateway)
    assert (found.status_code, found.json()) == (502, {"error": "The service behind this page failed. Try again"})
    posts.script = answer_ok
    assert (await get(gateway)).content == b"ok"
    assert posts.connections == 2


async def test_a_body_cut_short(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An answer shorter than announced never looks like a whole one, with a length or in chunks."""
    for head in (b"Content-Length: 100000", b"Transfer-Encoding: chunked"):

        async def answer(request: Received, head: bytes = head) -> None:
            await request.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % head)
            await asyncio.sleep(0.05)
            await request.send(b"3\r\nabc\r\n")
            request.writer.close()

        posts.script = answer
        with pytest.raises(httpx2.RemoteProtocolError):
            await get(gateway)


async def test_a_short_body_cut_short(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An answer that is announced to be short, and is shorter than that, is 502."""

    async def answer(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        request.writer.close()

    posts.script = answer
    assert (await get(gateway)).status_code == 502


async def test_half_an_answer_is_none_for_an_old_client(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A client of HTTP/1.0, for whom the connection's end is the answer's, sees a reset where the answer broke off."""

    async def answer(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        if "whole" in request.target:
            await request.send(b"0\r\n\r\n")
        else:
            request.writer.close()

    posts.script = answer
    request = f"GET /public/%b HTTP/1.0\r\nHost: {gateway.host}\r\n\r\n".encode()
    assert (await gateway.send_raw(request % b"whole")).endswith(b"\r\n\r\nhello")
    with pytest.raises(ConnectionResetError):
        await gateway.send_raw(request % b"half")


@pytest.mark.parametrize("surplus", [b"x", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"])
@pytest.mark.parametrize("pause", [0, 0.05])
async def test_surplus_bytes_reach_nobody(
    client: httpx2.AsyncClient, posts: RawUpstream, surplus: bytes, pause: float
) -> None:
    """Bytes after an answer, at once or later, are never the next request's answer."""

    async def answer(request: Received) -> None:
        await request.answer(request.target.encode())
        await asyncio.sleep(pause)
        await request.send(surplus)

    posts.script = answer
    for number in range(4):
        assert (await client.get(f"/public/{number}")).text == f"/public/{number}"
        await asyncio.sleep(pause * 2)


async def test_each_answer_belongs_to_its_request(gateway: RunningGateway, posts: RawUpstream) -> None:
    """With many at once and an upstream that breaks off some, every answer that comes is that of its request."""

    async def misbehave(request: Received) -> None:
        number = int(request.target.rpartition("/")[2])
        if number % 7 == 3:
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + request.target.encode())
            request.writer.close()
        elif number % 5 == 2:
            await request.answer(request.target.encode() + b"HTTP/1.1 200 OK\r\n\r\n", headers="X: 1\r\n")
            await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        else:
            await asyncio.sleep(number % 3 * 0.005)
            await request.answer(request.target.encode())

    posts.script = misbehave
    async with gateway.client() as client:

        async def ask(number: int) -> str | None:
            try:
                answer = await client.get(f"/public/{number}")
            except httpx2.RemoteProtocolError:
                return None
            return answer.text if answer.status_code == 200 else None

        for _ in range(3):
            found = await asyncio.gather(*map(ask, range(60)))
            for number, text in enumerate(found):
                assert (text is None) == (number % 7 == 3)
                assert text is None or text.removesuffix("HTTP/1.1 200 OK\r\n\r\n") == f"/public/{number}"


async def close_after_answering(request: Received) -> None:
    """Answer with keep-alive, and close the connection when the next request comes."""
    if request.reader.at_eof() or getattr(request.writer, "was_used", False):
        request.writer.close()
        return
    request.writer.was_used = True  # type: ignore[attr-defined]
    await request.read_body()
    await request.answer(b"ok")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_stale_connection_is_no_fault(gateway: RunningGateway, posts: RawUpstream, method: str) -> None:
    """An idempotent request on a kept-alive connection that the upstream has just closed is retried."""
    posts.script = close_after_answering
    assert (await get(gateway)).status_code == 200
    assert (await get(gateway, method)).status_code == 200
    assert [request.method for request in posts.received] == ["GET", method, method]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_may_have_had_effect_is_not_repeated(
    gateway: RunningGateway, posts: RawUpstream, method: str
) -> None:
    """A request that is not idempotent is never retried; where its connection closes without an answer, that is 502."""
    posts.script = close_after_answering
    assert (await get(gateway)).status_code == 200
    assert (await get(gateway, method)).status_code == 502
    assert [request.method for request in posts.received] == ["GET", method]


async def test_a_new_connection_that_ends_is_not_tried_again(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Where a new connection closes without an answer the upstream is to blame: one try, 502."""

    async def hang_up(request: Received) -> None:
        request.writer.close()

    posts.script = hang_up
    assert (await get(gateway)).status_code == 502
    assert len(posts.received) == 1


async def test_a_restarted_upstream_is_met_anew(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Kept-alive connections that the upstream closed meanwhile are not used."""
    assert (await get(gateway)).status_code == 200
    posts.drop_connections()
    await asyncio.sleep(0.05)
    assert (await get(gateway, "POST")).status_code == 200
    assert len(posts.received) == 2


async def test_more_than_may_run_wait_and_then_are_shed(hurried: RunningGateway, posts: RawUpstream) -> None:
    """With all connections in use one request may wait a moment; the next gets 503 at once."""
    may_answer = asyncio.Event()

    async def answer_late(request: Received) -> None:
        await may_answer.wait()
        await request.answer(b"ok")

    posts.script = answer_late
    first = asyncio.create_task(get(hurried))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(get(hurried))
    await asyncio.sleep(0.05)
    shed = await get(hurried)
    assert (shed.status_code, shed.headers["retry-after"]) == (503, "1")
    may_answer.set()
    assert [(await first).status_code, (await second).status_code] == [200, 200]


async def test_a_request_that_waits_too_long_is_shed(hurried: RunningGateway, posts: RawUpstream) -> None:
    """A request for which no connection comes free in time gets 503, and the slot is not lost."""
    may_answer = asyncio.Event()

    async def stream(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await may_answer.wait()
        await request.send(b"k")

    posts.script = stream
    first = asyncio.create_task(get(hurried))
    await asyncio.sleep(0.05)
    assert (await get(hurried)).status_code == 503
    may_answer.set()
    assert (await first).text == "ok"
    assert (await get(hurried)).text == "ok"


async def test_replicas_share_the_work(rules: Path, posts: RawUpstream) -> None:
    """Of several replicas the least busy is used, and one that refuses connections is skipped."""
    async with running_upstream(answer_ok) as other:
        replicas = f'["{posts.url}", "{other.url}"]'
        change_rules(rules, f'"{posts.url}"', replicas)
        async with running_gateway(rules) as gateway:
            for _ in range(10):
                assert (await get(gateway)).status_code == 200
            assert (len(posts.received), len(other.received)) == (5, 5)

    async with running_gateway(rules) as gateway:
        for _ in range(10):
            assert (await get(gateway, "POST")).status_code == 200
    assert len(posts.received) == 15


async def test_an_idle_connection_is_closed(
    start_gateway: Callable[[Limits], AbstractAsyncContextManager[RunningGateway]], posts: RawUpstream
) -> None:
    """A kept-alive connection is closed after its idle time, before the upstream would close it."""
    async with start_gateway(Limits(idle=0.1)) as gateway:
        assert (await get(gateway)).status_code == 200
        assert posts.open_connections == 1
        await asyncio.sleep(0.5)
        assert posts.open_connections == 0
