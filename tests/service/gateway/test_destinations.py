"""A method that leads from one path to another, such as MOVE, is guarded at both."""

from pathlib import Path

import pytest

from tests.support.gateway_in_process import RunningGateway, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream

RULES = """
[[rule]]
matcher = ["/dav/staff/:path*"]
methods = ["GET", "PUT", "MOVE", "COPY"]
access = "protected"
upstream = "posts"
role = "staff"
paths = "raw"

[[rule]]
matcher = ["/dav/:path*"]
methods = ["GET", "PUT", "MOVE", "COPY"]
access = "protected"
upstream = "posts"
paths = "encoded"

[[rule]]
matcher = ["/notes/:path*"]
methods = ["GET", "PUT", "MOVE", "COPY"]
access = "protected"
upstream = "posts"
strip = "/notes"
paths = "raw"
"""
ELSEWHERE = [
    "/dav/staff/b",
    "http://{host}/dav/staff/b",
    "HTTP://{host}/dav/staff/b?x",
    "/dav/x/../staff/b",
    "/dav/%73taff/b",
    "/dav/staff%2Fb",
    "/dav/x%2F..%2Fstaff/b",
    "/dav//staff/b",
    "//{host}/dav/staff/b",
    "/dav/staff%3Bx/b",
    "/metrics",
    "/nowhere/b",
    "http://evil.example/dav/b",
    "http://me@{host}/dav/b",
    "http://{host}@evil.example/dav/b",
    "ftp://{host}/dav/b",
    "http://{host}",
    "http:/dav/b",
    "dav/b",
    "*",
    "",
    "/dav/b\r\nDestination: /dav/staff/b",
]


@pytest.fixture
def rules(rules: Path) -> Path:
    """Give the policy file with rules for WebDAV."""
    rules.write_text(rules.read_text() + RULES)
    return rules


async def move(gateway: RunningGateway, destination: str, method: str = "MOVE", path: str = "/dav/a") -> int:
    """Return the status of the answer to somebody who is no staff."""
    said = destination.replace("{host}", gateway.host)
    lines = f"{method} {path} HTTP/1.1\r\nAuthorization: Bearer {gateway.sign_token()}\r\nDestination: {said}"
    return status_of(await gateway.send_head(lines))


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
@pytest.mark.parametrize("destination", ELSEWHERE)
async def test_what_leads_elsewhere_is_refused(
    gateway: RunningGateway, posts: RawUpstream, destination: str, method: str
) -> None:
    """Who may not write to a path writes nothing there by its name in a header, however that is spelled."""
    assert await move(gateway, destination, method) == 400
    assert posts.received == []


@pytest.mark.parametrize("destination", ["/dav/b", "http://{host}/dav/b%20c", "https://{host}/dav/", "/dav/b%23[1]"])
async def test_what_stays_passes(gateway: RunningGateway, posts: RawUpstream, destination: str) -> None:
    """Where the same rule decides about both, both arrive as they were sent."""
    assert await move(gateway, destination) == 200
    assert posts.received.pop().values("destination") == [destination.replace("{host}", gateway.host)]


STRIPPED = {
    "/notes/b": "/b",
    "/notes": "/",
    "http://{host}/notes/b%20c?x": "http://{host}/b%20c?x",
    "http://{host}/notes/notes/b": "http://{host}/notes/b",
}


@pytest.mark.parametrize("destination", STRIPPED)
async def test_a_prefix_is_taken_off_both(gateway: RunningGateway, posts: RawUpstream, destination: str) -> None:
    """A service that does not know of a prefix hears of it neither in the path nor in the header."""
    assert await move(gateway, destination, path="/notes/a") == 200
    request = posts.received.pop()
    assert request.target == "/a"
    assert request.values("destination") == [STRIPPED[destination].replace("{host}", gateway.host)]


@pytest.mark.parametrize(
    "destination", ["/%6Eotes/b", "/dav/b", "/notesb", "/b", "/notes//x/b", "/notes/%2Fx/b", "http://{host}/notes//x/b"]
)
async def test_what_has_not_the_prefix_is_refused(
    gateway: RunningGateway, posts: RawUpstream, destination: str
) -> None:
    """Where the prefix can't be taken off, nothing arrives."""
    assert await move(gateway, destination, path="/notes/a") == 400
    assert posts.received == []


async def test_usual_methods_lead_nowhere_else(gateway: RunningGateway, posts: RawUpstream) -> None:
    """There the header is an application's own, and means what it likes."""
    assert await move(gateway, "Seoul", "PUT") == 200
    assert posts.received.pop().values("destination") == ["Seoul"]


async def test_forward_auth_guards_both(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another proxy gets the same decision."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules) as gateway, gateway.client() as client:
        said = {"x-forwarded-method": "MOVE", "x-forwarded-uri": "/dav/a", "x-forwarded-host": gateway.host}
        said["authorization"] = f"Bearer {gateway.sign_token()}"
        for destination, status in (("/dav/b", 200), ("/dav/staff/b", 400)):
            answer = await client.get("/_gateway/auth", headers=said | {"destination": destination})
            assert answer.status_code == status
