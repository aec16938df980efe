"""Upstreams that are spoken to by TLS: the certificate and its name are always verified."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.policy.file import load_policy
from gateway.policy.rules import PolicyInvalid
from gateway.policy.upstreams import Replica
from gateway.wire.limits import Limits
from gateway.wire.tls import create_context
from tests.support.certificates import Authority
from tests.support.gateway_in_process import RunningGateway, change_rules, running_gateway, status_of
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.raw_upstream import RawUpstream, Received, answer_ok, echo, running_upstream

RULES = """
[upstreams]
posts = {{ address = "{url}"{further} }}

[[rule]]
matcher = ["/public/:path*"]
access = "public"
upstream = "posts"
max_body = 100000000
"""
LONG = 8_000_000  # bytes


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority that this machine does not know."""
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[RawUpstream]:
    """Give an upstream that is localhost by that authority's word."""
    async with running_upstream(answer_ok, tls=authority.serve("localhost")) as upstream:
        yield upstream


def write_policy(folder: Path, url: str, authority: Authority | None) -> Path:
    """Return a policy for an upstream, with the authority's certificate as its ``ca_file``."""
    path = folder / "rules.toml"
    path.write_text(RULES.format(url=url, further=f', ca_file = "{authority.file}"' if authority else ""))
    return path


async def ask(gateway: RunningGateway, target: str = "/public/x") -> int:
    """Return the status of an answer."""
    return status_of(await gateway.send_head(f"GET {target} HTTP/1.1"))


async def test_it_is_verified_by_an_authority_of_ones_own(
    tmp_path: Path, authority: Authority, secure: RawUpstream
) -> None:
    """With its ``ca_file`` an upstream is spoken to, its connections are kept alive, and long bodies pass both ways."""
    async with running_gateway(write_policy(tmp_path, secure.url, authority)) as gateway, gateway.client() as client:
        for _ in range(3):
            assert (await client.get("/public/x")).status_code == 200
        assert secure.connections == 1
        secure.script = echo
        body = bytes(range(256)) * (LONG // 256)
        assert (await client.post("/public/x", content=body)).content == body


async def test_it_is_not_verified_by_what_this_machine_does_not_know(tmp_path: Path, secure: RawUpstream) -> None:
    """Without the ``ca_file`` nothing is sent to it: 503, and the log says why."""
    with capture_logs() as logs:
        async with running_gateway(write_policy(tmp_path, secure.url, None)) as gateway:
            assert await ask(gateway) == 503
    assert [log["reason"] for log in logs if log["event"] == "upstream_unreachable" and "CERTIFICATE" in log["reason"]]
    assert secure.received == []


@pytest.mark.parametrize("host", ["127.0.0.1", "ip6-localhost"])
async def test_its_name_is_verified(tmp_path: Path, authority: Authority, secure: RawUpstream, host: str) -> None:
    """A certificate for another name is none, though the authority is right."""
    url = secure.url.replace("localhost", host)
    async with running_gateway(write_policy(tmp_path, url, authority)) as gateway:
        assert await ask(gateway) == 503
    assert secure.received == []


async def test_plain_http_is_no_tls(tmp_path: Path, authority: Authority, posts: RawUpstream) -> None:
    """An upstream that speaks plain HTTP at an https address is not spoken to."""
    url = f"https://localhost:{posts.port}"
    async with running_gateway(write_policy(tmp_path, url, authority)) as gateway:
        assert await ask(gateway) == 503
    assert posts.received == []


async def test_one_that_never_shakes_hands(tmp_path: Path, authority: Authority) -> None:
    """The handshake counts to the time for connecting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = write_policy(tmp_path, f"https://localhost:{silent.getsockname()[1]}", authority)
        async with running_gateway(policy, limits=Limits(connect=0.2)) as gateway:
            assert await ask(gateway) == 503


async def test_an_answer_that_is_cut_off_is_not_taken_for_whole(
    tmp_path: Path, authority: Authority, secure: RawUpstream
) -> None:
    """An answer that ends with its connection must end by TLS's own word: else anybody on the way could cut it."""

    async def cut(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        tls = request.writer.transport
        plain = tls._ssl_protocol._transport  # type: ignore[attr-defined] # noqa: SLF001 - nothing else is that rude
        plain.get_extra_info("socket").shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.2)
        plain.abort()

    secure.script = cut
    policy = write_policy(tmp_path, secure.url, authority)
    async with running_gateway(policy) as gateway:
        answer = await gateway.send_head("GET /public/x HTTP/1.1")
    assert answer.endswith(b"half of it\r\n")
    async with gateway_process({"GATEWAY_RULES": str(policy)}) as running, connected_to(running) as (reader, writer):
        writer.write(f"GET /public/x HTTP/1.1\r\nHost: {running.host}\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"half of it\r\n")


async def test_an_answer_may_end_with_its_connection(tmp_path: Path, authority: Authority, secure: RawUpstream) -> None:
    """One that does end by TLS's word is whole."""

    async def end(request: Received) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        request.writer.close()

    secure.script = end
    policy = write_policy(tmp_path, secure.url, authority)
    async with running_gateway(policy) as gateway:
        assert (await gateway.send_head("GET /public/x HTTP/1.1")).endswith(b"all of it\r\n0\r\n\r\n")
    async with gateway_process({"GATEWAY_RULES": str(policy)}) as running, connected_to(running) as (reader, writer):
        writer.write(f"GET /public/x HTTP/1.1\r\nHost: {running.host}\r\nConnection: close\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"all of it\r\n0\r\n\r\n")


@contextlib.asynccontextmanager
async def connected_to(running: GatewayProcess) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give a connection to a gateway that is a process."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_as_it_runs(tmp_path: Path, authority: Authority, secure: RawUpstream) -> None:
    """The gateway as a process, with its own event loop, does the same."""
    secure.script = echo
    policy = write_policy(tmp_path, secure.url, authority)
    async with gateway_process({"GATEWAY_RULES": str(policy)}) as running, connected_to(running) as (reader, writer):
        for _ in range(2):
            head = f"POST /public/x HTTP/1.1\r\nHost: {running.host}\r\nContent-Length: {LONG}\r\n\r\n"
            writer.write(head.encode() + bytes(LONG))
            assert status_of(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)) == 200
            assert await asyncio.wait_for(reader.readexactly(LONG), 20) == bytes(LONG)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ('"http://localhost:1", ca_file = "{file}"', "ca_file needs an address that begins with https"),
        ('"https://localhost:1", ca_file = "/nowhere.pem"', "can't be read as certificates in PEM"),
        ('"https://localhost:1", ca_file = "{empty}"', "can't be read as certificates in PEM"),
        ('"https://localhost:1", verify = false', "unknown word"),
    ],
)
def test_a_mistake_is_told_at_once(tmp_path: Path, authority: Authority, words: str, reason: str) -> None:
    """A policy with certificates that can't be used, or that asks for none, is refused with its line."""
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    path = write_policy(tmp_path, "X", None)
    change_rules(path, '"X"', words.format(file=authority.file, empty=empty))
    with pytest.raises(PolicyInvalid, match=f"line 3: .*{reason}"):
        load_policy(path, {})


def test_only_good_versions_are_spoken(authority: Authority) -> None:
    """What speaks TLS speaks at least version 1.2."""
    context = create_context([Replica("a", 443, is_tls=True)], authority.file.read_text())
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
