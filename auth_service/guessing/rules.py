"""The guessing limits: what is counted, which count applies to whom, and how long the next try has to wait. Pure.

Every decision about a count is made here; the table ``attempts`` only stores counts, and ``admission`` connects the
two.

1. A try that is let in is *pending* until its outcome is known, and counts as failed meanwhile: so any number of
   simultaneous tries get no more through than the same tries in sequence. A failure adds it to ``recent`` and
   ``in_a_row``, a success resets those to zero, and a try that led to no decision is given back. A try that is pending
   for longer than any request lasts was lost, and has failed, unless it is given back later. Tries that are kept out
   only by pending ones wait for their outcomes.
2. Failed sign-ins are counted by account and address together, which holds back the guesser and nobody elsewhere
   (``Limit``); by account, over all addresses from which the account was never signed in to (``Cap``); by account and
   browser, for a browser whose device cookie proves that it was signed in to the account, to which this count alone
   applies, even at its own address (``Limit``); and by address (``Allowance``): one with too many failures, for
   whatever accounts, gets a tightened ``Limit`` for each, but an account without failures is let in from everywhere.
3. ``Limit``: after ``free`` failures, each less than ``window`` after the one before, every further try waits 1, 2, 4
   seconds and so on, at most ``longest_wait``; after ``most_in_a_row`` without a success, ``LONG_WAIT``.
4. ``Cap``: ``most`` failures in a row, then no tries for a day. Failures drain away at ``most`` a day, so that a single
   address, which gets 24 a day after its first few, never reaches the cap by itself.
5. ``Allowance``: a bucket of ``uses`` that refills evenly within ``period``.
6. A refused try does not count: nobody can lengthen their own wait by trying, nor anybody else's.
7. A count left unchanged for ``KEPT_FOR`` holds nobody back, so housekeeping deletes it; that an account was signed in
   to from an address is remembered for ``KNOWN_FOR``.

What an attacker can achieve against this is worked out in ``docs/guessing.md``.
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from auth_service.settings import AuthSettings

LOCKOUT = dt.timedelta(days=1)
LONG_WAIT = dt.timedelta(hours=1)
PENDING_FOR = dt.timedelta(seconds=10)  # no request lasts longer
KEPT_FOR = LOCKOUT  # no rule looks further back
KNOWN_FOR = dt.timedelta(days=90)  # after the last sign-in of an account from an address
NOTICES_PER_HOUR = 10  # of each kind, to one address
ADDRESSES_TO_CLOSE = 5  # the addresses that it takes to close an account: each gets a fifth of its failures
_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    """What is known about one caller or account at a moment of the database's clock.

    ``since`` is the time up to which a cap has drained, or at which an allowance is full again. ``is_known`` holds for
    the count of an account and an address from which that account was signed in to.
    """

    now: dt.datetime
    last_at: dt.datetime
    since: dt.datetime
    recent: int = 0
    in_a_row: int = 0
    is_refusal_noted: bool = False
    is_known: bool = False
    pending: int = 0

    def add(self) -> "Count":
        """Return the count with one more try, whose outcome is not known yet."""
        count = self.fail_lost()
        return replace(count, pending=count.pending + 1, last_at=self.now, is_refusal_noted=False)

    def fail(self) -> "Count":
        """Return the count with one pending try failed; one that was lost has failed already."""
        failed = min(1, self.pending)
        return replace(
            self, recent=self.recent + failed, in_a_row=self.in_a_row + failed, pending=self.pending - failed
        )

    def give_back(self) -> "Count":
        """Return the count without a try that led to no decision; one that was taken for lost had failed until now."""
        if self.pending:
            return replace(self, pending=self.pending - 1)
        return replace(self, recent=max(0, self.recent - 1), in_a_row=max(0, self.in_a_row - 1))

    def hope(self) -> "Count":
        """Return the count as it will be if all pending tries succeed."""
        return replace(self.fail_lost(), pending=0)

    def fail_lost(self) -> "Count":
        """Return the count with those tries failed that have been pending for too long."""
        if not self.pending or self.now - self.last_at < PENDING_FOR:
            return self
        return replace(self, recent=self.recent + self.pending, in_a_row=self.in_a_row + self.pending, pending=0)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, what follows, and after how many in a row there is one try per ``LONG_WAIT``."""

    free: int
    window: dt.timedelta
    longest_wait: int
    most_in_a_row: int

    def get_wait(self, count: Count) -> int:
        """Return the seconds until the next try may come, 0 for at once."""
        count = self._forget(count)
        if count.in_a_row + count.pending >= self.most_in_a_row:
            return _seconds_until(count.last_at + LONG_WAIT, count.now)
        excess = count.recent + count.pending - self.free
        if excess < 0:
            return 0
        # The exponent is bounded before it is used: a long run of failures must not make a number of a million digits.
        wait = min(2 ** min(excess, 16), self.longest_wait)
        return _seconds_until(count.last_at + wait * _SECOND, count.now)

    def add(self, count: Count) -> Count:
        """Return the count with one more try."""
        return self._forget(count).add()

    def tighten(self) -> "Limit":
        """Return the limit for an address with too many failures: only the first is free."""
        return replace(self, free=1)

    def _forget(self, count: Count) -> Count:
        """Return the count without what is too old to matter."""
        count, ago = count.fail_lost(), count.now - count.last_at
        return replace(
            count,
            recent=count.recent if ago < self.window else 0,
            in_a_row=count.in_a_row if ago < LOCKOUT else 0,
        )


@dataclass(frozen=True, slots=True)
class Cap:
    """How many failures in a row close an account for a day; until then they drain away at that many a day."""

    most: int

    def get_wait(self, count: Count) -> int:
        """Return the seconds until the next try may come, 0 for at once."""
        is_closed = count.in_a_row + count.pending >= self.most
        return _seconds_until(count.last_at + LOCKOUT, count.now) if is_closed else 0

    def add(self, count: Count) -> Count:
        """Return the count with one more try."""
        count = count.fail_lost()
        is_over, step = count.now - count.last_at >= LOCKOUT, LOCKOUT / self.most
        drained = int((count.now - count.since) / step)
        if is_over or drained >= count.in_a_row + count.pending:
            return replace(count, recent=0 if is_over else count.recent, in_a_row=0, since=count.now).add()
        in_a_row = max(0, count.in_a_row - drained)
        return replace(count, in_a_row=in_a_row, since=count.since + drained * step).add()


@dataclass(frozen=True, slots=True)
class Allowance:
    """A bucket of ``uses``, which refills evenly: all of it within ``period``."""

    uses: int
    period: dt.timedelta

    def get_wait(self, count: Count) -> int:
        """Return the seconds until the next use, 0 for at once."""
        return _seconds_until(self._full_at(count) + self._step() - self.period, count.now)

    def add(self, count: Count) -> Count:
        """Return the count with one more use; an empty bucket stays empty."""
        since = min(self._full_at(count) + self._step(), count.now + self.period)
        used = math.ceil((since - count.now) / self._step())
        return replace(count, recent=used, since=since, last_at=count.now, is_refusal_noted=False)

    def _step(self) -> dt.timedelta:
        return max(self.period / self.uses, dt.timedelta.resolution)

    def _full_at(self, count: Count) -> dt.datetime:
        return max(count.since, count.now)


Rule = Limit | Cap | Allowance


class LimitName(StrEnum):
    """What was tried too often, and by whom; a label in the metrics."""

    ACCOUNT = "sign_in_account"
    ACCOUNT_AT_ADDRESS = "sign_in_account_at_address"
    ADDRESS = "sign_in_address"
    BROWSER = "sign_in_known_browser"
    SIGN_UP = "sign_up"
    LOG = "client_log"
    REFRESH = "token_refresh"
    RENAME = "rename"
    NOTICE = "notice"
    LETTER_PAUSE = "letter_pause"
    LETTER_HOUR = "letters_an_hour"
    LETTER_DAY = "letters_a_day"
    LETTER_CLIENT = "letters_for_client"
    CODE = "mailed_codes"
    PROVIDER = "provider_failures"


@dataclass(frozen=True, slots=True)
class Limits:
    """The rule for each thing that is counted; ``uses`` has those that have nothing to do with sign-ins."""

    account: Cap
    account_at_address: Limit
    browser: Limit
    address: Allowance
    uses: Mapping[LimitName, Allowance]

    @classmethod
    def read(cls, settings: AuthSettings) -> "Limits":
        """Return the limits configured by the settings."""
        window, hour = dt.timedelta(seconds=settings.sign_in_failure_window), dt.timedelta(hours=1)
        free, in_a_row = settings.sign_in_failures_per_account, settings.sign_in_failures_in_a_row
        at_address = Limit(free, window, settings.sign_in_longest_wait, max(free, in_a_row // ADDRESSES_TO_CLOSE))
        return cls(
            account=Cap(in_a_row),
            account_at_address=at_address,
            browser=at_address,
            address=Allowance(settings.sign_in_failures_per_address, window),
            uses={
                LimitName.SIGN_UP: Allowance(settings.sign_ups_per_hour, hour),
                LimitName.LOG: Allowance(settings.client_logs_per_minute, dt.timedelta(minutes=1)),
                LimitName.REFRESH: Allowance(settings.token_refreshes_per_hour, hour),
                LimitName.RENAME: Allowance(settings.renames_per_hour, hour),
                LimitName.NOTICE: Allowance(NOTICES_PER_HOUR, hour),
                LimitName.LETTER_PAUSE: Allowance(1, dt.timedelta(seconds=settings.letter_pause)),
                LimitName.LETTER_HOUR: Allowance(settings.letters_per_hour, hour),
                LimitName.LETTER_DAY: Allowance(settings.letters_per_day, dt.timedelta(days=1)),
                LimitName.LETTER_CLIENT: Allowance(settings.letters_per_client, hour),
                LimitName.CODE: Allowance(settings.sign_in_failures_per_address, window),
                LimitName.PROVIDER: Allowance(settings.sign_in_failures_per_address, window),
            },
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """The rule for a count, and the name that a refusal shows."""

    name: LimitName
    rule: Rule


Holds = Mapping[bytes, Hold]
"""The rules that apply to one try, by the key of the count."""


@dataclass(frozen=True, slots=True)
class SignInKeys:
    """The keys under which a try to sign in may be counted; ``browser`` if it was signed in to the account before."""

    account: bytes
    account_at_address: bytes
    address: bytes
    browser: bytes | None

    def list_looked_at(self) -> list[bytes]:
        """Return the keys of the counts that decide which of them apply."""
        return [self.browser] if self.browser else [self.account_at_address, self.account, self.address]


def hold_sign_in(limits: Limits, keys: SignInKeys, counts: Mapping[bytes, Count]) -> Holds:
    """Return the rules that apply to a try to sign in (rule 2)."""
    if keys.browser:
        return {keys.browser: Hold(LimitName.BROWSER, limits.browser)}
    here, address = counts.get(keys.account_at_address), counts.get(keys.address)
    hold = Hold(LimitName.ACCOUNT_AT_ADDRESS, limits.account_at_address)
    if address is not None and limits.address.get_wait(address):
        hold = Hold(LimitName.ADDRESS, limits.account_at_address.tighten())
    if here is not None and here.is_known:
        return {keys.account_at_address: hold}
    return {keys.account_at_address: hold, keys.account: Hold(LimitName.ACCOUNT, limits.account)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many seconds nothing more is let in, because of which count, and under which name.

    It is hopeful when nothing would stand in the way of the try once all pending ones have succeeded.
    """

    wait: int
    key: bytes
    name: LimitName
    is_hopeful: bool


def find_refusal(counts: Mapping[bytes, Count], holds: Holds) -> Refusal | None:
    """Return why a try must wait, by the count that makes it wait longest; None if it need not."""
    held = {key: count for key, count in counts.items() if key in holds}
    wait, key = max(((holds[key].rule.get_wait(count), key) for key, count in held.items()), default=(0, b""))
    if not wait:
        return None
    is_hopeful = not any(holds[key].rule.get_wait(count.hope()) for key, count in held.items())
    return Refusal(wait, key, holds[key].name, is_hopeful)


def _seconds_until(then: dt.datetime, now: dt.datetime) -> int:
    return max(0, math.ceil((then - now) / _SECOND))
