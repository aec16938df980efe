"""Where a request comes from, as limits and queues see it."""

import pytest

from auth_service.clients import get_site


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        (None, "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str | None, site: str) -> None:
    """An IPv4 address counts by itself, however it is written; a /64 of IPv6, which is one subscriber's, as one."""
    assert get_site(address) == site
