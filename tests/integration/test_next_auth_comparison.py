"""Gatepost beside next-auth itself, 4.24 and 5: the same requests to both, and every difference has its reason.

Both believe in the same public URL, http and https, and know the same people. ``docs/next-auth.md`` shows the result.
"""

import contextlib
from collections.abc import Iterator

import httpx2
import pytest

from shared.tokens.protocol import PROTOCOLS, Version
from tests.support.next_auth_package import FOLDER, name_settings
from tests.support.node import install_packages, running_program
from tests.support.people import PASSWORD
from tests.support.protocol_cases import list_cases
from tests.support.protocol_servers import ProtocolServer
from tests.support.protocol_table import Comparison, check_page, list_needless, list_unexplained
from tests.support.running_stack import ROOT, started_stack

HTTP_URL, HTTPS_URL = "http://localhost:3000", "https://gatepost.example"
PAGE = ROOT / "docs" / "next-auth.md"
ADA = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
PROGRAMS = {"4": "reference_server.mjs", "5": "reference_server_5.mjs"}


@contextlib.contextmanager
def running_servers(version: Version, public_url: str) -> Iterator[tuple[ProtocolServer, ProtocolServer]]:
    """Give next-auth's server and ours, both with Ada."""
    install_packages(FOLDER)
    ours = {"NEXTAUTH_PROTOCOL": version, "NEXTAUTH_URL": public_url, "TRUSTED_PROXIES": "127.0.0.1,::1"}
    with started_stack(ours) as stack:
        assert httpx2.post(f"{stack.gateway}/api/user", json=ADA, timeout=30).status_code == 201
        settings = {**name_settings(public_url), "GATEWAY_URL": stack.gateway, "NODE_ENV": "production"}
        with running_program(FOLDER / PROGRAMS[version], settings) as program:
            their_url = f"http://127.0.0.1:{program.ask('port')}"
            yield (
                ProtocolServer(their_url, public_url, ADA["email"], PROTOCOLS[version]),
                ProtocolServer(stack.gateway, public_url, ADA["email"], PROTOCOLS[version]),
            )


@pytest.fixture(
    scope="module",
    params=[("4", HTTP_URL), ("4", HTTPS_URL), ("5", HTTP_URL), ("5", HTTPS_URL)],
    ids=["4-http", "4-https", "5-http", "5-https"],
)
def comparisons(request: pytest.FixtureRequest) -> list[Comparison]:
    """Give both answers to every request."""
    version, public_url = request.param
    with running_servers(version, public_url) as (theirs, ours):
        return [Comparison(case, theirs.ask(case), ours.ask(case), version) for case in list_cases(version)]


def test_every_difference_has_its_reason(comparisons: list[Comparison]) -> None:
    """Gatepost answers as next-auth does, but for differences that are listed with the reason why."""
    assert list_unexplained(comparisons) == []


def test_every_reason_is_needed(comparisons: list[Comparison]) -> None:
    """No reason is listed for a difference that there is not."""
    assert list_needless(comparisons) == []


@pytest.mark.parametrize("comparisons", [("4", HTTP_URL), ("5", HTTP_URL)], ids=["4-http", "5-http"], indirect=True)
def test_the_page_shows_the_answers(comparisons: list[Comparison], pytestconfig: pytest.Config) -> None:
    """``docs/next-auth.md`` shows exactly what the two servers answered."""
    check_page(PAGE, comparisons, is_written=pytestconfig.getoption("write_tables"))
