"""Gatepost beside next-auth 4.24 itself: the same requests to both, and every difference has its reason.

Both believe in the same public URL, http and https, and know the same people. ``docs/next-auth.md`` shows the result.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest

from shared.settings import SAMPLE_SECRETS
from tests.support.next_auth_package import FOLDER
from tests.support.node import install_packages, running_program
from tests.support.people import PASSWORD
from tests.support.protocol_cases import list_cases
from tests.support.protocol_differences import REASONS, find_reason
from tests.support.protocol_servers import ProtocolServer
from tests.support.protocol_table import BEGIN, Comparison, render_table, replace_table
from tests.support.running_stack import ROOT, started_stack

HTTP_URL, HTTPS_URL = "http://localhost:3000", "https://gatepost.example"
PAGE = ROOT / "docs" / "next-auth.md"
ADA = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}


@contextlib.contextmanager
def running_servers(public_url: str) -> Iterator[tuple[ProtocolServer, ProtocolServer]]:
    """Give next-auth's server and ours, both with Ada."""
    install_packages(FOLDER)
    with started_stack({"NEXTAUTH_URL": public_url, "TRUSTED_PROXIES": "127.0.0.1,::1"}) as stack:
        assert httpx2.post(f"{stack.gateway}/api/user", json=ADA).status_code == 201
        settings = {
            "NEXTAUTH_URL": public_url,
            "NEXTAUTH_SECRET": SAMPLE_SECRETS["NEXTAUTH_SECRET"],
            "GATEWAY_URL": stack.gateway,
            "NODE_ENV": "production",
        }
        with running_program(FOLDER / "reference_server.mjs", settings) as program:
            their_url = f"http://127.0.0.1:{program.ask('port')}"
            yield (
                ProtocolServer(their_url, public_url, ADA["email"]),
                ProtocolServer(stack.gateway, public_url, ADA["email"]),
            )


@pytest.fixture(scope="module", params=[HTTP_URL, HTTPS_URL], ids=["http", "https"])
def comparisons(request: pytest.FixtureRequest) -> list[Comparison]:
    """Give both answers to every request."""
    with running_servers(request.param) as (theirs, ours):
        return [Comparison(case, theirs.ask(case), ours.ask(case)) for case in list_cases()]


def test_every_difference_has_its_reason(comparisons: list[Comparison]) -> None:
    """Gatepost answers as next-auth does, but for differences that are listed with the reason why."""
    unexplained = [
        (each.case.name, difference)
        for each in comparisons
        for difference in each.differences
        if find_reason(each.case.name, difference) is None
    ]
    assert unexplained == []


def test_every_reason_is_needed(comparisons: list[Comparison]) -> None:
    """No reason is listed for a difference that there is not."""
    found = Counter(find_reason(each.case.name, one) for each in comparisons for one in each.differences)
    assert [reason.letter for reason in REASONS if reason not in found] == []


@pytest.mark.parametrize("comparisons", [HTTP_URL], ids=["http"], indirect=True)
def test_the_page_shows_the_answers(comparisons: list[Comparison], pytestconfig: pytest.Config) -> None:
    """``docs/next-auth.md`` shows exactly what the two servers answered."""
    table = render_table(comparisons)
    page = PAGE.read_text()
    assert BEGIN in page
    if pytestconfig.getoption("write_tables"):
        PAGE.write_text(replace_table(page, table))
    else:
        assert replace_table(page, table) == page
