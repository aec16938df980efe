"""The guessing limits: which counts apply to a try, and how long the next one has to wait."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.guessing.rules import (
    KEPT_FOR,
    LOCKOUT,
    LONG_WAIT,
    PENDING_FOR,
    Allowance,
    Cap,
    Count,
    Limit,
    LimitName,
    Limits,
    Rule,
    SignInKeys,
    find_refusal,
    hold_sign_in,
)

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
LIMIT = Limit(free=5, window=15 * MINUTE, longest_wait=60, most_in_a_row=20)
CAP = Cap(most=100)
FRESH = Count(now=NOON, last_at=NOON, since=NOON)


def at(count: Count, seconds: float) -> Count:
    """Return the count as it is that many seconds later."""
    return replace(count, now=count.now + dt.timedelta(seconds=seconds))


def fail_on(rule: Rule, times: int, count: Count = FRESH, pause: float = 0) -> Count:
    """Return the count after that many failures, each as soon as it is let in after a pause."""
    for _ in range(times):
        count = at(count, pause)
        count = rule.add(at(count, rule.get_wait(count))).fail()
    return count


def test_waits_double_after_the_free_failures() -> None:
    """Five failures are free; the tries after them wait 1, 2, 4 seconds and so on, and never more than 60."""
    waits = [LIMIT.get_wait(fail_on(LIMIT, failures)) for failures in range(14)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_tightened_limit_has_one_free_failure() -> None:
    """From an address that failed too often, even the second try waits; without a failure none does."""
    tight = LIMIT.tighten()
    assert [tight.get_wait(fail_on(LIMIT, failures)) for failures in range(5)] == [0, 1, 2, 4, 8]


def test_a_wait_passes() -> None:
    """A wait is given in whole seconds, rounded up, and is over after that."""
    count = fail_on(LIMIT, 7)
    assert [LIMIT.get_wait(at(count, seconds)) for seconds in (0, 0.5, 3.5, 4)] == [4, 4, 1, 0]


def test_failures_are_forgotten_after_the_window() -> None:
    """After a quarter of an hour without a failure, five are free again."""
    count = at(fail_on(LIMIT, 11), 900)
    assert LIMIT.get_wait(count) == 0
    assert LIMIT.get_wait(fail_on(LIMIT, 4, count)) == 0
    assert LIMIT.get_wait(fail_on(LIMIT, 5, count)) == 1


def test_after_twenty_in_a_row_there_is_one_an_hour() -> None:
    """However patient somebody is at one address, the 21st failure in a row and each one after it take an hour."""
    count = fail_on(LIMIT, 20, pause=1000)
    assert LIMIT.get_wait(count) == LONG_WAIT.total_seconds()
    assert LIMIT.get_wait(fail_on(LIMIT, 1, count)) == LONG_WAIT.total_seconds()
    assert LIMIT.get_wait(at(count, LOCKOUT.total_seconds())) == 0
    assert LIMIT.add(at(count, LOCKOUT.total_seconds())).fail().in_a_row == 1


def test_a_hundred_in_a_row_close_an_account_for_a_day() -> None:
    """The 101st try in a row from anywhere has to wait for a day after the hundredth; ninety-nine close nothing."""
    assert CAP.get_wait(fail_on(CAP, 99)) == 0
    count = fail_on(CAP, 100)
    assert CAP.get_wait(at(count, 1000)) == LOCKOUT.total_seconds() - 1000
    assert CAP.get_wait(at(count, LOCKOUT.total_seconds())) == 0
    assert CAP.add(at(count, LOCKOUT.total_seconds())).fail().in_a_row == 1


@pytest.mark.parametrize(("addresses", "is_closed"), [(1, False), (2, False), (6, True)])
def test_one_address_alone_never_closes_an_account(addresses: int, *, is_closed: bool) -> None:
    """However one address tries for three days, as often as it may, the account stays open to others; six close it."""
    account, here = FRESH, [FRESH] * addresses
    tries = 0
    for _ in range(3 * 24 * 60):
        for number, count in enumerate(here):
            count = replace(count, now=account.now)  # noqa: PLW2901 - the same count a minute later
            if LIMIT.get_wait(count) == 0 and CAP.get_wait(account) == 0:
                here[number], account = LIMIT.add(count).fail(), CAP.add(account).fail()
                tries += 1
        account = at(account, 60)
    assert (account.in_a_row >= CAP.most) is is_closed
    assert tries <= min(addresses * (20 + 3 * 24 + 1), 100 * 3 + 100)


@pytest.mark.parametrize(
    ("offsets", "is_closed"), [((0, 14, 28), False), ((0, 14, 28, 42), False), ((0, 12, 24, 36, 48), True)]
)
def test_failures_drain_evenly_whenever_they_come(offsets: tuple[int, ...], *, is_closed: bool) -> None:
    """However four addresses space their tries over a week, the account stays open to others; five close it."""
    account, here, most = FRESH, [FRESH] * len(offsets), 0
    for minute in range(7 * 24 * 60):
        for number, offset in enumerate(offsets):
            count = replace(here[number], now=account.now)
            if minute >= offset and LIMIT.get_wait(count) == 0 and CAP.get_wait(account) == 0:
                here[number], account = LIMIT.add(count).fail(), CAP.add(account).fail()
                most = max(most, account.in_a_row)
        account = at(account, 60)
    assert (most >= CAP.most) is is_closed


def test_pending_tries_are_hoped_to_succeed() -> None:
    """A try kept out only by pending ones would be let in if they succeeded; after ten seconds they have failed."""
    count = fail_on(LIMIT, 3)
    for _ in range(2):
        count = LIMIT.add(count)
    assert (count.recent, count.pending, LIMIT.get_wait(count)) == (3, 2, 1)
    assert LIMIT.get_wait(count.hope()) == 0
    assert LIMIT.get_wait(count.fail().fail().hope()) == 1
    assert at(count, PENDING_FOR.total_seconds()).hope().recent == 5
    assert LIMIT.add(at(count, PENDING_FOR.total_seconds())).pending == 1


def test_a_try_fails_once() -> None:
    """A lost try has failed already: whether its failure or its end is reported later, it counts once."""
    count = LIMIT.add(at(LIMIT.add(FRESH), PENDING_FOR.total_seconds()))
    assert (count.recent, count.pending) == (1, 1)
    count = count.fail().fail()
    assert (count.recent, count.in_a_row, count.pending) == (2, 2, 0)


def test_a_try_is_given_back_once_it_is_known_not_to_have_failed() -> None:
    """A try that led to no decision counts for nothing, also where it was taken for lost, and so for failed, before."""
    count = LIMIT.add(fail_on(LIMIT, 2))
    assert count.give_back() == replace(count, pending=0)
    late = LIMIT.add(at(count, PENDING_FOR.total_seconds())).fail()
    assert (late.recent, late.in_a_row, late.pending) == (4, 4, 0)
    late = late.give_back()
    assert (late.recent, late.in_a_row, late.pending) == (3, 3, 0)
    beside = LIMIT.add(at(count, PENDING_FOR.total_seconds())).give_back().fail()
    assert (beside.recent, beside.in_a_row, beside.pending) == (3, 3, 0)
    assert FRESH.give_back() == FRESH


COUNTS = st.builds(
    lambda recent, in_a_row, pending, seconds: at(
        replace(FRESH, recent=recent, in_a_row=in_a_row, pending=pending), seconds
    ),
    *(st.integers(0, 2**31 - 1) for _ in range(3)),
    st.integers(0, 10**6),
)


@given(COUNTS, st.sampled_from([LIMIT, LIMIT.tighten(), CAP, Allowance(60, MINUTE)]))
def test_any_count_has_a_bounded_wait(count: Count, rule: Rule) -> None:
    """Whatever was counted, the wait is bounded and ends; hope never makes it longer."""
    wait = rule.get_wait(count)
    assert 0 <= rule.get_wait(count.hope()) <= wait <= LOCKOUT.total_seconds()
    assert rule.get_wait(at(count, wait)) == 0


@given(COUNTS, st.sampled_from([LIMIT, LIMIT.tighten(), CAP, Allowance(60, MINUTE)]))
def test_what_housekeeping_deletes_held_nobody(count: Count, rule: Rule) -> None:
    """A count left unchanged for as long as it is kept is as good as none, for this try and for the next ones."""
    forgotten = at(replace(count, now=count.last_at), KEPT_FOR.total_seconds())
    fresh = replace(FRESH, now=forgotten.now, last_at=forgotten.now, since=forgotten.now)
    assert rule.get_wait(forgotten) == 0
    for _ in range(6):
        forgotten, fresh = rule.add(forgotten).fail(), rule.add(fresh).fail()
        assert rule.get_wait(forgotten) == rule.get_wait(fresh)


def test_an_allowance_refills_evenly() -> None:
    """Sixty uses an hour: once they are used up there is one a minute, and after a quiet hour all sixty again."""
    allowance = Allowance(uses=60, period=60 * MINUTE)
    count = fail_on(allowance, 60)
    assert count.recent == 60
    assert [allowance.get_wait(at(count, seconds)) for seconds in (0, 59, 60)] == [60, 1, 0]
    assert allowance.get_wait(allowance.add(at(count, 60))) == 60
    assert allowance.get_wait(fail_on(allowance, 59, at(count, 3600))) == 0


def test_an_empty_allowance_stays_empty_and_no_more() -> None:
    """Failures beyond an address's allowance do not make it wait longer than for the next use."""
    allowance = Allowance(uses=100, period=15 * MINUTE)
    count = FRESH
    for _ in range(1000):
        count = allowance.add(count)
    assert (allowance.get_wait(count), allowance.get_wait(at(count, 9))) == (9, 0)


@pytest.mark.parametrize("uses", [1, 10**9])
def test_an_allowance_may_be_any_number(uses: int) -> None:
    """One use a minute, or a thousand million."""
    allowance = Allowance(uses=uses, period=MINUTE)
    assert allowance.get_wait(FRESH) == 0
    assert allowance.get_wait(allowance.add(FRESH)) == (60 if uses == 1 else 0)


KEYS = SignInKeys(account=b"account", account_at_address=b"here", address=b"address", browser=None)
LIMITS = Limits(account=CAP, account_at_address=LIMIT, browser=LIMIT, address=Allowance(100, 15 * MINUTE), uses={})


def name_holds(keys: SignInKeys, **counts: Count) -> dict[str, LimitName]:
    """Return the names of the counts that apply to a try."""
    holds = hold_sign_in(LIMITS, keys, {name.encode(): count for name, count in counts.items()})
    return {key.decode(): hold.name for key, hold in holds.items()}


def test_which_counts_hold_a_try() -> None:
    """An account is limited here and everywhere; where it was signed in to, only here; a known browser by itself."""
    everywhere = {"here": LimitName.ACCOUNT_AT_ADDRESS, "account": LimitName.ACCOUNT}
    assert name_holds(KEYS) == everywhere
    assert name_holds(KEYS, here=fail_on(LIMIT, 3), account=fail_on(CAP, 3)) == everywhere
    assert name_holds(KEYS, here=replace(FRESH, is_known=True)) == {"here": LimitName.ACCOUNT_AT_ADDRESS}
    known_browser = replace(KEYS, browser=b"browser")
    assert name_holds(known_browser, account=fail_on(CAP, 100)) == {"browser": LimitName.BROWSER}


def test_a_spent_address_tightens_the_limit_of_each_account() -> None:
    """An address with too many failures lets an account fail once, and is the reason named; others are let in."""
    spent = fail_on(LIMITS.address, 100)
    assert name_holds(KEYS, address=spent)["here"] is LimitName.ADDRESS
    for failures, wait in ((0, 0), (1, 1)):
        counts = {b"address": spent, b"here": fail_on(LIMIT, failures)}
        refusal = find_refusal(counts, hold_sign_in(LIMITS, KEYS, counts))
        assert (refusal.wait if refusal else 0) == wait


def test_the_longest_wait_is_told() -> None:
    """If several counts make a try wait, the longest wait is returned; hopeful if only pending tries cause it."""
    counts = {b"here": fail_on(LIMIT, 8), b"account": fail_on(CAP, 100)}
    refusal = find_refusal(counts, hold_sign_in(LIMITS, KEYS, counts))
    assert refusal is not None
    assert (refusal.wait, refusal.name, refusal.is_hopeful) == (LOCKOUT.total_seconds(), LimitName.ACCOUNT, False)
    pending = {b"here": replace(FRESH, pending=5)}
    hopeful = find_refusal(pending, hold_sign_in(LIMITS, KEYS, pending))
    assert hopeful is not None
    assert hopeful.is_hopeful
