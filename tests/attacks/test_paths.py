"""Path confusions: no way to write a path gets an anonymous caller into a protected handler."""

from collections.abc import Callable

import pytest

from tests.support.attacks import Sample, find_successes, report, request_for, send_bytes
from tests.support.gateway_in_process import RunningGateway
from tests.support.path_attacks import AIMS, FAMILIES
from tests.support.victim import Victim

Record = Callable[[str, object], None]


@pytest.mark.parametrize("family", FAMILIES)
async def test_no_spelling_of_a_path_passes(
    gateway: RunningGateway, victim: Victim, family: str, record_property: Record, sample: Sample
) -> None:
    """However a protected path is written, its handler is not entered and its marker is not told."""
    attacks = sample(FAMILIES[family]())
    report(record_property, cases=len(attacks))
    assert await find_successes(gateway.port, gateway.host, victim, attacks) == []


@pytest.mark.parametrize("family", FAMILIES)
async def test_the_same_attacks_pass_a_naive_guard(
    naive_port: int, victim: Victim, family: str, record_property: Record, sample: Sample
) -> None:
    """A regular expression on the raw path is bypassed by many such bytes: these attacks are real."""
    attacks = sample(FAMILIES[family]())
    successes = await find_successes(naive_port, f"localhost:{naive_port}", victim, attacks)
    report(record_property, cases=len(attacks), successes=len(successes))
    assert len(successes) > len(attacks) / 10


@pytest.mark.parametrize("target", ["/%75serposts/1", "/userposts%2f1", "/userposts%0a"])
async def test_the_three_classics_pass_a_naive_guard(naive_port: int, victim: Victim, target: str) -> None:
    """An encoded letter, an encoded slash and an encoded newline each lead past the naive guard to the marker."""
    data = request_for("GET", target).replace(b"{host}", b"localhost")
    assert victim.marker.encode() in await send_bytes(naive_port, data)


async def test_the_marker_is_there_for_whoever_signed_in(gateway: RunningGateway, victim: Victim) -> None:
    """A signed-in caller does get into every handler that is attacked: the marker's absence means something."""
    for method, path in AIMS:
        before = len(victim.entries)
        lines = f"Authorization: Bearer {gateway.sign_token()}\r\n"
        data = request_for(method, path, lines).replace(b"{host}", gateway.host.encode())
        assert victim.marker.encode() in await send_bytes(gateway.port, data)
        assert len(victim.entries) == before + 1
