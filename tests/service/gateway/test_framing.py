"""Where one request ends and the next begins, where an answer ends, and what is no request at all. Raw bytes."""

import asyncio
import gc
import re

import pytest
from structlog.testing import capture_logs

from gateway.wire.exchange import Exchange
from gateway.wire.limits import ClientLimits
from tests.support.gateway_in_process import RunningGateway, json_of, status_of
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.waiting import eventually

PATIENT = 10  # seconds until a test is taken for hung

NO_REQUESTS = {
    "HTTP/0.9": b"GET /public/x\r\n\r\n",
    "a method in lower case": b"get /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a bare carriage return": b"GET /public/x HTTP/1.1\rHost: HOST\r\r",
    "a NUL in a field": b"GET /public/x HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n",
}


@pytest.mark.parametrize("sent", NO_REQUESTS.values(), ids=NO_REQUESTS)
async def test_what_is_no_request(gateway: RunningGateway, posts: RawUpstream, sent: bytes) -> None:
    """Bytes that are no HTTP/1.1 request get 400 in the one error shape, the connection ends, nobody else hears."""
    answer = await gateway.send_raw(sent.replace(b"HOST", gateway.host.encode()))
    assert status_of(answer) == 400
    assert list(json_of(answer)) == ["error"]
    assert b"connection: close" in answer.lower()
    assert posts.received == []


async def test_what_is_no_request_is_reported_like_one(gateway: RunningGateway) -> None:
    """The refusal of bytes that could not be parsed is logged, under the id in the answer, and counted."""
    with capture_logs() as logs:
        answer = await gateway.send_raw(b"SSH-2.0-OpenSSH_9.2\r\n")
    (line,) = [line for line in logs if line["event"] == "request_finished"]
    assert (line["status"], line["refusal"]) == (400, "bad_request")
    assert f"x-request-id: {line['request_id']}\r\n".encode() in answer.lower()
    assert gateway.metrics.registry.get_sample_value("gatepost_refusals_total", {"reason": "bad_request"}) == 1


BAD_CHUNKS = {
    "a size that is none": b"xyz\r\n",
    "a negative size": b"-1\r\n",
    "no end": b"3\r\nabcd\r\n",
    "0x": b"0x3\r\n",
}


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_bad_chunks(gateway: RunningGateway, posts: RawUpstream, chunks: bytes) -> None:
    """A body whose chunks can't be read gets 400, and no upstream takes it for a whole one."""
    answer = await gateway.send_head("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", b"2\r\nab\r\n" + chunks)
    assert status_of(answer) == 400
    await eventually(lambda: posts.open_connections == 0)


async def test_trailers_never_become_headers(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Trailers of a request stay where they are, even when they come in one piece with its head."""
    body = b"2\r\nhi\r\n0\r\nX-Late: 1\r\nX-Later: 2\r\n\r\n"
    assert status_of(await gateway.send_head("POST /public/x HTTP/1.1\r\nTransfer-Encoding: chunked", body)) == 200
    (received,) = posts.received
    assert received.values("x-late") == received.values("x-later") == []


@pytest.mark.parametrize(
    ("begin", "status"),
    [("GET /public/x HTTP/1.1\r\nX: ", 431), ("GET /public/", 414), ("POST /public/x HTTP/1.1\r\n", 431)],
)
async def test_an_endless_head(gateway: RunningGateway, posts: RawUpstream, begin: str, status: int) -> None:
    """An endless head is refused at once, with 431 or for its target with 414, not read until its deadline."""
    piece = b"X: y\r\n" * 2000 if begin.endswith("\r\n") else b"x" * 12_000
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(begin.encode() + piece)
    answer = asyncio.create_task(reader.read())
    for _ in range(200):
        if answer.done():
            break
        writer.write(piece)
        await asyncio.sleep(0.001)
    assert status_of(await asyncio.wait_for(answer, ClientLimits().head - 1)) == status
    writer.close()
    assert posts.received == []


async def test_an_old_client_gets_no_chunks(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An HTTP/1.0 client gets an answer of unknown length without chunks; it ends with the connection."""

    async def answer(request: Received) -> None:
        chunks = b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"
        await request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    posts.script = answer
    found = await gateway.send_raw(f"GET /public/x HTTP/1.0\r\nHost: {gateway.host}\r\n\r\n".encode())
    head, _, body = found.partition(b"\r\n\r\n")
    assert (status_of(found), body) == (200, b"firstsecond")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()


async def test_an_old_client_gets_a_length_where_there_is_one(gateway: RunningGateway) -> None:
    """An HTTP/1.0 client gets Content-Length where the upstream gave it, for HEAD too, and then the end."""
    for method, expected in (("GET", b"ok"), ("HEAD", b"")):
        found = await gateway.send_raw(f"{method} /public/x HTTP/1.0\r\nHost: {gateway.host}\r\n\r\n".encode())
        head, _, body = found.partition(b"\r\n\r\n")
        assert b"content-length: 2" in head.lower()
        assert body == expected


async def test_pipelined_requests(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Pipelined requests are answered in order, each with its own answer."""

    async def answer(request: Received) -> None:
        number = int(request.target.rpartition("/")[2])
        await asyncio.sleep((3 - number) * 0.02)
        await request.answer(request.target.encode())

    posts.script = answer
    lines = [f"GET /public/{number} HTTP/1.1\r\nHost: {gateway.host}\r\n" for number in range(4)]
    answers = await gateway.send_raw("\r\n".join(lines).encode() + b"Connection: close\r\n\r\n")
    assert [part[:9] for part in answers.split(b"\r\n\r\n")[1:]] == [b"/public/%d" % number for number in range(4)]


async def test_what_follows_a_request_does_not_spoil_its_answer(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Garbage after a whole request ends the connection after that request's own answer, whole and alone."""

    async def answer(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        await asyncio.sleep(0.1)
        await request.send(b"-rest")

    posts.script = answer
    request = f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode()
    found = await gateway.send_raw(request + b"\0nonsense\r\n\r\n")
    assert found.endswith(b"\r\n\r\nfirst-rest")
    assert found.count(b"HTTP/1.1") == 1


async def test_what_is_sent_ahead_waits_as_bytes(gateway: RunningGateway, posts: RawUpstream) -> None:
    """However many requests a client pipelines, each is read only once those before are answered."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request: Received) -> None:
        asked.set()
        await may_answer.wait()
        await request.answer(b"ok")

    posts.script = answer
    lines = [f"{method} /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n" for method in ("GET", "DELETE") * 150]
    sending = asyncio.create_task(gateway.send_raw("\r\n".join(lines).encode() + b"Connection: close\r\n\r\n"))
    await asyncio.wait_for(asked.wait(), PATIENT)
    gc.collect()
    assert sum(isinstance(each, Exchange) for each in gc.get_objects()) <= 1
    may_answer.set()
    assert (await sending).count(b"HTTP/1.1 200") == len(posts.received) == 300


async def test_bodies_that_are_sent_ahead(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Requests with bodies that come in one piece, of known and of unknown length, are answered one after another."""
    bodies: list[bytes] = []

    async def keep(request: Received) -> None:
        bodies.append(await request.read_body())
        await request.answer()

    posts.script = keep
    head = f"POST /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n"
    counted = f"{head}Content-Length: 6\r\n\r\na\r\n\r\nb"
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    last = f"{head}Connection: close\r\nContent-Length: 3\r\n\r\nend"
    found = await gateway.send_raw((counted * 3 + chunked * 3 + counted + last).encode())
    assert found.count(b"HTTP/1.1 200") == 8
    assert bodies == [b"a\r\n\r\nb"] * 3 + [b"onetwo"] * 3 + [b"a\r\n\r\nb", b"end"]


async def test_a_client_that_leaves_a_pipeline(gateway: RunningGateway, posts: RawUpstream) -> None:
    """When a client goes away with several requests on their way, the one that runs is ended upstream."""

    async def send_events(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while True:
            await request.send(b"data: x\n\n")
            await asyncio.sleep(0.01)

    posts.script = send_events
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode() * 3)
    await asyncio.wait_for(reader.readuntil(b"data: x"), PATIENT)
    writer.transport.abort()
    await eventually(lambda: posts.open_connections == 0)
    assert len(posts.received) == 1


async def test_after_what_could_be_an_upgrade(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A WebSocket is not granted, and nothing after it is read as a request; after another offer, requests go on."""
    lines = f"GET /public/x HTTP/1.1\r\nHost: {gateway.host}\r\n"
    for protocol, statuses in (("websocket", ["403"]), ("h2c", ["200", "200"])):
        upgrade = f"{lines}Connection: upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        answer = await gateway.send_raw(f"{upgrade}{lines}Connection: close\r\n\r\n".encode())
        assert re.findall(r"HTTP/1\.1 (\d+)", answer.decode()) == statuses
    assert len(posts.received) == 2
