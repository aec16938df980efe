"""Event-loop lag: how much later than scheduled the loop runs a timer.

uvicorn's server ticks ten times a second anyway. Each tick is compared with the one before, which costs one reading of
the clock and no timer of our own. A loop that is blocked for three seconds shows as one lag of three seconds.
"""

import time
from collections.abc import Callable

PAUSE = 0.1  # seconds between two ticks of uvicorn's server
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class LoopLag:
    """Measures the lag at each tick; ``observe`` is called with it, in seconds."""

    def __init__(self, observe: Callable[[float], None], get_time: Callable[[], float] = time.monotonic) -> None:
        self._observe = observe
        self._get_time = get_time
        self._ticked_at: float | None = None

    def note_tick(self) -> None:
        """Measure the time since the tick before; called at every tick."""
        now, before = self._get_time(), self._ticked_at
        self._ticked_at = now
        if before is not None:
            self._observe(max(0.0, now - before - PAUSE))
