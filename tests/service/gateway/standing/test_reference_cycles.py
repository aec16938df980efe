"""What a request leaves behind is free when it ends: nothing of ours waits for the garbage collector.

The gateway has an event loop of its own here, so that no service of another test's goes on beside it: their pools and
timers hold records of requests, too.
"""

import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_client import connected
from tests.support.raw_upstream import answer_variously
from tests.support.standing_gateway import Standing, standing_gateway
from tests.support.waiting import eventually

OURS = ("gateway.", "shared.", "httptools.")
COUNT = 50
ROUNDS = 5

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    """Give a gateway and its upstream for all tests of this module, in its own loop."""
    async with standing_gateway(tmp_path_factory.mktemp("standing")) as standing:
        yield standing


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(standing: Standing) -> RunningGateway:
    """Give the gateway, whose upstream answers in each of the ways there are."""
    await standing.renew()
    standing.posts.script = answer_variously
    return standing.gateway


@pytest.fixture
def garbage() -> Iterator["Garbage"]:
    """Give what the collector would have to find of what is made from here on."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield Garbage()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()


class Garbage:
    """What only the collector would free."""

    def find_ours(self) -> dict[str, str]:
        """Return the kinds of our own objects in it; of each how many there are, and what holds one of them."""
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        ids = {id(each) for each in gc.garbage}
        ours = {name_kind(each): each for each in gc.garbage if type(each).__module__.startswith(OURS)}
        counts = Counter(map(name_kind, gc.garbage))
        found = {name: f"{counts[name]}, one of them held by {list_holders(ours[name], ids)}" for name in ours}
        ours.clear()
        gc.garbage.clear()
        gc.collect()
        return found


def name_kind(thing: object) -> str:
    """Return the name of an object's class, with its module."""
    return f"{type(thing).__module__}.{type(thing).__name__}"


def list_holders(thing: object, ids: set[int]) -> list[str]:
    """Return the kinds of what refers to an object, among objects of these ids."""
    return sorted({name_kind(each) for each in gc.get_referrers(thing) if id(each) in ids})


REQUESTS = {
    "the same GET": "GET /public/x",
    "another head each time": "GET /public/x{}\r\nX-Other: {}",
    "a GET by token": "GET /userposts/1\r\nAuthorization: Bearer TOKEN",
    "a GET by cookie": "GET /userposts/1\r\nCookie: COOKIE",
    "HEAD": "HEAD /public/{}",
    "POST": "POST /public/{}\r\nX-Other: {}",
    "an upload": "POST /public/{}\r\nContent-Length: 5",
    "a chunked upload": "POST /public/{}\r\nTransfer-Encoding: chunked",
    "a redirect": "GET /userposts/{}\r\nAccept: text/html",
    "a refusal": "GET /nowhere/{}",
    "a target of two readings": "GET //public/{}",
    "methods": "OPTIONS /public/{}",
    "an old client": "GET /public/{} HTTP/1.0",
    "a client that closes": "GET /public/{}\r\nConnection: close",
    "an answer in chunks": "GET /public/chunks",
    "an answer until the end": "GET /public/end",
    "an answer that breaks off": "GET /public/broken",
}


@pytest.mark.parametrize("lines", REQUESTS.values(), ids=REQUESTS)
async def test_requests_leave_nothing(gateway: RunningGateway, garbage: Garbage, lines: str) -> None:
    """Requests of every kind leave nothing of ours for the collector, on connections that are kept and that end.

    A call of the gateway's own that fails meanwhile, as there is no auth service here, can leave something: what a
    request leaves is there in each round.
    """
    lines = lines.replace("TOKEN", gateway.sign_token()).replace("COOKIE", gateway.seal_session().partition(": ")[2])
    for _ in range(ROUNDS):
        await ask_often(gateway, lines)
        await eventually(lambda: not gateway.server.server_state.connections)
        if not (left := garbage.find_ours()):
            return
    assert left == {}


async def ask_often(gateway: RunningGateway, lines: str) -> None:
    """Send requests of a kind, on one connection as long as it is kept."""
    body = b"5\r\n12345\r\n0\r\n\r\n" if "chunked" in lines else b"12345" if "Length" in lines else b""
    number = 0
    while number < COUNT:
        async with connected(gateway) as client:
            while number < COUNT:
                number += 1
                line, *fields = lines.replace("{}", str(number)).split("\r\n")
                if (await client.exchange(line, *fields, body=body)).says_close:
                    break
