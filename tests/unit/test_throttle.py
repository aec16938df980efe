"""The guessing limits: how long the next try has to wait."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.throttle import REST, Allowance, Count, Limit, find_site

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LIMIT = Limit(free=5, window=15 * MINUTE, longest_wait=60, most_in_a_row=100)
FRESH = Count(now=NOON, last_at=NOON, since=NOON)


def at(count: Count, seconds: float) -> Count:
    """Return the count as it is so many seconds later."""
    return replace(count, now=count.now + dt.timedelta(seconds=seconds))


def fail_on(limit: Limit | Allowance, times: int, count: Count = FRESH) -> Count:
    """Return the count after so many failures, each as soon as it is let in."""
    for _ in range(times):
        count = limit.add(at(count, limit.find_wait(count)))
    return count


def test_waits_double_after_the_free_failures() -> None:
    """Five failures are free; the tries after them wait 1, 2, 4 seconds and so on, and never more than 60."""
    waits = [LIMIT.find_wait(fail_on(LIMIT, failures)) for failures in range(14)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_wait_passes() -> None:
    """A wait is told in whole seconds, rounded up, and over when it is over."""
    count = fail_on(LIMIT, 7)
    assert [LIMIT.find_wait(at(count, seconds)) for seconds in (0, 0.5, 3.5, 4)] == [4, 4, 1, 0]


def test_failures_are_forgotten_after_the_window() -> None:
    """A quarter of an hour without a failure, and five are free again."""
    count = at(fail_on(LIMIT, 11), 900)
    assert LIMIT.find_wait(count) == 0
    assert LIMIT.find_wait(fail_on(LIMIT, 4, count)) == 0
    assert LIMIT.find_wait(fail_on(LIMIT, 5, count)) == 1


def test_a_hundred_in_a_row_end_it_for_a_day() -> None:
    """However patient somebody is, the 101st try in a row comes a day after the hundredth."""
    count = FRESH
    for _ in range(100):
        count = LIMIT.add(at(count, 1000))
    assert LIMIT.find_wait(at(count, 1000)) == REST.total_seconds() - 1000
    assert LIMIT.find_wait(at(count, REST.total_seconds())) == 0
    assert LIMIT.add(at(count, REST.total_seconds())).in_a_row == 1
    assert replace(LIMIT, most_in_a_row=None).find_wait(at(count, 1000)) == 0


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0, 10**6))
def test_any_count_has_a_bounded_wait(recent: int, in_a_row: int, seconds: int) -> None:
    """Whatever was counted, the wait is bounded and ends."""
    count = at(replace(FRESH, recent=recent, in_a_row=in_a_row), seconds)
    wait = LIMIT.find_wait(count)
    assert 0 <= wait <= REST.total_seconds()
    assert LIMIT.find_wait(at(count, wait)) == 0


def test_an_allowance_begins_anew_with_each_period() -> None:
    """Three uses an hour: the fourth waits for the end of the hour that began with the first."""
    allowance = Allowance(uses=3, period=60 * MINUTE)
    count = at(fail_on(allowance, 3), 600)
    assert allowance.find_wait(count) == 3000
    assert allowance.find_wait(at(count, 3000)) == 0
    assert allowance.add(at(count, 3000)).recent == 1


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
    """An IPv4 address counts alone, however it is written; a /64 of IPv6, which one subscriber has, counts as one."""
    assert find_site(address) == site
