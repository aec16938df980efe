"""What reaches an application behind a real proxy: all that is ordinary, and who calls by the gateway's word alone."""

from collections.abc import Callable

import httpx2
import pytest

from gateway.messages.headers import _CLAIMS
from tests.support.next_auth import sign_in
from tests.support.people import Person
from tests.support.proxies import CONFIGURATIONS
from tests.support.raw_upstream import RawUpstream, Received

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
ORDINARY = {
    "Accept-Language": "ko",
    "Cache-Control": "no-cache",
    "Content-Type": "application/merge-patch+json",
    "Depth": "1",
    "Destination": "/reports/2",
    "DNT": "1",
    "HX-Request": "true",
    "HX-Target": "list",
    "Idempotency-Key": "8e03978e",
    "If-Match": '"a"',
    "If-None-Match": '"b"',
    "Last-Event-ID": "42",
    "Lock-Token": "<opaquelocktoken:1>",
    "Origin": "http://localhost",
    "Prefer": "return=minimal",
    "Priority": "u=1",
    "Range": "bytes=0-9",
    "Referer": "http://localhost/reports",
    "Sec-Fetch-Dest": "empty",
    "Service-Worker": "script",
    "Sec-CH-UA": '"Chromium";v="140"',
    "Turbo-Frame": "list",
    "User-Agent": "a browser",
    "X-Amz-Date": "20260101T000000Z",
    "X-Api-Key": "the application's own",
    "X-CSRFToken": "a1b2",
    "X-Inertia": "true",
    "X-Requested-With": "XMLHttpRequest",
    "X-Socket-Id": "1.2",
    "X-XSRF-TOKEN": "c3d4",
}
NAMED = ("Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups")
MEGABYTE = 1_000_000


async def test_ordinary_headers_arrive_as_they_were_sent(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """What browsers, scripts and frameworks send reaches the application unchanged, each once."""
    assert (await client.get("/api/reports/1", headers=ORDINARY | ada.bearer)).status_code == 200
    (received,) = application.received
    assert {name: received.values(name.lower()) for name in ORDINARY} == {
        name: [value] for name, value in ORDINARY.items()
    }


@pytest.mark.parametrize("size", [2 * MEGABYTE, 20 * MEGABYTE])
async def test_a_body_is_as_large_as_the_application_takes(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, size: int
) -> None:
    """A large upload arrives whole, and its size is the application's business; an anonymous one reaches nobody."""
    arrived: list[int] = []
    application.script, usual = _measure(arrived), application.script
    try:
        answer = await client.post("/api/reports", content=b"x" * size, headers=ada.bearer)
    finally:
        application.script = usual
    assert (answer.status_code, arrived) == (200, [size])


def _measure(arrived: list[int]) -> Callable[[Received], object]:
    async def take(request: Received) -> None:
        arrived.append(len(await request.read_body()))
        await request.answer(b"taken")

    return take


async def test_an_offer_of_http_2_is_ignored(client: httpx2.AsyncClient, application: RawUpstream, ada: Person) -> None:
    """Java's own client offers HTTP/2 beside each request over plain HTTP: its body arrives, and the offer does not."""
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
    arrived: list[int] = []
    application.script, usual = _measure(arrived), application.script
    try:
        answer = await client.post("/api/reports", content=b"a body", headers=ada.bearer | offer)
    finally:
        application.script = usual
    assert (answer.status_code, arrived) == (200, [6])
    assert [received.values("upgrade") + received.values("http2-settings") for received in application.received] == [[]]


async def test_the_assets_below_assets_are_the_applications(
    client: httpx2.AsyncClient, application: RawUpstream
) -> None:
    """``/assets/`` belongs to the application; what our pages look like is elsewhere."""
    assert (await client.get("/assets/application.css")).status_code == 200
    assert [received.target for received in application.received] == ["/assets/application.css"]


async def test_the_application_learns_who_calls_by_header(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person
) -> None:
    """A rule with ``identity`` names the caller, in place of whatever the client sent by these names."""
    await sign_in(client, ada.email)
    forged = dict.fromkeys(NAMED, "forged")
    assert (await client.get("/reports", headers=NAVIGATION | forged)).status_code == 200
    (received,) = application.received
    assert received.values("remote-user") == [str(ada.id)]
    assert received.values("remote-name") == [ada.name]
    assert received.values("remote-groups") == ["staff"]
    assert received.values("remote-email") in ([], [""])  # until an address is proven


@pytest.mark.parametrize("path", ["/news/1", "/api/reports/1"])
async def test_a_rule_without_identity_names_nobody(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, path: str
) -> None:
    """Where the rule names nobody, no copy of the client's arrives, either."""
    forged = dict.fromkeys(NAMED, "forged")
    assert (await client.get(path, headers=ada.bearer | forged)).status_code == 200
    (received,) = application.received
    for name in NAMED:
        assert received.values(name.lower()) in ([], [""])


@pytest.mark.parametrize("name", ["X-User-Nickname", "X-Remote-Shell", "Remote-Anything", "X-Forwarded-Anything"])
async def test_a_claim_that_nobody_thought_of_does_not_arrive(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, name: str
) -> None:
    """A header that begins as those do by which others say who calls is dropped by the proxy, or gets no yes."""
    answer = await client.get("/api/reports/1", headers=ada.bearer | {name: "forged"})
    assert answer.status_code in {200, 403}
    assert [received.values(name.lower()) for received in application.received] in ([], [[]])


async def test_each_host_has_its_application(
    client: httpx2.AsyncClient, application: RawUpstream, wiki: RawUpstream, ada: Person, public_port: int
) -> None:
    """One proxy, one gateway and one policy are ahead of several applications, which share nothing."""
    host = {"Host": f"wiki.localhost:{public_port}"}
    assert (await client.get("/api/reports/1", headers=host)).status_code == 401
    assert wiki.received == []
    assert (await client.get("/api/reports/1", headers=ada.bearer | host)).status_code == 200
    assert (len(wiki.received), len(application.received)) == (1, 0)
    assert (await client.get("/api/reports/1", headers=ada.bearer)).status_code == 200
    assert (len(wiki.received), len(application.received)) == (1, 1)


def test_nginx_drops_what_is_known_by_name() -> None:
    """Each name that the gateway drops by itself, not by its beginning, stands in nginx's list."""
    listed = (CONFIGURATIONS / "gatepost-headers.conf").read_text().lower()
    assert [name for name in _CLAIMS if f'proxy_set_header {name.decode()} "";' not in listed] == []
