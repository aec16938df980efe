"""Framing: no body, length, chunk or trailer hides a request to a protected path from the gateway."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.support.attacks import Attack, Sample, find_successes, read_list, report, request_for, send_bytes
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.policies_under_attack import OPEN_RULES
from tests.support.stream_victim import Reading, StreamVictim, running_naive_pipe, running_stream_victim
from tests.support.victim import PUBLIC_TEXT

PATIENCE = 0.4  # seconds; many of these leave a server waiting for more
HIDDEN = "GET /userposts/1 HTTP/1.1\r\nHost: {host}\r\nX-Case: {case}\r\n\r\n"


@pytest.fixture(scope="module", params=list(Reading))
async def stream_victim(request: pytest.FixtureRequest) -> AsyncIterator[StreamVictim]:
    """Give a victim of each reading."""
    async with running_stream_victim(request.param) as victim:
        yield victim


@pytest.fixture(scope="module")
async def gateway_ahead(
    stream_victim: StreamVictim, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningGateway]:
    """Give the gateway ahead of it, with the policy that is hardest to keep."""
    rules = tmp_path_factory.mktemp("framing") / "rules.toml"
    rules.write_text(OPEN_RULES.replace("VICTIM", stream_victim.url))
    async with running_gateway(rules) as running:
        yield running


def smuggle() -> Iterator[Attack]:
    """Give each head with each body, on a request that anyone may send."""
    for head in read_list("framing_heads.txt"):
        for body in read_list("framing_bodies.txt"):
            hidden = body.replace("{hidden}", HIDDEN).replace("{size}", f"{len(HIDDEN) + 14:x}")
            hidden = hidden.replace("{method}", "GET").replace("{path}", "/userposts/1")
            lines = head.replace("{n}", str(len(hidden) + 14))
            data = f"POST /signup HTTP/1.1\r\nHost: {{host}}\r\n{lines}\r\n\r\n{hidden}"
            yield Attack(f"{head!r} and {body!r}", data.encode("latin-1"))


async def test_no_request_is_smuggled(
    gateway_ahead: RunningGateway,
    stream_victim: StreamVictim,
    record_property: Callable[[str, object], None],
    sample: Sample,
) -> None:
    """However a body's length is said, no hidden request reaches a protected handler of any reader."""
    attacks = sample(smuggle())
    report(record_property, cases=len(attacks))
    found = await find_successes(gateway_ahead.port, gateway_ahead.host, stream_victim, attacks, PATIENCE)
    assert found == []


async def test_nobody_gets_what_another_smuggled(gateway_ahead: RunningGateway, stream_victim: StreamVictim) -> None:
    """After all of it, ordinary requests over the same connections to the upstream get their own answers."""
    for _ in range(20):
        data = request_for("GET", "/signup").replace(b"{host}", gateway_ahead.host.encode())
        assert PUBLIC_TEXT.encode() in await send_bytes(gateway_ahead.port, data)
    assert stream_victim.entries == []


async def test_the_same_bytes_pass_a_naive_guard(
    stream_victim: StreamVictim, record_property: Callable[[str, object], None]
) -> None:
    """A guard that judges the first request and passes on the bytes lets most hidden requests in."""
    attacks = list(smuggle())[::28]
    async with running_naive_pipe(stream_victim) as port:
        successes = await find_successes(port, f"localhost:{port}", stream_victim, attacks, PATIENCE)
    stream_victim.entries.clear()
    report(record_property, cases=len(attacks), successes=len(successes))
    assert len(successes) > len(attacks) / 4


async def test_the_marker_is_there_for_whoever_signed_in(
    gateway_ahead: RunningGateway, stream_victim: StreamVictim
) -> None:
    """A signed-in caller does get into the handler that is attacked, with a body in chunks too."""
    lines = f"Authorization: Bearer {gateway_ahead.sign_token()}\r\n"
    for framing, body in (
        ("Content-Length: 2\r\n", b"ab"),
        ("Transfer-Encoding: chunked\r\n", b"2\r\nab\r\n0\r\n\r\n"),
    ):
        head = f"POST /userposts/1 HTTP/1.1\r\nHost: {gateway_ahead.host}\r\nConnection: close\r\n{lines}{framing}\r\n"
        assert stream_victim.marker.encode() in await send_bytes(gateway_ahead.port, head.encode() + body)
    stream_victim.entries.clear()
