"""What a request leaves behind is free when it ends: nothing of ours waits for the garbage collector."""

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.gateway_in_process import RunningGateway, eventually
from tests.support.raw_client import connected
from tests.support.raw_upstream import RawUpstream, answer_variously

OURS = ("gateway.", "shared.", "httptools.")
COUNT = 50


@pytest.fixture
def posts(posts: RawUpstream) -> RawUpstream:
    """Give an upstream that answers in each of the ways there are."""
    posts.script = answer_variously
    return posts


@pytest.fixture
def garbage() -> Iterator["Garbage"]:
    """Give what the collector would have to find, from here on."""
    gc.collect()
    gc.disable()
    try:
        yield Garbage()
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


class Garbage:
    """What only the collector would free."""

    def find_ours(self) -> Counter[str]:
        """Return the kinds of our own objects in it, and how many there are."""
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = [type(each) for each in gc.garbage]
        return Counter(f"{kind.__module__}.{kind.__name__}" for kind in kinds if kind.__module__.startswith(OURS))


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
    """Requests of every kind leave nothing of ours for the collector, on connections that are kept and that end."""
    lines = lines.replace("TOKEN", gateway.sign_token()).replace("COOKIE", gateway.seal_session().partition(": ")[2])
    body = b"5\r\n12345\r\n0\r\n\r\n" if "chunked" in lines else b"12345" if "Length" in lines else b""
    number = 0
    while number < COUNT:
        async with connected(gateway) as client:
            while number < COUNT:
                number += 1
                line, *fields = lines.replace("{}", str(number)).split("\r\n")
                if (await client.exchange(line, *fields, body=body)).says_close:
                    break
    await eventually(lambda: not gateway.server.server_state.connections)
    assert garbage.find_ours() == {}
