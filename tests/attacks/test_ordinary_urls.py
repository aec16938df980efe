"""What the refusals cost: nothing. A signed-in caller's ordinary addresses arrive, and mean what they meant."""

from collections.abc import Callable
from urllib.parse import unquote

from tests.support.attacks import read_list, report, request_for, send_bytes
from tests.support.gateway_in_process import RunningGateway, status_of
from tests.support.victim import Victim

LONG = [
    f"/userposts/{'a' * 2000}",
    f"/userposts{'/ab' * 600}",
    f"/userposts/{'%ED%95%9C' * 200}",
    f"/userposts?q={'a' * 8000}",
]
NOT_IN_PATHS = ["/userposts/[1]", "/userposts/a|b", "/userposts/a^b"]


async def test_ordinary_addresses_arrive(
    gateway: RunningGateway, victim: Victim, record_property: Callable[[str, object], None]
) -> None:
    """Korean, spaces, signs, long paths and any query reach the handler, the path decoded once, the query as sent."""
    addresses = [*read_list("ordinary_urls.txt"), *LONG]
    report(record_property, cases=len(addresses))
    lost = []
    for address in addresses:
        victim.decoded.clear()
        data = request_for("GET", address, f"Authorization: Bearer {gateway.sign_token()}\r\n")
        answer = await send_bytes(gateway.port, data.replace(b"{host}", gateway.host.encode()))
        path, _, query = address.partition("?")
        if victim.marker.encode() not in answer or victim.decoded != [(unquote(path), query.encode())]:
            lost.append((address, victim.decoded, answer[:40]))
    assert lost == []


async def test_signs_that_no_path_may_hold(gateway: RunningGateway) -> None:
    """A bracket, bar or caret gets 400 unless it is encoded (RFC 3986, 3.3), though some browsers send it as it is."""
    for address in NOT_IN_PATHS:
        data = request_for("GET", address, f"Authorization: Bearer {gateway.sign_token()}\r\n")
        assert status_of(await send_bytes(gateway.port, data.replace(b"{host}", gateway.host.encode()))) == 400
