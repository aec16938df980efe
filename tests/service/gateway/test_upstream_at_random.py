"""An upstream that misbehaves at random, under many requests at once: nothing hangs, and no answer is another's.

The target of a request seeds what its upstream does, so a failure names all that is needed to reproduce it. Surplus
bytes come in one write with the answer: what comes after the next request was sent can't be told from its answer.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from gateway.wire.limits import Limits
from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_upstream import RawUpstream, Received

# Long enough that a busy machine does not make an honest upstream look silent.
IMPATIENT = Limits(first_byte=3.0, silence=3.0, connections=16, waiting=256, wait=30.0)
REQUESTS = 150
CLIENTS = 24
StartGateway = Callable[[Limits], AbstractAsyncContextManager[RunningGateway]]
PATIENT = 60  # seconds until it is taken for hung

HONEST = ("sized", "chunked", "interim", "in pieces")
BROKEN = ("framing", "endless fields", "too short", "too long", "silence", "early close", "half a head", "late")


def encode_sized(body: bytes) -> bytes:
    """Return an answer with a length."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def encode_chunked(body: bytes) -> bytes:
    """Return an answer of two chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:3], body[3:]))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks


def encode_interim(body: bytes, rng: random.Random) -> bytes:
    """Return an answer after some that are not final."""
    return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * rng.randint(1, 5) + encode_sized(body)


def encode_badly_framed(_: bytes, rng: random.Random) -> bytes:
    """Return an answer whose length can't be told."""
    line = rng.choice([b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length: x", b"Transfer-Encoding: x"])
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\nx" % line


# What is sent in one write, and whether the connection is closed then.
WRITES: dict[str, tuple[Callable[[bytes, random.Random], bytes], bool]] = {
    "sized": (lambda body, _: encode_sized(body), False),
    "chunked": (lambda body, _: encode_chunked(body), False),
    "interim": (encode_interim, False),
    "framing": (encode_badly_framed, False),
    "endless fields": (lambda _, __: b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, False),
    "too short": (lambda body, _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body, True),
    "too long": (lambda body, _: encode_sized(body) + encode_sized(b"forged"), False),
    "early close": (lambda _, __: b"", True),
    "half a head": (lambda body, rng: encode_sized(body)[: rng.randint(1, 30)], True),
}


async def misbehave(request: Received) -> None:
    """Do what the target says, with random details that it seeds."""
    rng = random.Random(request.target)  # noqa: S311 - a failure must be repeatable
    manner = request.target.split("/")[2].replace("-", " ")
    body = request.target.encode()
    await request.read_body()
    if manner in WRITES:
        encode, is_end = WRITES[manner]
        await request.send(encode(body, rng))
        if is_end:
            request.writer.close()
    elif manner == "in pieces":
        await send_in_pieces(request, rng.choice([encode_sized, encode_chunked])(body), rng)
    elif manner == "late":
        await asyncio.sleep(IMPATIENT.first_byte * 1.2)
        await request.send(encode_sized(body))
    else:
        await request.reader.read()  # silence


async def send_in_pieces(request: Received, answer: bytes, rng: random.Random) -> None:
    """Send an answer cut at random places, each piece in a packet of its own."""
    places = sorted(rng.sample(range(1, len(answer)), 4))
    for begin, end in zip([0, *places], [*places, len(answer)], strict=True):
        await request.send(answer[begin:end])
        await asyncio.sleep(0.002)


async def ask(client: httpx2.AsyncClient, method: str, target: str) -> httpx2.Response | None:
    """Return the answer to a request, or None if it is broken off."""
    try:
        return await client.request(method, target)
    except httpx2.RemoteProtocolError:
        return None


def check_answer(method: str, target: str, answer: httpx2.Response | None) -> None:
    """Hold an answer to its request: its own and whole, broken off, or a clear error."""
    manner = target.split("/")[2].replace("-", " ")
    if answer is None:
        assert manner in BROKEN, f"{target} was broken off"
    elif answer.status_code == 200:
        assert answer.text == target
        assert manner in (*HONEST, "too long")
    else:
        assert answer.status_code in {502, 503, 504}, target
        assert answer.json()["error"]
        # A kept connection may end just then; only what may be repeated is asked again.
        assert manner in BROKEN or (method == "POST" and answer.status_code == 502), target


async def ask_all(gateway: RunningGateway, seed: int) -> None:
    """Send many requests, some at once, in an order and of kinds that the seed decides."""
    rng = random.Random(seed)  # noqa: S311 - a failure must be repeatable
    todo = [
        (rng.choice(["GET", "GET", "PUT", "POST"]), f"/public/{rng.choice(HONEST * 5 + BROKEN).replace(' ', '-')}/{n}")
        for n in range(seed * REQUESTS, (seed + 1) * REQUESTS)
    ]

    async def work(client: httpx2.AsyncClient) -> None:
        while todo:
            method, target = todo.pop()
            check_answer(method, target, await ask(client, method, target))

    async with gateway.client() as client:
        await asyncio.gather(*[work(client) for _ in range(CLIENTS)])


@pytest.mark.parametrize("seed", range(4))
async def test_each_answer_is_its_requests_own(start_gateway: StartGateway, posts: RawUpstream, seed: int) -> None:
    """Whatever an upstream does, each request gets its own answer, a broken one or 502, 503, 504; and in time."""
    posts.script = misbehave
    async with start_gateway(IMPATIENT) as gateway:
        await asyncio.wait_for(ask_all(gateway, seed), PATIENT)
        async with gateway.client() as client:  # and all slots are free again
            answers = await asyncio.gather(*[ask(client, "GET", f"/public/sized/{n}") for n in range(16)])
    assert [answer.text for answer in answers if answer] == [f"/public/sized/{n}" for n in range(16)]
