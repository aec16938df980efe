"""Clients that misbehave: silent, slow, greedy, gone in the middle. Nobody else may notice."""

import asyncio
import contextlib
import random
import resource
from collections.abc import Awaitable, Callable

from tests.faults.experiments import Stand
from tests.faults.traffic import make_post
from tests.faults.wire import Wire, encode_request, open_wire

SILENT = 5000
SLOW_HEADS = 2000
SLOW_BODIES = 300  # more than the gateway takes connections to an upstream at once
SLOW_READERS = 100
RESETS = 400
OPENED_AT_ONCE = 200
ENDED_WITHIN = 20.0  # seconds; the gateway waits 5 s for the rest of a head
SILENT_WITHIN = 90.0  # and 75 s for its beginning (CLIENT_IDLE_SECONDS)
BODY_WITHIN = 45.0  # and 30 s for a body
PIPELINED = 60  # answers that nobody reads


async def keep_silent(stand: Stand) -> str:
    """Open 5,000 connections and send nothing."""

    async def wait(wire: Wire) -> bool:
        return await wire.wait_for_end(SILENT_WITHIN)

    return await _crowd(stand, SILENT, wait)


async def dribble_heads(stand: Stand) -> str:
    """Send the heads of 2,000 requests byte by byte."""

    async def dribble(wire: Wire) -> bool:
        wire.writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        return await _dribble(wire, ENDED_WITHIN)

    return await _crowd(stand, SLOW_HEADS, dribble)


async def dribble_bodies(stand: Stand) -> str:
    """Send 300 bodies byte by byte, while 100 clients read none of the answers that they asked for."""
    port = stand.containers.port
    head = encode_request("POST", "/api/login", port, {"Content-Type": "application/json", "Content-Length": "1000"})
    answers = encode_request("GET", "/openapi.json", port) * PIPELINED

    async def dribble(wire: Wire) -> bool:
        wire.writer.write(head)
        return await _dribble(wire, BODY_WITHIN)

    async def read_nothing(wire: Wire) -> bool:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined] # the transport of a socket has it
        wire.writer.write(answers)
        await asyncio.sleep(BODY_WITHIN / 2)
        return True

    slow, _ = await asyncio.gather(_crowd(stand, SLOW_BODIES, dribble), _crowd(stand, SLOW_READERS, read_nothing))
    return slow


async def send_too_much(stand: Stand) -> str:
    """Send headers, bodies and nested JSON beyond every limit."""
    port, person = stand.containers.port, stand.traffic.people[0]
    bearer = person.bearer
    long = {**bearer, "Content-Type": "application/json", "Content-Length": str(1 << 30)}
    deep = b"[" * 100_000
    deep_head = {**bearer, "Content-Type": "application/json", "Content-Length": str(len(deep))}
    cases = [
        (encode_request("GET", "/", port, {"X-Large": "a" * 20_000}), {431}),
        (encode_request("GET", "/", port, {"X-Large": "a" * 200_000}), {431}),
        (encode_request("GET", "/", port, {f"X-{number}": "a" for number in range(500)}), {431}),
        (encode_request("GET", "/" + "a" * 5000, port), {400, 414, 431}),
        (encode_request("POST", "/api/posts", port, long), {413}),
        (encode_request("POST", "/api/posts", port, deep_head) + deep, {400, 422}),
        (encode_request("POST", "/api/posts", port, bearer, {"title": "a" * 200_000}), {422}),
        (encode_request("POST", "/api/login", port, {}, {"username": "a" * 5000, "password": "b"}), {413, 422}),
    ]
    host = await stand.containers.get_address("gateway")
    for number, (request, expected) in [*enumerate(cases)] * 20:
        async with open_wire(host) as wire:
            reply = await wire.ask(request)
        stand.require(reply.status in expected, f"case {number} was answered {reply.status}")
        stand.require(reply.is_common_refusal, f"case {number} was refused without the common body")
    return f"{len(cases) * 20} refused"


async def reset_at_random(stand: Stand) -> str:
    """Send writes and be gone at any moment of them."""
    chance = random.Random(stand.seed)  # noqa: S311 - repeatable, and no secret
    port, person = stand.containers.port, stand.traffic.people[0]
    host = await stand.containers.get_address("gateway")
    for _ in range(max(100, round(RESETS * stand.scale))):
        post = make_post()
        person.posts.append(post)  # perhaps it is written, perhaps not; never twice
        body = {"title": post.title, "content": post.versions[0], "published": True}
        request = encode_request("POST", "/api/posts", port, {**person.bearer, "Idempotency-Key": post.title}, body)
        with contextlib.suppress(OSError):
            async with open_wire(host) as wire:
                wire.writer.write(request[: chance.randint(1, len(request))])
                await asyncio.sleep(chance.choice((0.0, 0.002, 0.005, 0.02)))
                wire.reset()
    return ""


async def _crowd(stand: Stand, count: int, behave: Callable[[Wire], Awaitable[bool]]) -> str:
    """Let so many clients behave like that, and require that the gateway ended each."""
    raise_descriptor_limit(count * 2)
    host = await stand.containers.get_address("gateway")
    opening, ended, refused = asyncio.Semaphore(OPENED_AT_ONCE), 0, 0

    async def visit() -> None:
        nonlocal ended, refused
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with opening:
                    wire = await stack.enter_async_context(open_wire(host))
            except OSError:
                refused += 1
                return
            was_ended = await behave(wire)
            ended += was_ended

    await asyncio.gather(*(visit() for _ in range(count)))
    stand.require(ended + refused == count, f"{count - ended - refused} of {count} were never ended")
    return f"{ended} ended" + (f", {refused} never let in" if refused else "")


async def _dribble(wire: Wire, seconds: float) -> bool:
    ending = asyncio.ensure_future(wire.wait_for_end(seconds))
    while not ending.done():
        wire.writer.write(b"a")
        await asyncio.wait([ending], timeout=1)
    return await ending


def raise_descriptor_limit(wanted: int) -> None:
    """Let this process open so many files, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
