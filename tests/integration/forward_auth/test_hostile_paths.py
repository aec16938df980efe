"""Paths that proxy, gateway and application could read differently never reach the application."""

import pytest

from tests.support.people import Person
from tests.support.proxies import Proxy, send_raw
from tests.support.raw_upstream import RawUpstream

HOSTILE = [
    "/%72eports/1",
    "/reports%2f1",
    "/reports%0a",
    "/reports%00",
    "//reports",
    "/./reports",
    "/x/../reports",
    "/signup/../reports",
    "/_gatepost/assets/../../reports",
    "/_gatepost/..%2freports",
    "/_gatepost/%2e%2e/reports",
    "/api/auth/../../reports",
    "/api/auth/..;/reports",
    "/API/AUTH/../../reports",
    "/reports/%2e%2e/1",
    "/reports%5c1",
    "/reports;x=1",
    "/\\reports",
    "/reports%252f1",
    "/reports/%c0%af1",
    "/reports//1",
    "/reports/1#x",
    "/Reports",
    "/reportsx",
    "/api/%72eports/1",
    "/api//reports",
    "/_gatepost",
    "/_gateway/auth/reports",
    "/_gateway/auth?x",
    "*",
]
ORDINARY = ["/reports", "/reports/", "/reports/a%20b", "/reports/%EB%B3%B4%EA%B3%A0%EC%84%9C", "/reports/1?q=%2F&r=a+b"]


@pytest.mark.parametrize("target", HOSTILE)
async def test_a_hostile_path_reaches_nobody(
    proxy: Proxy, application: RawUpstream, public_port: int, ada: Person, target: str
) -> None:
    """A path with a second reading is refused, to callers who are signed in and who are not."""
    for credential in ("", f"\r\nAuthorization: Bearer {ada.token}"):
        answer = await send_raw(public_port, f"GET {target} HTTP/1.1\r\nHost: localhost:{public_port}{credential}")
        assert not answer.startswith(b"HTTP/1.1 2"), proxy
    assert application.received == []


@pytest.mark.parametrize("target", ORDINARY)
async def test_an_ordinary_path_arrives_as_it_was_sent(
    proxy: Proxy, application: RawUpstream, public_port: int, ada: Person, target: str
) -> None:
    """Korean, spaces and queries pass for whoever is signed in, and the application gets the same bytes."""
    head = f"GET {target} HTTP/1.1\r\nHost: localhost:{public_port}\r\nAuthorization: Bearer {ada.token}"
    assert (await send_raw(public_port, head)).startswith(b"HTTP/1.1 200"), proxy
    assert [received.target for received in application.received] == [target]


async def test_a_second_credential_does_not_help(
    proxy: Proxy, application: RawUpstream, public_port: int, ada: Person
) -> None:
    """Two Authorization headers are nobody's, and two Hosts no site's."""
    token, host = f"Authorization: Bearer {ada.token}", f"Host: localhost:{public_port}"
    two_tokens = await send_raw(public_port, f"GET /api/reports HTTP/1.1\r\n{host}\r\n{token}\r\nAuthorization: x")
    two_hosts = await send_raw(public_port, f"GET /api/reports HTTP/1.1\r\n{host}\r\nHost: x\r\n{token}")
    assert two_tokens.split()[1] in {b"400", b"401", b"403"}, proxy
    assert two_hosts.split()[1] in {b"400", b"403"}
    assert application.received == []
