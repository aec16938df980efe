"""More than there is room for: wrong passwords by the hundred, and ten times the load that is served best."""

import asyncio
import contextlib
import ipaddress
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from random import randrange
from statistics import median

from tests.faults.experiments import Stand
from tests.faults.people import NotServed
from tests.faults.usage import read_usage
from tests.faults.wire import Reply, encode_request, keep_asking

FLOOD_RATE = 500  # wrong passwords a second
FLOOD_CONNECTIONS = 200
FLOOD_SECONDS = 15.0
READERS = 8
READ_PACE = 0.4  # seconds from one read of a reader to the next, if it is answered by then
KEPT_SHARE = 0.9  # of the reads
HASHES_AT_ONCE = 20.0  # MiB for each core
CORES = 4.0
QUEUE = 30.0  # MiB for the requests that wait

BEST = 32  # connections that ask one request after the other
OVERLOAD = 10
LOAD_SECONDS = 6.0
GOOD_SHARE = 0.8


@dataclass(slots=True)
class Count:
    """What a flood was answered: statuses, and the seconds that refusals took."""

    statuses: Counter[int] = field(default_factory=Counter)
    shed_after: list[float] = field(default_factory=list)

    def note(self, reply: Reply) -> None:
        """Take down an answer."""
        self.statuses[reply.status] += 1
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.shed_after.append(reply.seconds)

    @property
    def shed(self) -> str:
        """How fast was refused what there was no room for."""
        if not self.shed_after:
            return "none shed"
        return f"{len(self.shed_after)} shed, in {median(self.shed_after) * 1000:.0f} ms"


async def flood_sign_in(stand: Stand) -> str:
    """Send up to 500 wrong passwords a second from many addresses; everybody else reads on."""
    before = (await read_usage(stand.containers))["auth_service", "MiB"]
    seconds = max(5.0, FLOOD_SECONDS * stand.scale)
    calm = await _read_steadily(stand, seconds)
    count, ending = Count(), time.monotonic() + seconds
    host = await stand.containers.get_address("gateway")
    flooding = [asyncio.create_task(_flood(stand, host, count, ending)) for _ in range(FLOOD_CONNECTIONS)]
    reading = asyncio.create_task(_read_steadily(stand, seconds))
    await asyncio.sleep(seconds / 2)
    during = (await read_usage(stand.containers))["auth_service", "MiB"]
    await stand.containers.execute("auth_service", "python", "-S", "-c", _ALIVE)
    await asyncio.gather(*flooding)
    flooded = await reading
    stand.require(set(count.statuses) <= {401, 429, 503}, f"the flood was answered {dict(count.statuses)}")
    stand.require(flooded >= calm * KEPT_SHARE, f"{flooded} reads in the flood, {calm} before it")
    limit = before + CORES * HASHES_AT_ONCE + QUEUE
    stand.require(during <= limit, f"the auth service holds {during:.0f} MiB, before {before:.0f}")
    rate = sum(count.statuses.values()) / seconds
    return f"{rate:.0f}/s, {count.shed}; reads {100 * flooded / calm:.0f} %, +{during - before:.0f} MiB"


async def overload(stand: Stand) -> str:
    """Ask with ten times the connections at which most is served."""
    best, _ = await _load(stand, BEST)
    much, count = await _load(stand, BEST * OVERLOAD)
    stand.require(set(count.statuses) <= {200, 503}, f"the load was answered {dict(count.statuses)}")
    stand.require(much >= best * GOOD_SHARE, f"{much:.0f}/s served, {best:.0f}/s at best")
    return f"{100 * much / best:.0f} % of the best goodput, {count.shed}"


_ALIVE = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8001/livez', timeout=10)"


async def _flood(stand: Stand, host: str, count: Count, ending: float) -> None:
    port = stand.containers.port
    pause = FLOOD_CONNECTIONS / FLOOD_RATE
    async with keep_asking(host) as ask:
        while (started := time.monotonic()) < ending:
            body = {"username": f"{uuid.uuid4().hex}@example.com", "password": "wrong"}
            origin = {"X-Forwarded-For": str(ipaddress.ip_address(randrange(1 << 24, 2 << 24)))}  # noqa: S311
            count.note(await ask(encode_request("POST", "/api/login", port, origin, body)))
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - started)))


async def _read_steadily(stand: Stand, seconds: float) -> int:
    """Return how many reads were served of those of readers who read at a fixed pace, if they can."""
    ending, served = time.monotonic() + seconds, 0

    async def read() -> None:
        nonlocal served
        person = stand.traffic.people[0]
        while (started := time.monotonic()) < ending:
            with contextlib.suppress(NotServed):
                await person.read_newest()
                served += 1
            await asyncio.sleep(max(0.0, READ_PACE - (time.monotonic() - started)))

    await asyncio.gather(*(read() for _ in range(READERS)))
    return served


async def _load(stand: Stand, connections: int) -> tuple[float, Count]:
    """Return how many requests were served in a second when so many ask one after the other."""
    port, person, count = stand.containers.port, stand.traffic.people[0], Count()
    request = encode_request("GET", f"/api/user/{person.id}", port, person.bearer)
    host = await stand.containers.get_address("gateway")
    started = time.monotonic()
    ending = started + LOAD_SECONDS

    async def ask_on() -> None:
        async with keep_asking(host) as ask:
            while time.monotonic() < ending:
                reply = await ask(request)
                count.note(reply)
                if reply.status != HTTPStatus.OK:
                    await asyncio.sleep(1)  # as Retry-After asks

    await asyncio.gather(*(ask_on() for _ in range(connections)))
    return count.statuses[HTTPStatus.OK] / (time.monotonic() - started), count
