"""The guessing limits: how long the next try has to wait, by what was counted before. Pure.

1. A try counts as failed from the moment that it is let in, before any password is hashed; whoever succeeds gets it
   back. So any number of tries at once let no more through than one after the other.
2. After ``free`` failures, none of them ``window`` or longer after the one before, each further try waits: 1, 2, 4
   seconds and so on, at most ``longest_wait``.
3. After ``most_in_a_row`` failures without a success among those that are counted together there is no further try for
   a day.
4. A refused try counts for nothing: nobody makes their own wait longer by asking, nor anybody else's.
5. An allowance is simpler: so many uses in a period, whatever comes of them.
"""

import datetime as dt
import functools
import ipaddress
import math
from dataclasses import dataclass, replace

REST = dt.timedelta(days=1)
IPV6_SITE = 64  # bits: what one subscriber has at least (RFC 6177), and so what counts as one address
_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of one caller or account at a moment of the database's clock; ``since`` is the period's begin.

    ``is_known`` is that of an account together with an address which that account was signed in to from.
    """

    now: dt.datetime
    last_at: dt.datetime
    since: dt.datetime
    recent: int = 0
    in_a_row: int = 0
    is_refusal_noted: bool = False
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, and what follows; ``most_in_a_row`` is None where only the wait holds."""

    free: int
    window: dt.timedelta
    longest_wait: int
    most_in_a_row: int | None = None

    def find_wait(self, count: Count) -> int:
        """Return the seconds until the next try may come, 0 for at once."""
        if self.most_in_a_row is not None and _count_in_a_row(count) >= self.most_in_a_row:
            return _seconds_until(count.last_at + REST, count.now)
        excess = self._count_recent(count) - self.free
        if excess < 0:
            return 0
        # The exponent is bounded before it is used: a long row of failures must not make a number of a million digits.
        wait = min(2 ** min(excess, 16), self.longest_wait)
        return _seconds_until(count.last_at + wait * _SECOND, count.now)

    def add(self, count: Count) -> Count:
        """Return the count with one more try, failed until it is known to have succeeded."""
        recent, in_a_row = self._count_recent(count) + 1, _count_in_a_row(count) + 1
        return replace(count, recent=recent, in_a_row=in_a_row, last_at=count.now, is_refusal_noted=False)

    def _count_recent(self, count: Count) -> int:
        return count.recent if count.now - count.last_at < self.window else 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many uses in a period that begins with the first."""

    uses: int
    period: dt.timedelta

    def find_wait(self, count: Count) -> int:
        """Return the seconds until the next use, 0 for at once."""
        return _seconds_until(count.since + self.period, count.now) if self._count_uses(count) >= self.uses else 0

    def add(self, count: Count) -> Count:
        """Return the count with one more use."""
        uses = self._count_uses(count)
        since = count.since if uses else count.now
        return replace(count, recent=uses + 1, since=since, last_at=count.now, is_refusal_noted=False)

    def _count_uses(self, count: Count) -> int:
        return count.recent if count.now - count.since < self.period else 0


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


def _count_in_a_row(count: Count) -> int:
    return count.in_a_row if count.now - count.last_at < REST else 0


def _seconds_until(then: dt.datetime, now: dt.datetime) -> int:
    return max(0, math.ceil((then - now) / _SECOND))
