"""The guessing limits: how long the next try has to wait, by what was counted before. Pure.

1. A try counts as failed from the moment that it is let in, before any password is hashed; whoever succeeds gets it
   back. So any number of tries at once let no more through than one after the other. Until its outcome is known a try
   is *pending*: others that only pending tries keep out wait for those outcomes instead of being refused.
2. ``Limit``, for one account at one address (or in one browser): after ``free`` failures, none of them ``window`` or
   longer after the one before, each further try waits 1, 2, 4 seconds and so on, at most ``longest_wait``; after
   ``most_in_a_row`` failures without a success, ``LONG_WAIT``. From an address with too many failures of any account
   only the first failure is free.
3. ``Cap``, for one account wherever it is tried: ``most`` failures in a row, then none for a day. Failures drain away
   at ``most`` a day, so that one address, which gets 24 a day after its first few, never reaches the cap alone.
4. ``Allowance``, for everything else: a bucket of ``uses`` that refills evenly within ``period``.
5. A refused try counts for nothing: nobody makes their own wait longer by asking, nor anybody else's.

What an attacker gets out of this is worked out in ``docs/guessing.md``.
"""

import datetime as dt
import functools
import ipaddress
import math
from dataclasses import dataclass, replace

LOCKOUT = dt.timedelta(days=1)
LONG_WAIT = dt.timedelta(hours=1)
PENDING_FOR = dt.timedelta(seconds=10)  # no request lasts longer: what is pending after that was lost, and has failed
IPV6_SITE = 64  # bits: what one subscriber has at least (RFC 6177), and so what counts as one address
_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of one caller or account at a moment of the database's clock.

    ``since`` is up to when a cap's drain was reckoned, or when an allowance is full again. ``is_known`` is that of an
    account together with an address which that account was signed in to from. ``pending`` tries are part of ``recent``
    and ``in_a_row``.
    """

    now: dt.datetime
    last_at: dt.datetime
    since: dt.datetime
    recent: int = 0
    in_a_row: int = 0
    is_refusal_noted: bool = False
    is_known: bool = False
    pending: int = 0

    def hope(self) -> "Count":
        """Return the count as it will be if all pending tries succeed; the same when there are none."""
        pending = self._count_pending()
        return replace(self, recent=self.recent - pending, in_a_row=self.in_a_row - pending, pending=0)

    def add(self) -> "Count":
        """Return the count with one more try, pending and failed until it is known to have succeeded."""
        return replace(
            self,
            recent=self.recent + 1,
            in_a_row=self.in_a_row + 1,
            pending=self._count_pending() + 1,
            last_at=self.now,
            is_refusal_noted=False,
        )

    def settle(self) -> "Count":
        """Return the count with one pending try less: it did fail."""
        return replace(self, pending=max(0, self.pending - 1))

    def _count_pending(self) -> int:
        return self.pending if self.now - self.last_at < PENDING_FOR else 0


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, what follows, and after how many in a row there is one try each ``LONG_WAIT``."""

    free: int
    window: dt.timedelta
    longest_wait: int
    most_in_a_row: int

    def find_wait(self, count: Count) -> int:
        """Return the seconds until the next try may come, 0 for at once."""
        if self._count_in_a_row(count) >= self.most_in_a_row:
            return _seconds_until(count.last_at + LONG_WAIT, count.now)
        excess = self._count_recent(count) - self.free
        if excess < 0:
            return 0
        # The exponent is bounded before it is used: a long row of failures must not make a number of a million digits.
        wait = min(2 ** min(excess, 16), self.longest_wait)
        return _seconds_until(count.last_at + wait * _SECOND, count.now)

    def add(self, count: Count) -> Count:
        """Return the count with one more try."""
        return replace(count, recent=self._count_recent(count), in_a_row=self._count_in_a_row(count)).add()

    def tighten(self) -> "Limit":
        """Return the limit for an address with too many failures: only the first is free."""
        return replace(self, free=1)

    def _count_recent(self, count: Count) -> int:
        return count.recent if count.now - count.last_at < self.window else 0

    def _count_in_a_row(self, count: Count) -> int:
        return count.in_a_row if count.now - count.last_at < LOCKOUT else 0


@dataclass(frozen=True, slots=True)
class Cap:
    """How many failures in a row close an account for a day; until then they drain away at that many a day."""

    most: int

    def find_wait(self, count: Count) -> int:
        """Return the seconds until the next try may come, 0 for at once."""
        return _seconds_until(count.last_at + LOCKOUT, count.now) if count.in_a_row >= self.most else 0

    def add(self, count: Count) -> Count:
        """Return the count with one more try."""
        is_over, step = count.now - count.last_at >= LOCKOUT, LOCKOUT / self.most
        drained = int((count.now - count.since) / step)
        if is_over or drained >= count.in_a_row:
            return replace(count, recent=0 if is_over else count.recent, in_a_row=0, since=count.now).add()
        return replace(count, in_a_row=count.in_a_row - drained, since=count.since + drained * step).add()


@dataclass(frozen=True, slots=True)
class Allowance:
    """A bucket of so many uses, which refills evenly: all of it within ``period``."""

    uses: int
    period: dt.timedelta

    def find_wait(self, count: Count) -> int:
        """Return the seconds until the next use, 0 for at once."""
        return _seconds_until(self._full_at(count) + self._step() - self.period, count.now)

    def add(self, count: Count) -> Count:
        """Return the count with one more use; a bucket that is empty stays so."""
        since = min(self._full_at(count) + self._step(), count.now + self.period)
        used = math.ceil((since - count.now) / self._step())
        return replace(count, recent=used, since=since, last_at=count.now, is_refusal_noted=False)

    def _step(self) -> dt.timedelta:
        return max(self.period / self.uses, dt.timedelta.resolution)

    def _full_at(self, count: Count) -> dt.datetime:
        return max(count.since, count.now)


Rule = Limit | Cap | Allowance


@functools.lru_cache(maxsize=1024)
def find_site(address: str | None) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 address."""
    if address is None:
        return "unknown"
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_SITE), strict=False))


def _seconds_until(then: dt.datetime, now: dt.datetime) -> int:
    return max(0, math.ceil((then - now) / _SECOND))
