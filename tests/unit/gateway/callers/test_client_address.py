"""A client's address: the peer's own, unless a trusted proxy names another."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.client_address import choose_client

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("fd00::1", ["2001:DB8::1"], "2001:db8::1"),
        ("fd00::1", ["fe80::1%eth0"], "fd00::1"),
        ("10.0.0.1", ["203.0.113.7:51234"], "203.0.113.7"),
        ("10.0.0.1", ['"203.0.113.7:51234"', "10.0.0.2:80"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", ['"[2001:db8::7]:51234"'], "2001:db8::7"),
        ("10.0.0.1", ['"2001:db8::7"'], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7:x"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7:511111"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::7"], "10.0.0.1"),
        ("10.0.0.1", ["[fe80::1%eth0]:80"], "10.0.0.1"),
        ("10.0.0.1", ['"203.0.113.7'], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["_hidden:80"], "10.0.0.1"),
    ],
)
def test_who_is_believed(peer: str, said: list[str], client: str) -> None:
    """Only a trusted peer is believed, and only what trusted proxies wrote."""
    headers = [(b"x-forwarded-for", line.encode()) for line in said]
    assert choose_client(peer, headers, TRUSTED) == client
    assert choose_client(peer, headers, ()) == peer


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_end_as_an_address(lines: list[bytes]) -> None:
    """Whatever a trusted proxy passes on, an address comes out."""
    ipaddress.ip_address(choose_client("10.0.0.1", [(b"x-forwarded-for", line) for line in lines], TRUSTED))
