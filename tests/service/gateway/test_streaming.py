"""Bodies pass the gateway in both directions, whatever their framing, as they come and in bounded memory."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.gateway_in_process import RunningGateway, reset, status_of
from tests.support.raw_upstream import RawUpstream, Received, echo, echo_chunks

PIECE = b"x" * 65_536
MEBIBYTE = 1_048_576
IN_FLIGHT = 16 * MEBIBYTE  # far less than what is sent, more than all the buffers of two sockets


async def test_a_body_with_a_length_arrives_whole(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """A body with Content-Length reaches the upstream with that length, and its answer comes back whole."""
    posts.script = echo
    body = bytes(range(256)) * 1000
    answer = await client.post("/public/x", content=body)
    assert answer.content == body
    assert posts.received[0].values("content-length") == [str(len(body))]


async def test_a_chunked_body_arrives_whole(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """A chunked body reaches the upstream chunked, and whole."""
    posts.script = echo

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d," % number * 1000

    answer = await client.post("/public/x", content=pieces())
    assert answer.content == b"".join([b"%d," % number * 1000 for number in range(50)])
    assert posts.received[0].values("transfer-encoding") == ["chunked"]


async def test_an_upload_passes_in_bounded_memory(gateway: RunningGateway, posts: RawUpstream) -> None:
    """While the upstream reads nothing, the client can send no more than the buffers hold; then 64 MiB pass whole."""
    may_read = asyncio.Event()
    read = 0

    async def read_late(request: Received) -> None:
        nonlocal read
        await may_read.wait()
        async for chunk in request.read_chunks():
            read += len(chunk)
        await request.answer(str(read).encode())

    posts.script = read_late
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    sent = 0

    async def send_all() -> None:
        nonlocal sent
        while sent < 64 * MEBIBYTE:
            writer.write(b"10000\r\n" + PIECE + b"\r\n")
            await writer.drain()
            sent += len(PIECE)
        writer.write(b"0\r\n\r\n")

    sending = asyncio.create_task(send_all())
    stalled_at = -1
    while stalled_at != sent or not sent:
        stalled_at = sent
        await asyncio.sleep(0.2)
    assert stalled_at < IN_FLIGHT
    may_read.set()
    await sending
    assert (await reader.read()).endswith(str(64 * MEBIBYTE).encode())
    writer.close()


async def test_a_download_passes_in_bounded_memory(gateway: RunningGateway, posts: RawUpstream) -> None:
    """While the client reads nothing, the upstream can send no more than the buffers hold; then 64 MiB pass whole."""
    sent = 0

    async def send_all(request: Received) -> None:
        nonlocal sent
        await request.send(f"HTTP/1.1 200 OK\r\nContent-Length: {64 * MEBIBYTE}\r\n\r\n".encode())
        while sent < 64 * MEBIBYTE:
            await request.send(PIECE)
            sent += len(PIECE)

    posts.script = send_all
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=65_536)
    writer.write(f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nConnection: close\r\n\r\n".encode())
    stalled_at = -1
    while stalled_at != sent or not sent:
        stalled_at = sent
        await asyncio.sleep(0.2)
    assert stalled_at < IN_FLIGHT
    await reader.readuntil(b"\r\n\r\n")
    assert len(await reader.read()) == 64 * MEBIBYTE
    writer.close()


async def test_events_pass_at_once(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """Each server-sent event reaches the client before the next is made."""
    may_go_on = asyncio.Queue[None]()

    async def send_events(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await request.send(b"9\r\ndata: %d\n\n\r\n" % number)
            await may_go_on.get()
        await request.send(b"0\r\n\r\n")

    posts.script = send_events
    async with client.stream("GET", "/public/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        events = answer.aiter_bytes()
        for number in range(3):
            assert await asyncio.wait_for(anext(events), 5) == b"data: %d\n\n" % number
            may_go_on.put_nowait(None)


async def test_both_directions_at_once(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An upstream may answer piece by piece while the request's body is still coming."""
    posts.script = echo_chunks
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"3\r\none\r\n")
    await reader.readuntil(b"3\r\none\r\n")
    writer.write(b"3\r\ntwo\r\n")
    await asyncio.wait_for(reader.readuntil(b"3\r\ntwo\r\n"), 5)
    writer.write(b"0\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
    writer.close()


async def test_an_early_answer_ends_the_upload(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An answer that comes before the body's end reaches the client at once, and that connection is not used again."""

    async def refuse(request: Received) -> None:
        await request.answer(b"no", status="403 Forbidden")

    posts.script = refuse
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + b"begin")
    assert status_of(await asyncio.wait_for(reader.readuntil(b"no"), 5)) == 403
    writer.close()
    async with gateway.client() as client:
        await client.get("/public/x")
    assert posts.connections == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body(client: httpx2.AsyncClient, posts: RawUpstream, status: str) -> None:
    """204 and 304 end with their head, whatever length they name, and the connection serves the next request."""

    async def answer(request: Received) -> None:
        await request.send(f'HTTP/1.1 {status}\r\nETag: "1"\r\nContent-Length: 7\r\n\r\n'.encode())

    posts.script = answer
    for _ in range(2):
        found = await client.get("/public/x")
        assert (found.status_code, found.content, found.headers["etag"]) == (int(status[:3]), b"", '"1"')
        assert "content-length" not in found.headers
    assert posts.connections == 1


async def test_head_has_the_headers_of_get_and_no_body(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """HEAD is answered with the length that GET would have; a body sent wrongly all the same reaches nobody."""

    async def answer(request: Received) -> None:
        await request.answer(
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged" if request.method == "HEAD" else b"ok"
        )

    posts.script = answer
    found = await client.head("/public/x")
    assert (found.headers["content-length"], found.content) == ("44", b"")
    assert (await client.get("/public/x")).content == b"ok"


async def test_an_answer_until_close(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """An answer that ends with its connection comes whole."""

    async def answer(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        request.writer.close()

    posts.script = answer
    assert (await client.get("/public/x")).content == b"until the end"


async def test_interim_answers_are_read_over(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """1xx answers before the final one are not taken for it."""

    async def answer(request: Received) -> None:
        await request.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await request.answer(b"final")

    posts.script = answer
    found = await client.get("/public/x")
    assert (found.content, "link" in found.headers) == (b"final", False)


async def test_trailers_stop_here(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Trailers of a request never reach the upstream, those of an answer never the client."""

    async def answer(request: Received) -> None:
        await request.read_body()
        await request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Late: 1\r\n\r\n")

    posts.script = answer
    body = b"2\r\nhi\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
    found = await gateway.send_head("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", body)
    assert status_of(found) == 200
    assert b"late" not in found.lower()
    assert posts.received[0].values("authorization") == []


async def test_a_connection_is_kept_for_the_next_request(client: httpx2.AsyncClient, posts: RawUpstream) -> None:
    """Requests one after another use one connection to the upstream; it is given up where the upstream says so."""
    for _ in range(3):
        assert (await client.get("/public/x")).content == b"ok"
    assert posts.connections == 1

    async def answer(request: Received) -> None:
        await request.answer(b"bye", headers="Connection: close\r\n")

    posts.script = answer
    for _ in range(2):
        assert (await client.get("/public/x")).content == b"bye"
    assert posts.connections == 2


async def test_a_client_that_leaves_ends_the_upstreams_work(gateway: RunningGateway, posts: RawUpstream) -> None:
    """When the client goes away, the connection to the upstream is closed while that still works."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work_long(request: Received) -> None:
        begun.set()
        await request.reader.read()
        ended.set()
        request.writer.close()

    posts.script = work_long
    for lines in ("GET /public/x HTTP/1.1", "POST /public/x HTTP/1.1\r\nContent-Length: 100000"):
        begun.clear()
        ended.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(f"{lines}\r\nHost: {gateway.host}\r\n\r\n".encode() + (b"ab" if "POST" in lines else b""))
        await asyncio.wait_for(begun.wait(), 5)
        reset(writer)
        await asyncio.wait_for(ended.wait(), 5)
