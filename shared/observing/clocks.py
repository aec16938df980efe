"""Clock skew: how far the clocks of peers are from ours, noted whenever a peer says what time it has.

Access tokens and service tokens carry the time at which they were issued. Once two clocks differ by more than
``CLOCK_TOLERANCE``, one service rejects the tokens of the other as issued in the future, or as expired.

Which of the two clocks is wrong can't be told from here. So skew is a remark in ``/readyz`` and never makes a service
unready: that would take down pages which work without a token because some sign-ins fail.
"""

import time
from collections.abc import Callable

import structlog

from shared.observing.metrics import Metrics
from shared.tokens.claims import CLOCK_TOLERANCE

TOLD_FROM = 5.0  # seconds of difference
RIGHT_AFTER = 60.0  # seconds without such a difference
LONGEST_CALL = 3.0  # seconds from the signing of a call until it is verified, by whole seconds

log = structlog.get_logger("clocks")


class Clocks:
    """The latest offset of each peer's clock.

    A peer has several replicas, and one of their clocks may be off: what the others say in the next ``RIGHT_AFTER``
    seconds does not make it right.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._gauge = metrics.register_clocks(TOLD_FROM)
        self._clock = clock
        self._offsets: dict[str, float] = {}
        self._off_at: dict[str, float] = {}

    def note(self, peer: str, earliest: float, latest: float) -> None:
        """Note that a peer's clock is between ``earliest`` and ``latest`` seconds ahead of ours; negative: behind.

        The bound nearer to zero counts, and zero where it lies between them: latency must not look like skew.
        """
        offset = 0.0 if earliest <= 0.0 <= latest else min(earliest, latest, key=abs)
        was_off, is_off = abs(self._offsets.get(peer, 0.0)) >= TOLD_FROM, abs(offset) >= TOLD_FROM
        now = self._clock()
        if is_off:
            self._off_at[peer] = now
        elif was_off and now - self._off_at[peer] < RIGHT_AFTER:
            return
        self._offsets[peer] = offset
        self._gauge.labels(peer).set(offset)
        if is_off and not was_off:
            log.warning("clock_is_off", peer=peer, seconds=round(offset, 1), error=describe_offset(peer, offset))
        elif was_off and not is_off:
            log.info("clock_is_right_again", peer=peer)

    def note_call(self, caller: str, ahead: int) -> None:
        """Note the clock of a caller whose service token was issued ``ahead`` seconds after our time, by its clock."""
        self.note(caller, ahead, ahead + LONGEST_CALL)

    def find_remark(self) -> str | None:
        """Return what ``/readyz`` should say, or None when all agree."""
        off = {peer: offset for peer, offset in sorted(self._offsets.items()) if abs(offset) >= TOLD_FROM}
        return "; ".join(describe_offset(peer, offset) for peer, offset in off.items()) or None


def describe_offset(peer: str, offset: float) -> str:
    """Return a sentence about a peer whose clock is ``offset`` seconds ahead of ours, with what to do."""
    way = "ahead of" if offset > 0 else "behind"
    matters = abs(offset) > CLOCK_TOLERANCE
    harm = "so tokens are refused" if matters else f"and at {CLOCK_TOLERANCE} s tokens are refused"
    return f"the clock of {peer} is {abs(offset):.0f} s {way} ours, {harm}: set both machines' clocks by NTP"
