"""Header spoofing: nothing that a client says about itself, its path or its method is believed behind the gateway."""

from collections.abc import Callable

import pytest

from tests.support.attacks import Attack, Sample, find_successes, read_list, report, request_for
from tests.support.gateway_in_process import RunningGateway
from tests.support.victim import INTRUDER, Victim

OPENINGS = [("GET", "/"), ("GET", "/api/posts"), ("GET", "/api/posts/1"), ("POST", "/signup"), ("GET", "/userposts/1")]
AIMS = [("GET", "/userposts/1"), ("GET", "/api/user/1"), ("POST", "/api/posts"), ("DELETE", "/api/posts/1")]

FOREIGN = [
    "",
    "Origin: https://evil.example\r\n",
    "Origin: null\r\n",
    "Origin: {host}\r\n",
    "Origin: http://{host}.evil.example\r\n",
    "Origin: http://{host}@evil.example\r\n",
    "Origin: http://evil.example/http://{host}\r\n",
    "Origin: http://{host}/\r\n",
    "Origin: https://{host}\r\n",
    "Origin: http://{host}, http://evil.example\r\n",
    "Origin: http://{host}\r\nOrigin: http://evil.example\r\n",
    "Origin: http://evil.example\r\nOrigin: http://{host}\r\n",
    "Origin: http://{host}\r\nOrigin: http://{host}\r\n",
    "Origin: http://localhost\r\n",
    "Origin: http://LOCALHOST.evil.example\r\n",
    "Referer: http://{host}/\r\n",
    "Sec-Fetch-Site: cross-site\r\n",
    "Sec-Fetch-Site: same-site\r\n",
    "Sec-Fetch-Site: cross-site\r\nOrigin: http://{host}\r\n",
    "Sec-Fetch-Site: same-site\r\nOrigin: http://{host}\r\n",
    "Sec-Fetch-Site: same-origin, cross-site\r\n",
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin\r\n",
    "Sec-Fetch-Site: SAME-ORIGIN\r\n",
    "Sec-Fetch-Site: same-originx\r\n",
    "Sec-Fetch-Site:\r\nOrigin: http://{host}\r\n",
    "Sec_Fetch_Site: same-origin\r\n",
    "X-Forwarded-Host: evil.example\r\nOrigin: http://evil.example\r\n",
    "Forwarded: host=evil.example\r\nOrigin: http://evil.example\r\n",
]
"""What a request of another site may say for itself, with the cookie that the browser adds."""

WRITES = [("POST", "/userposts/new"), ("POST", "/api/posts"), ("DELETE", "/api/posts/1"), ("PATCH", "/api/posts/1")]


def spoofs() -> list[Attack]:
    """Return every case of the list, on its way to each opening."""
    found = {}
    for template in read_list("headers.txt"):
        for opening, target in OPENINGS:
            for method, path in AIMS:
                lines = template.replace("{path}", path).replace("{method}", method).replace("{intruder}", INTRUDER)
                found[f"{opening} {target} {lines!r}"] = request_for(opening, target, lines + "\r\n")
    return [Attack(name, data) for name, data in found.items()]


async def test_no_header_is_believed(
    gateway: RunningGateway, victim: Victim, record_property: Callable[[str, object], None]
) -> None:
    """With any of the listed headers an anonymous caller enters nothing protected and stays nobody."""
    attacks = spoofs()
    report(record_property, cases=len(attacks))
    assert await find_successes(gateway.port, gateway.host, victim, attacks) == []


async def test_the_same_headers_pass_a_naive_guard(
    naive_port: int, victim: Victim, record_property: Callable[[str, object], None], sample: Sample
) -> None:
    """A guard that passes on what came is bypassed by many of them."""
    attacks = sample(spoofs())
    successes = await find_successes(naive_port, f"localhost:{naive_port}", victim, attacks)
    report(record_property, cases=len(attacks), successes=len(successes))
    assert len(successes) > len(attacks) / 4


async def test_no_other_site_writes_with_the_cookie(
    gateway: RunningGateway, victim: Victim, record_property: Callable[[str, object], None]
) -> None:
    """A browser's session cookie opens nothing that changes something for a request of another site."""
    cookie = f"Cookie: {gateway.seal_session()}\r\n"
    attacks = [
        Attack(f"{method} {path} {lines!r}", request_for(method, path, cookie + lines))
        for lines in FOREIGN
        for method, path in WRITES
    ]
    report(record_property, cases=len(attacks))
    assert await find_successes(gateway.port, gateway.host, victim, attacks) == []


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_our_own_site_writes_with_the_cookie(
    gateway: RunningGateway, victim: Victim, method: str, path: str
) -> None:
    """The same requests from a page of ours do pass."""
    lines = f"Cookie: {gateway.seal_session()}\r\nOrigin: {gateway.url}\r\n"
    own = Attack("own", request_for(method, path, lines))
    assert await find_successes(gateway.port, gateway.host, victim, [own]) == ["own"]
