"""``python -m tests.benchmarks.bare_argon2 SECONDS``: how many passwords the machine verifies, with nothing around it.

As many threads as cores, the parameters of ``auth_service/passwords/hashing.py``. Prints JSON; latencies are
milliseconds.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import argon2

from auth_service.passwords.cores import count_cores
from auth_service.passwords.hashing import LANES, MEMORY, PASSES
from tests.benchmarks.processes import ALL_CORES
from tests.benchmarks.rows import PASSWORD


def main() -> None:
    """Hash for that long and print how it went."""
    seconds = float(sys.argv[1])
    os.sched_setaffinity(0, ALL_CORES)
    threads = count_cores()
    hasher = argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=argon2.Type.ID)
    stored = hasher.hash(PASSWORD)
    begun, cpu_before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda _: _verify_until(begun + seconds, hasher, stored), range(threads))
        times = sorted(each * 1000 for part in found for each in part)
    figures = {
        "requests": len(times),
        "seconds": time.perf_counter() - begun,
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "cpu": time.process_time() - cpu_before,
    }
    sys.stdout.write(json.dumps(figures))


def _verify_until(end: float, hasher: argon2.PasswordHasher, stored: str) -> list[float]:
    """Return the seconds that each of the verifications took, one after the other."""
    times = []
    while (begun := time.perf_counter()) < end:
        hasher.verify(stored, PASSWORD)
        times.append(time.perf_counter() - begun)
    return times


if __name__ == "__main__":
    main()
