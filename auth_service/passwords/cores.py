"""How many cores this process may use: no more than it may be scheduled on, nor than its control group grants.

``os.cpu_count`` returns the machine's. In a container limited to one core, on a machine with 64, that many threads
would take turns on that core, each with its own memory.
"""

import math
import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # cgroups(7), version 2


def count_cores() -> int:
    """Return the number of cores, at least one."""
    try:
        quota = read_quota(CPU_MAX.read_text())
    except OSError:
        quota = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(quota))) if quota else cores


def read_quota(text: str) -> float | None:
    """Return the cores that a ``cpu.max`` grants, such as 1.5 for ``150000 100000``; None without a limit."""
    match text.split():
        case [limit, period] if limit.isdecimal() and period.isdecimal() and int(period):
            return int(limit) / int(period)
        case _:
            return None
