"""A progress bar on standard error: in place in a terminal, elsewhere a line for each tenth."""

import sys
import time

WIDTH = 30


class Progress:
    """Shows how far a piece of work is; ``total`` is counted in whatever ``name`` names."""

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._begun = time.monotonic()
        self._tenths = -1

    def show(self, done: int) -> None:
        """Show that so much is done."""
        tenths = done * 10 // self._total
        is_terminal = sys.stderr.isatty()
        if is_terminal or tenths > self._tenths:
            line = draw_bar(self._name, done, self._total, time.monotonic() - self._begun)
            ends_in_place = is_terminal and done < self._total
            sys.stderr.write(f"\r{line}\x1b[K" if is_terminal else line)
            sys.stderr.write("" if ends_in_place else "\n")
            sys.stderr.flush()
        self._tenths = tenths


def draw_bar(name: str, done: int, total: int, seconds: float) -> str:
    """Return the bar, the share, the rate, and the time that is left if it goes on so."""
    full = done * WIDTH // total
    bar = "#" * full + "." * (WIDTH - full)
    rate = done / seconds if seconds else 0.0
    left = f"{(total - done) / rate:.0f} s left" if rate and done < total else f"{seconds:.0f} s"
    return f"{name:<10} [{bar}] {done / total:4.0%} {done:,} of {total:,}, {rate:,.0f}/s, {left}"
