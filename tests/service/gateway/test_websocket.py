"""WebSockets through the gateway: with a real client and server, and with peers that break the protocol."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from gateway import gate
from gateway.websockets.handshake import accept_of
from gateway.websockets.tunnel import LOOK_EVERY
from gateway.wire.limits import MAX_AHEAD, ClientLimits, Limits
from shared.timing import GRACE
from shared.tokens.claims import RENEW_BEFORE
from tests.support.fake_auth_service import FakeAuthService, answer_with, running_auth_service
from tests.support.gateway_in_process import (
    SERVICE_SECRET,
    SESSION_ID,
    RunningGateway,
    change_rules,
    running_gateway,
    status_of,
)
from tests.support.raw_client import connected
from tests.support.raw_upstream import RawUpstream, Received, running_upstream
from tests.support.waiting import eventually

RULES = """
[upstreams]
auth = "{upstream}"
chat = {{ address = "{upstream}", authorization = "token" }}

[[rule]]
matcher = ["/chat/:path*"]
access = "protected"
upstream = "chat"
websocket = true

[[rule]]
matcher = ["/open/:path*"]
access = "public"
upstream = "chat"
websocket = true

[[rule]]
matcher = ["/plain"]
access = "public"
upstream = "chat"
"""

SOME_WAIT = range(512 * 1024, 1024 * 1024, 48 * 1024)
"""Sizes in bytes. Of one of them a part waits in the gateway while the rest is in a Unix socket's small buffers."""
LONG = 32 * 1024 * 1024  # bytes; more than all buffers on the way hold

NOWHERE = "http://127.0.0.1:9"
KEY = base64.b64encode(b"0123456789abcdef")
HANDSHAKE = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY.decode(),
}


def _policy(tmp_path: Path, upstream: str) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES.format(upstream=upstream))
    return path


@pytest.fixture
async def gateway(tmp_path: Path, posts: RawUpstream) -> AsyncIterator[RunningGateway]:
    """Give a gateway ahead of an upstream that follows a script."""
    async with running_gateway(_policy(tmp_path, posts.url), limits=Limits(first_byte=0.5)) as running:
        yield running


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@contextlib.asynccontextmanager
async def _chatting(
    tmp_path: Path, limits: Limits | None = None, auth_service_url: str = NOWHERE
) -> AsyncIterator[RunningGateway]:
    """Give a gateway ahead of a real WebSocket server that echoes everything."""
    async with serve(_echo, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("echo")]) as server:
        policy = _policy(tmp_path, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with running_gateway(policy, limits=limits, auth_service_url=auth_service_url) as running:
            yield running


def _connect(gateway: RunningGateway, path: str = "/chat/1", **headers: str) -> connect:
    headers = headers or {"Authorization": gateway.sign_token()}
    return connect(
        f"ws://{gateway.host}{path}",
        additional_headers=headers,
        subprotocols=[websockets.Subprotocol("echo")],
        proxy=None,
        open_timeout=60,
    )


async def _accept(received: Received, early: bytes = b"") -> None:
    """Open the WebSocket that a client asks for, as its upstream."""
    proof = accept_of(received.values("sec-websocket-key")[0].encode()).decode()
    lines = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {proof}\r\n\r\n"
    await received.send(f"HTTP/1.1 101 Switching Protocols\r\n{lines}".encode() + early)


def _head(gateway: RunningGateway, path: str = "/open/1", /, **changes: str | None) -> str:
    """Return a handshake whose headers are changed by their name with ``_`` for ``-``; None leaves one out."""
    fields = {**HANDSHAKE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {gateway.host}", *lines, "", ""])


async def test_messages_pass_both_ways(tmp_path: Path) -> None:
    """Text, bytes, long messages, the subprotocol and the close code reach the other side as they were sent."""
    async with _chatting(tmp_path) as gateway, _connect(gateway) as client:
        assert client.subprotocol == "echo"
        for message in ("hello", "안녕", b"\x00\xff", "x" * 1_000_000, b""):
            await client.send(message)
            assert await asyncio.wait_for(client.recv(), 10) == message
        await client.close(4001, "done")
    assert client.close_code == 4001


async def test_many_tunnels_leave_nothing_behind(tmp_path: Path) -> None:
    """Fifty at once all work, and afterwards every slot at the upstream is free again."""
    async with _chatting(tmp_path, Limits(connections=50, wait=30, connect=30)) as gateway:
        for _ in range(2):
            clients = await asyncio.gather(*(_open(gateway) for _ in range(50)))
            await asyncio.gather(*(_say(client, str(number)) for number, client in enumerate(clients)))
            await asyncio.gather(*(client.close() for client in clients))


async def _open(gateway: RunningGateway) -> ClientConnection:
    return await _connect(gateway)


async def _say(client: ClientConnection, message: str) -> None:
    await client.send(message)
    assert await asyncio.wait_for(client.recv(), 10) == message


async def test_a_client_that_still_sends_gets_the_last_words_of_its_upstream(
    gateway: RunningGateway, posts: RawUpstream
) -> None:
    """An upstream's last message, such as why it closes, arrives whole, and an orderly close after it: no reset."""

    async def say_goodbye(received: Received) -> None:
        await _accept(received)
        await received.send(b"goodbye")
        received.writer.write_eof()
        await received.reader.read()

    posts.script = say_goodbye
    answer = await gateway.send_raw(_head(gateway).encode() + bytes(LONG))
    assert answer.endswith(b"\r\n\r\ngoodbye")


async def test_a_slow_upstream_gets_the_last_words_of_its_client(tmp_path: Path) -> None:
    """All that a client sent before it half-closed reaches an upstream that starts to read only afterwards.

    The event loop has no failure to tell of.
    """
    has_ended, arrived, said = asyncio.Event(), asyncio.Queue[int](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))

    async def read_late(received: Received) -> None:
        await _accept(received)
        await has_ended.wait()
        arrived.put_nowait(len(await received.reader.read()))

    path = tmp_path / "chat.sock"
    async with (
        running_upstream(read_late, path=path) as upstream,
        running_gateway(_policy(tmp_path, upstream.url)) as gateway,
    ):
        for size in SOME_WAIT:
            has_ended.clear()
            async with connected(gateway) as client:
                client.send(_head(gateway).encode())
                assert (await client.read_head()).status == 101
                client.send(bytes(size))
                client.end_sending()
                await asyncio.sleep(0.05)
                has_ended.set()
                assert await asyncio.wait_for(arrived.get(), 10) == size
    asyncio.get_running_loop().set_exception_handler(None)
    assert said == []


async def test_an_upstream_that_never_takes_the_last_words_keeps_no_slot(tmp_path: Path) -> None:
    """It has the same time as while its client is there; then its slot is free."""

    async def never_read(received: Received) -> None:
        await _accept(received)
        await asyncio.Event().wait()  # until the upstream's end

    path = tmp_path / "chat.sock"
    async with (
        running_upstream(never_read, path=path) as upstream,
        running_gateway(_policy(tmp_path, upstream.url), limits=Limits(tunnels=1, silence=0.2)) as gateway,
    ):
        for size in SOME_WAIT:
            async with asyncio.timeout(10):
                while not await _leave_behind(gateway, bytes(size)):  # noqa: ASYNC110 - a slot that comes free has no event
                    await asyncio.sleep(0.05)


async def _leave_behind(gateway: RunningGateway, last_words: bytes) -> bool:
    """Open a tunnel, send something and go; return whether there was a slot for it."""
    async with connected(gateway) as client:
        client.send(_head(gateway).encode())
        if (await client.read_head()).status != 101:
            return False
        client.send(last_words)
        client.end_sending()
        await client.read_rest()
        return True


async def test_a_tunnel_ends_with_the_session_that_opened_it(tmp_path: Path) -> None:
    """When the session is ended the tunnel closes too; a public one goes on."""
    async with (
        running_auth_service(SERVICE_SECRET) as auth_service,
        _chatting(tmp_path, auth_service_url=auth_service.url) as gateway,
        _connect(gateway) as client,
        _connect(gateway, "/open/1", Accept="*/*") as other,
    ):
        await _say(client, "before")
        auth_service.revoke(SESSION_ID)
        assert await _see_end(client) == (1008, "The session has ended")
        await _say(other, "still")


async def _see_end(client: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason with which a WebSocket is closed."""
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await asyncio.wait_for(client.recv(), 10)
    assert closed.value.rcvd is not None, "no Close frame"
    return closed.value.rcvd.code, closed.value.rcvd.reason


def _sign(gateway: RunningGateway, seconds: int, user_id: int = 7) -> str:
    """Return an access token that is good for some seconds yet."""
    tokens = gateway.credentials.tokens
    issued_at = int(time.time()) + seconds - tokens.ttl
    return tokens.sign(user_id=user_id, name="Ada", email="ada@example.com", session_id=SESSION_ID, now=issued_at)


def _seal(gateway: RunningGateway, token: str) -> dict[str, str]:
    """Return the headers of a page of ours whose session has that token."""
    claims = {"sub": "7", "sid": SESSION_ID, "accessToken": token}
    sealed = gateway.credentials.sealer.seal(claims, int(time.time()))
    return {"Cookie": f"{gateway.credentials.cookie_names.session}={sealed}", "Origin": gateway.url}


@pytest.fixture
async def auth_service() -> AsyncIterator[FakeAuthService]:
    """Give an auth service."""
    async with running_auth_service(SERVICE_SECRET) as service:
        yield service


async def test_a_tunnel_lives_as_long_as_its_session(tmp_path: Path, auth_service: FakeAuthService) -> None:
    """The token of a session cookie is renewed behind an open WebSocket, and its client notices nothing."""
    async with _chatting(tmp_path, auth_service_url=auth_service.url) as gateway:
        auth_service.renew = lambda _: answer_with({"accessToken": gateway.sign_token(), "setCookie": []})
        cookies = _seal(gateway, _sign(gateway, RENEW_BEFORE + 1))
        async with _connect(gateway, **cookies) as client:
            await _say(client, "before")
            await eventually(lambda: bool(auth_service.asked_to_renew))
            await asyncio.sleep(2 * LOOK_EVERY)
            await _say(client, "after")
    assert len(auth_service.asked_to_renew) == 1
    assert auth_service.asked_to_renew[0]["session"] in cookies["Cookie"]


async def test_a_tunnel_ends_when_its_session_is_over(tmp_path: Path, auth_service: FakeAuthService) -> None:
    """A renewal that says that the session is over ends the tunnel at once, though its token is still good."""
    auth_service.renew = lambda _: answer_with({"accessToken": None, "setCookie": []})
    async with (
        _chatting(tmp_path, auth_service_url=auth_service.url) as gateway,
        _connect(gateway, **_seal(gateway, _sign(gateway, RENEW_BEFORE + 1))) as client,
    ):
        assert await _see_end(client) == (1008, "The session has ended")


async def test_a_tunnel_ends_when_its_caller_may_no_longer(tmp_path: Path, auth_service: FakeAuthService) -> None:
    """With a fresh token the opening is judged again: whoever may not open it any more may not go on."""
    async with _chatting(tmp_path, auth_service_url=auth_service.url) as gateway:
        auth_service.renew = lambda _: answer_with({"accessToken": _sign(gateway, 3600, user_id=8), "setCookie": []})
        async with _connect(gateway, **_seal(gateway, _sign(gateway, RENEW_BEFORE + 1))) as client:
            assert await _see_end(client) == (1008, "The session has ended")


async def test_a_tunnel_ends_when_its_page_may_no_longer(tmp_path: Path, auth_service: FakeAuthService) -> None:
    """Nor does a page of another origin go on with the session, once a new policy does not trust it any more."""
    app = "https://app.example"
    async with _chatting(tmp_path, auth_service_url=auth_service.url) as gateway:
        auth_service.renew = lambda _: answer_with({"accessToken": gateway.sign_token(), "setCookie": []})
        trusting = f'websocket = true\ncors = {{ origins = "{app}", credentials = true }}'
        change_rules(tmp_path / "rules.toml", "websocket = true", trusting)
        os.kill(os.getpid(), signal.SIGHUP)
        headers = {**_seal(gateway, _sign(gateway, RENEW_BEFORE + 2)), "Origin": app}
        async with _connect(gateway, **headers) as client:
            await _say(client, "before")
            change_rules(tmp_path / "rules.toml", app, "https://other.example")
            os.kill(os.getpid(), signal.SIGHUP)
            assert await _see_end(client) == (1008, "The session has ended")


async def test_a_tunnel_opened_by_a_token_does_not_live_on_the_cookie_beside_it(
    tmp_path: Path, auth_service: FakeAuthService
) -> None:
    """A cookie that could not have opened the tunnel, for another site sends it, does not keep it open either."""
    async with _chatting(tmp_path, auth_service_url=auth_service.url) as gateway:
        auth_service.renew = lambda _: answer_with({"accessToken": gateway.sign_token(), "setCookie": []})
        token = _sign(gateway, 3)
        headers = {**_seal(gateway, token), "Origin": "https://evil.example", "Authorization": token}
        async with _connect(gateway, **headers) as client:
            assert await _see_end(client) == (1008, "The access token has expired")
    assert auth_service.asked_to_renew == []


async def test_a_tunnel_outlives_a_short_outage(tmp_path: Path) -> None:
    """While the auth service can't be asked, the tunnel goes on with the token that it has, and ends with that."""
    async with _chatting(tmp_path) as gateway, _connect(gateway, **_seal(gateway, _sign(gateway, 4))) as client:
        await _say(client, "before")
        assert await _see_end(client) == (1001, "The session could not be renewed right now")


async def test_a_tunnel_opened_by_a_token_ends_with_it(tmp_path: Path) -> None:
    """A client that came with a token, and no cookie, is told that it has expired."""
    async with _chatting(tmp_path) as gateway, _connect(gateway, Authorization=_sign(gateway, 2)) as client:
        assert await _see_end(client) == (1008, "The access token has expired")


async def test_no_close_stands_within_a_frame(tmp_path: Path, posts: RawUpstream) -> None:
    """In the middle of an upstream's frame there is no place for a Close: the tunnel just ends."""

    async def begin(received: Received) -> None:
        await _accept(received, b"\x81\x05hel")
        await received.reader.read()

    posts.script = begin
    async with running_gateway(_policy(tmp_path, posts.url), limits=Limits(tunnel_silence=0.2)) as gateway:
        answer = await gateway.send_raw(_head(gateway).encode())
    assert answer.endswith(b"\r\n\r\n\x81\x05hel")


async def test_a_silent_tunnel_ends(tmp_path: Path) -> None:
    """A tunnel in which neither side sends anything for long is closed."""
    async with _chatting(tmp_path, Limits(tunnel_silence=0.2)) as gateway, _connect(gateway) as client:
        assert await _see_end(client) == (1001, "Nothing was sent for too long")


async def test_a_gateway_that_stops_ends_its_tunnels(tmp_path: Path) -> None:
    """A tunnel does not hold up the shutdown until the grace period is over."""
    async with contextlib.AsyncExitStack() as running:
        gateway = await running.enter_async_context(_chatting(tmp_path))
        client = await _connect(gateway)
        await _say(client, "before")
        async with asyncio.timeout(GRACE / 2):
            await running.aclose()
        assert await _see_end(client) == (1001, "The server is shutting down")


@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Authorization": "x.y.z"}], ids=["nobody", "a bad token"])
async def test_a_caller_who_may_not_enter_opens_no_tunnel(
    gateway: RunningGateway, posts: RawUpstream, headers: dict[str, str]
) -> None:
    """An anonymous caller gets 401, as on every protected path, and the upstream hears nothing."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        await _connect(gateway, **headers)
    assert refused.value.response.status_code == 401
    assert posts.received == []


@pytest.mark.parametrize(
    ("site", "status"), [("Sec-Fetch-Site: cross-site", 401), ("Origin: http://evil.example", 401), ("A: b", 401)]
)
async def test_a_cookie_opens_none_for_another_site(
    gateway: RunningGateway, posts: RawUpstream, site: str, status: int
) -> None:
    """A page of another origin can't open a tunnel with the cookie that the browser adds."""
    name, _, value = site.partition(": ")
    head = _head(gateway, "/chat/1", Cookie=gateway.seal_session(), **{name: value})
    assert status_of(await gateway.send_raw(head.encode())) == status
    assert posts.received == []


async def test_a_cookie_opens_one_for_our_own_pages(tmp_path: Path) -> None:
    """A page of ours opens a tunnel with the session cookie, and the upstream does not get the cookie."""
    async with _chatting(tmp_path) as gateway:
        cookies = {"Cookie": gateway.seal_session(), "Origin": gateway.url}
        async with _connect(gateway, **cookies) as client:
            await _say(client, "hello")


async def test_a_rule_that_does_not_say_so_opens_none(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Where the rule has no ``websocket = true`` the answer is 403 and the upstream hears nothing."""
    assert status_of(await gateway.send_raw(_head(gateway, "/plain").encode())) == 403
    assert posts.received == []


MALFORMED: dict[str, tuple[dict[str, str | None], int]] = {
    "no Connection": ({"Connection": "keep-alive"}, 400),
    "two protocols": ({"Upgrade": "websocket, h2c"}, 400),
    "another version": ({"Sec_WebSocket_Version": "8"}, 426),
    "no version": ({"Sec_WebSocket_Version": None}, 426),
    "no key": ({"Sec_WebSocket_Key": None}, 400),
    "a short key": ({"Sec_WebSocket_Key": "eHl6"}, 400),
    "a key that is no base64": ({"Sec_WebSocket_Key": "not base64 at all, no!!="}, 400),
    "a key in another spelling": ({"Sec_WebSocket_Key": KEY.decode()[:-3] + "h=="}, 400),
    "a body": ({"Content_Length": "3"}, 400),
}


@pytest.mark.parametrize(("changes", "status"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_handshake_is_refused(
    gateway: RunningGateway, posts: RawUpstream, changes: dict[str, str | None], status: int
) -> None:
    """A handshake that is not complete and unambiguous is refused before the upstream hears of it."""
    async with connected(gateway) as client:
        client.send(_head(gateway, **changes).encode())
        answer = await client.read_answer()
    assert answer.status == status
    assert answer.values("sec-websocket-version") == (["13"] if status == 426 else [])
    assert posts.received == []


@pytest.mark.parametrize("is_first", [True, False], ids=["the first request", "behind another"])
async def test_early_bytes_arrive_and_are_no_request(
    gateway: RunningGateway, posts: RawUpstream, *, is_first: bool
) -> None:
    """What a client sends before the tunnel is open reaches the upstream within the tunnel, and only there."""
    smuggled = f"GET /open/2 HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n".encode()
    arrived: list[bytes] = []

    async def accept(received: Received) -> None:
        if not received.values("upgrade"):
            await received.answer(b"ok")
            return
        await _accept(received, b"first")
        arrived.append(await received.reader.readexactly(len(smuggled)))
        received.writer.close()

    posts.script = accept
    ahead = b"" if is_first else smuggled
    answer = await gateway.send_raw(ahead + _head(gateway).encode() + smuggled)
    assert status_of(answer) == (101 if is_first else 200)
    assert b"HTTP/1.1 101 " in answer
    assert answer.endswith(b"\r\n\r\nfirst")
    assert arrived == [smuggled]
    assert len(posts.received) == (1 if is_first else 2)
    assert posts.received[-1].values("connection") == ["Upgrade"]


SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
BAD_ANSWERS = {
    "a wrong proof": (SWITCHED + b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", 502),
    "no proof": (SWITCHED + b"Upgrade: websocket\r\n\r\n", 502),
    "another protocol": (SWITCHED + b"Upgrade: h2c\r\n\r\n", 502),
    "nonsense": (b"hello\r\n\r\n", 502),
    "nothing": (b"", 502),
    "a refusal of its own": (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403),
    "an answer as to any request": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
}


@pytest.mark.parametrize(("answer", "status"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_an_upstream_that_does_not_open_it(
    gateway: RunningGateway, posts: RawUpstream, answer: bytes, status: int
) -> None:
    """The upstream's own refusal passes; anything that does not answer the handshake is 502, and never a tunnel."""

    async def say(received: Received) -> None:
        await received.send(answer)
        received.writer.close()

    posts.script = say
    assert status_of(await gateway.send_raw(_head(gateway).encode())) == status
    await eventually(lambda: posts.open_connections == 0)


async def test_a_silent_upstream_is_given_up(gateway: RunningGateway, posts: RawUpstream) -> None:
    """An upstream that does not answer the handshake in time gives 504."""

    async def keep_silent(received: Received) -> None:
        await received.reader.read()

    posts.script = keep_silent
    assert status_of(await gateway.send_raw(_head(gateway).encode())) == 504


async def test_a_client_that_leaves_before_the_answer_is_noticed(tmp_path: Path, posts: RawUpstream) -> None:
    """A client that opens a WebSocket and is gone before the upstream answers holds no slot any more."""

    async def keep_silent(received: Received) -> None:
        await received.reader.read()

    posts.script = keep_silent
    soon = ClientLimits(half_closed=0.2)
    async with running_gateway(_policy(tmp_path, posts.url), client_limits=soon) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(_head(gateway).encode())
        await eventually(lambda: posts.open_connections == 1)
        writer.close()
        await eventually(lambda: posts.open_connections == 0)


def _accepting(then: Callable[[Received], Awaitable[None]]) -> Callable[[Received], Awaitable[None]]:
    """Return a script that grants the handshake and goes on with another."""

    async def accept(request: Received) -> None:
        await request.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_of(KEY)
        )
        await then(request)

    return accept


async def test_much_that_comes_early_stops_nothing(gateway: RunningGateway, posts: RawUpstream) -> None:
    """A client that sends more ahead of the upstream's answer than is kept is read again once the tunnel is open."""
    early, later = b"x" * (3 * MAX_AHEAD), b"later"
    may_begin = asyncio.Event()
    taken = 0

    async def take_all(request: Received) -> None:
        nonlocal taken
        while data := await request.reader.read(65_536):
            taken += len(data)
        request.writer.close()

    async def wait_first(request: Received) -> None:
        await may_begin.wait()
        await _accepting(take_all)(request)

    posts.script = wait_first
    async with connected(gateway) as client:
        client.send(_head(gateway).encode() + early)
        await eventually(lambda: len(posts.received) == 1)
        await asyncio.sleep(0.1)  # until no more of it is read
        may_begin.set()
        assert (await client.read_head()).status == 101
        client.send(later)
        await eventually(lambda: taken == len(early + later))


async def test_an_upstream_that_takes_a_little_at_a_time(tmp_path: Path, posts: RawUpstream) -> None:
    """A tunnel whose upstream reads slowly goes on, though hardly any of what is sent leaves the buffers."""
    silence = 0.7

    async def take_slowly(request: Received) -> None:
        request.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while await request.reader.read(1024):  # noqa: ASYNC110 - it takes its time
            await asyncio.sleep(0.01)

    posts.script = _accepting(take_slowly)
    limits = Limits(silence=silence)
    async with running_gateway(_policy(tmp_path, posts.url), limits=limits) as gateway, connected(gateway) as client:
        client.send(_head(gateway).encode())
        assert (await client.read_head()).status == 101
        client.send(b"x" * 16 * 1_048_576)
        await asyncio.sleep(4 * silence)
        assert not client.writer.is_closing()
        assert posts.open_connections == 1


async def test_a_tunnel_at_which_nobody_can_look_ends(
    gateway: RunningGateway, posts: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it can't be determined whether its session still lives, a tunnel closes, and does not go on for ever."""

    async def take_all(request: Received) -> None:
        await request.reader.read()
        request.writer.close()

    def fail() -> float:
        raise RuntimeError("the clock has stopped")

    posts.script = _accepting(take_all)
    async with connected(gateway) as client:
        client.send(_head(gateway, "/chat/1", Authorization=f"Bearer {gateway.sign_token()}").encode())
        assert (await client.read_head()).status == 101
        with monkeypatch.context() as patch:
            patch.setattr(gate, "time", SimpleNamespace(time=fail))
            await asyncio.sleep(2 * LOOK_EVERY)
        await eventually(lambda: posts.open_connections == 0)
