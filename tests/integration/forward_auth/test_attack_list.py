"""The lists of attacks that are tried on the gateway, tried on each proxy that asks it."""

import asyncio
from collections.abc import Callable

from tests.support.attacks import read_list, report, send_bytes
from tests.support.path_attacks import encode_each_character, write_whole_targets
from tests.support.people import Person
from tests.support.proxies import Proxy
from tests.support.raw_upstream import RawUpstream
from tests.support.victim import INTRUDER

AIMS = [("GET", "/reports/1"), ("GET", "/api/reports/1"), ("POST", "/api/reports")]
AT_ONCE = 16
INERT = {"x", "cookie"}
"""Where forged words may stand: in a header that nobody believes, and in cookies that under http are not NextAuth's."""


def list_forgeries(host: str, lines: str = "") -> list[bytes]:
    """Return a request with each forged header, with these lines beside."""
    requests = []
    for template in read_list("headers.txt"):
        for method, path in AIMS:
            forged = template.replace("{path}", path).replace("{method}", method)
            forged = forged.replace("{intruder}", INTRUDER).replace("{host}", host)
            head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: 0\r\n{forged}"
            requests.append(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    return requests


async def send_all(port: int, requests: list[bytes]) -> None:
    """Send all attacks, some at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def send(data: bytes) -> None:
        async with places:
            await send_bytes(port, data)

    await asyncio.gather(*map(send, requests))


async def test_no_spelling_of_a_path_passes(
    proxy: Proxy, application: RawUpstream, public_port: int, record_property: Callable[[str, object], None]
) -> None:
    """However a protected path is written, an anonymous caller does not reach the application."""
    host = proxy.url.removeprefix("http://").encode()
    attacks = [each.data.replace(b"{host}", host) for each in (*encode_each_character(), *write_whole_targets())]
    report(record_property, cases=len(attacks))
    await send_all(public_port, attacks)
    assert [received.target for received in application.received] == []


async def test_no_forged_header_opens_anything(
    proxy: Proxy, application: RawUpstream, public_port: int, record_property: Callable[[str, object], None]
) -> None:
    """With any of the listed headers an anonymous caller does not reach the application."""
    attacks = list_forgeries(proxy.url.removeprefix("http://"))
    report(record_property, cases=len(attacks))
    await send_all(public_port, attacks)
    assert application.received == []


async def test_no_forged_header_reaches_the_application(
    proxy: Proxy,
    application: RawUpstream,
    public_port: int,
    ada: Person,
    record_property: Callable[[str, object], None],
) -> None:
    """Nor does any of them arrive beside a valid token: whoever is signed in stays who they are."""
    attacks = list_forgeries(proxy.url.removeprefix("http://"), f"Authorization: Bearer {ada.token}\r\n")
    await send_all(public_port, attacks)
    report(record_property, cases=len(attacks), arrived=len(application.received))
    believed = {
        (name, value)
        for received in application.received
        for name, value in received.headers
        if INTRUDER in value and name.lower() not in INERT
    }
    assert believed == set()
    assert {(*received.values("authorization"),) for received in application.received} == {(f"Bearer {ada.token}",)}
    assert {path for received in application.received if (path := received.target)} <= {path for _, path in AIMS}
