"""How the kernel lets a thread take its turn on a core.

A patient thread (SCHED_BATCH of sched(7)) gets its fair share as any other does. But when it is woken up, it doesn't
interrupt what runs on its core: it waits for that to sleep, or for the next tick, 1 to 4 ms away. Where cores are
scarce, fewer switches leave more for the work itself.
"""

import contextlib
import os
import sys


def schedule(*, patiently: bool) -> None:
    """Let the calling thread be patient or not. Does nothing where the system knows or allows no such thing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH if patiently else os.SCHED_OTHER, os.sched_param(0))
