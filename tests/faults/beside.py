"""A wrong clock, a slow database, a log that nobody reads: services started anew with something of ours beside them."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from tests.faults.containers import ROOT, SERVICES, Containers
from tests.faults.experiments import Stand
from tests.faults.tokens import join
from tests.faults.traffic import until_served
from tests.faults.wire import encode_request, keep_asking

OFF = 60  # seconds
FAR_OFF = 600
TOLD_WITHIN = 30.0  # seconds until the services tell of a clock that is off
OFFSET = "gatepost_clock_offset_seconds"
LOST_LINES = "gatepost_log_lines_dropped_total"
LOST_WITHIN = 60.0
BURST, BURST_CONNECTIONS = 100, 16  # requests of each connection
DELAY = 0.3  # seconds, there and back
LASTING = 15.0
SETTLED = 10.0
SHED_SHARE = 0.25  # of the requests: what is a chain of many questions may take too long, and is shed
SLOW = "slow_postgres"
_DATABASES = {
    f"{name.upper()}_DATABASE_URL": f"postgresql://{name}:development-only-{name}@{SLOW}:5432/{name}"
    for name in ("auth", "posts")
}

_CLOCK = """
import time
real = time.time
time.time = lambda: real() + {}
"""

# A pipe takes 64 KiB, some seconds of a service's lines; who has it open for reading never reads.
_UNREAD_LOG = "mkfifo /tmp/log; sleep 3600 < /tmp/log & exec python -m {} 2> /tmp/log"

_PROXY = f"""
import asyncio

async def carry(reader, writer, delay):
    loop, due = asyncio.get_running_loop(), asyncio.Queue()
    async def deliver():
        while True:
            at, data = await due.get()
            await asyncio.sleep(max(0, at - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
    delivering = asyncio.create_task(deliver())
    while data := await reader.read(65536):
        due.put_nowait((loop.time() + delay, data))
    due.put_nowait((loop.time() + delay, b""))
    await delivering

async def serve(reader, writer):
    there, back = await asyncio.open_connection("postgres", 5432)
    await asyncio.gather(carry(reader, back, {DELAY}), carry(there, writer, 0), return_exceptions=True)

async def main():
    async with await asyncio.start_server(serve, "0.0.0.0", 5432) as server:
        await server.serve_forever()

asyncio.run(main())
"""


async def advance_clock(stand: Stand) -> str:
    """Let the posts service's clock run 60 s ahead."""
    return await last_with(stand, _set_clock(stand, "posts_service", OFF), {}, ("posts_service",))


async def set_clock_back(stand: Stand) -> str:
    """Let the posts service's clock run 60 s behind: old tokens go on, new ones are refused, until it is right."""
    old = await join(stand)
    await asyncio.sleep(OFF)

    async def look() -> None:
        new = await join(stand)
        await old.read_newest()
        await new.send("read with a new token", "GET", f"/api/user/{new.id}", (401,), headers=new.bearer)

    stand.traffic.ledger.tolerated = frozenset({HTTPStatus.UNAUTHORIZED})
    try:
        return await last_with(stand, _set_clock(stand, "posts_service", -OFF), {}, ("posts_service",), look)
    finally:
        stand.traffic.ledger.tolerated = frozenset()


async def advance_auth_clock(stand: Stand) -> str:
    """Let the auth service's clock run 10 minutes ahead: the others say so, and old tokens go on, until it is right."""
    old, found = await join(stand), dict[str, float]()

    async def look() -> None:
        await old.read_newest()
        await asyncio.gather(
            *(_require_clock_is_told(stand, service, found) for service in ("gateway", "posts_service"))
        )

    traffic = stand.traffic
    traffic.ledger.tolerated = frozenset({HTTPStatus.UNAUTHORIZED})
    try:
        served = await last_with(stand, _set_clock(stand, "auth_service", FAR_OFF), {}, ("auth_service",), look)
    finally:
        async with traffic.paused():  # who has a token from the future needs another
            for person in traffic.people:
                await until_served(person.sign_in)
            traffic.ledger.tolerated = frozenset()
    return f"{served}; told as {' and '.join(f'{value:+.0f} s' for value in found.values())}"


async def block_log(stand: Stand) -> str:
    """Let nobody read the logs of the three services, until they have lost lines."""
    unread = {service: {"entrypoint": ["sh", "-c", _UNREAD_LOG.format(service)]} for service in SERVICES}
    lost: dict[str, float] = {}

    async def look() -> None:
        deadline = time.monotonic() + LOST_WITHIN
        while not all(lost.get(service) for service in SERVICES):
            stand.require(time.monotonic() < deadline, f"lines that are counted as lost: {lost}")
            await _fill_log(stand)
            for service in SERVICES:
                lost[service] = await stand.containers.read_metric(service, LOST_LINES) or 0
        for service in SERVICES:
            alive = await stand.containers.fetch(service, "/livez")
            stand.require("alive" in alive, f"/livez of {service} says {alive}")

    served = await last_with(stand, unread, {"LOG_LEVEL": "DEBUG"}, SERVICES, look, share=0.0)
    return f"{served}; {sum(lost.values()):.0f} lines lost, and counted"


async def slow_postgres(stand: Stand) -> str:
    """Let PostgreSQL answer 300 ms later."""
    mount = _write(stand.directory, "proxy.py", _PROXY)
    slow = {
        "build": {"context": str(ROOT), "target": "gateway"},
        "command": ["python", "/beside/proxy.py"],
        "volumes": [mount],
        "networks": ["databases"],
        "healthcheck": {"disable": True},
    }
    try:
        return await last_with(stand, {SLOW: slow}, _DATABASES, ("auth_service", "posts_service"))
    finally:
        await _add(stand, {SLOW: slow}, _DATABASES).compose("rm", "--force", "--stop", SLOW)


async def _require_clock_is_told(stand: Stand, service: str, found: dict[str, float]) -> None:
    """Require that a service says in ``/readyz``, in its metrics and in its log that a clock is off."""
    began, deadline = time.time(), time.monotonic() + TOLD_WITHIN
    while True:
        ready = await stand.containers.fetch(service, "/readyz")
        offset = await stand.containers.read_metric(service, OFFSET)
        is_told = "clock" in ready and offset is not None and abs(abs(offset) - FAR_OFF) < OFF
        if is_told and "clock" in await stand.containers.read_log(service, began - LASTING - SETTLED):
            found[service] = offset or 0.0
            return
        told = f"/readyz says {ready.strip()}, {OFFSET} is {offset}"
        stand.require(time.monotonic() < deadline, f"{service} does not tell that a clock is off: {told}")
        await asyncio.sleep(1)


async def _fill_log(stand: Stand) -> None:
    """Ask for so much that each service logs some thousand lines."""
    host, port = await stand.containers.get_address("gateway"), stand.containers.port

    async def ask_on(path: str) -> None:
        async with keep_asking(host) as ask:
            for _ in range(BURST):
                reply = await ask(encode_request("GET", path, port))
                stand.require(reply.status in {200, 503}, f"{path} was answered {reply.status}")

    paths = ["/api/posts", "/api/auth/csrf"] * (BURST_CONNECTIONS // 2)
    await asyncio.gather(*(ask_on(path) for path in paths))


def _set_clock(stand: Stand, service: str, seconds: int) -> Mapping[str, object]:
    """Return a service with a clock that is so much ahead."""
    mount = _write(stand.directory, "sitecustomize.py", _CLOCK.format(seconds))
    return {service: {"environment": {"PYTHONPATH": "/beside"}, "volumes": [mount]}}


async def _look_at_nothing() -> None:
    """Take the place of what is looked at meanwhile."""


async def last_with(
    stand: Stand,
    services: Mapping[str, object],
    settings: Mapping[str, str],
    changed: Sequence[str],
    look: Callable[[], Awaitable[None]] = _look_at_nothing,
    share: float = SHED_SHARE,
) -> str:
    """Start services anew with what is beside them, require that they go on to serve, and start them as they were.

    Of the requests meanwhile ``share`` may fail.
    """
    different = _add(stand, services, settings)
    started = ("up", "--detach", "--no-deps", "--timeout", "20")
    added = [name for name in services if name not in changed]
    if added:
        await different.compose(*started, *added)
    await different.compose(*started, *changed)
    for service in changed:
        await different.wait_until_healthy(service)
    await asyncio.sleep(SETTLED)  # and what had to wait for the start is answered
    ledger = stand.traffic.ledger
    await look()
    sent, failed = len(ledger.seen), ledger.failed
    await asyncio.sleep(max(5.0, LASTING * stand.scale))
    sent, failed = len(ledger.seen) - sent, ledger.failed - failed
    await stand.containers.compose(*started, *changed)
    for service in changed:
        await stand.containers.wait_until_healthy(service)
    stand.require(failed <= sent * share, f"{failed} of {sent} were not served meanwhile")
    return f"{failed} of {sent} not served meanwhile"


def _add(stand: Stand, services: Mapping[str, object], settings: Mapping[str, str]) -> Containers:
    file = stand.directory / "beside.json"  # compose reads YAML, and JSON is YAML
    file.write_text(json.dumps({"version": "3.8", "services": services}))
    return dataclasses.replace(stand.containers, files=(*stand.containers.files, file), settings=settings)


def _write(directory: Path, name: str, text: str) -> str:
    """Write a file and return how it is mounted."""
    directory.chmod(0o755)  # it is read by another user in the container
    (directory / name).write_text(text)
    return f"{directory}/{name}:/beside/{name}:ro"
