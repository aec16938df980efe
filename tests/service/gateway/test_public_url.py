"""What ``doctor`` makes of a stranger who answers by the public URL."""

import asyncio

from pydantic import SecretStr

from gateway.public_url import LONGEST_SAID, examine_public_url
from gateway.settings import GatewaySettings
from shared.doctor.findings import write_findings
from tests.support.gateway_in_process import SERVICE_SECRET

CHUNK = b"x" * 2**16
MUCH = 2**29  # bytes; far more than what lies in the buffers of a connection
NAME = "\N{ESCAPE}]0;stranger\a" + "long" * 1000


async def test_a_stranger_is_shown_and_not_obeyed() -> None:
    """What it says of itself is cut, and moves no cursor; of its body nothing is waited for."""
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nServer: {NAME}\r\nContent-Length: {MUCH}\r\n\r\n".encode())
        try:
            while sent < MUCH:
                writer.write(CHUNK)
                sent += len(CHUNK)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        findings = await examine_public_url(
            GatewaySettings(
                environment="development",
                nextauth_url=f"http://127.0.0.1:{port}",
                nextauth_secret=SecretStr("a-cookie-key-for-the-gateways-tests-2"),
                service_secret=SecretStr(SERVICE_SECRET),
            )
        )
    (finding,) = findings
    assert "and not by this gateway" in finding.says
    assert len(finding.says) < 2 * LONGEST_SAID
    for is_json in (False, True):
        shown = write_findings("gateway", findings, is_json=is_json)
        assert r"\u001b]0;stranger" in shown
        assert shown.replace("\n", "").isprintable()
    assert sent < MUCH
