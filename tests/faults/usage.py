"""What the services hold at rest: memory, descriptors, threads, tasks, and connections to the database.

Read in the containers themselves: the kernel's figures of the first process, and the service's own metrics. Replicas
are added up: what one of them was connected to goes to another when it restarts, and stays there.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping

from tests.faults.containers import SECOND, Containers

BACK_WITHIN = 60.0  # seconds
SHARE = 0.10
# A share of a small number is less than one: so much more counts as the same.
LEAST = {"MiB": 8.0, "descriptors": 4.0, "threads": 2.0, "tasks": 3.0, "connections": 1.0}

_READ = """
import json, os, re, urllib.request
status = open("/proc/1/status").read()
shown = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % os.environ["METRICS_PORT"], timeout=5).read().decode()
tasks = re.search(r"^gatepost_tasks (\\S+)", shown, re.M)
print(json.dumps({
    "MiB": int(re.search(r"VmRSS:\\s+(\\d+)", status)[1]) / 1024,
    "threads": int(re.search(r"Threads:\\s+(\\d+)", status)[1]),
    "descriptors": len(os.listdir("/proc/1/fd")),
    "tasks": float(tasks[1]),
}))
"""
_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE datname IN ('auth', 'posts')"

Usage = Mapping[tuple[str, str], float]
"""By service and kind, its replicas together."""


async def read_usage(containers: Containers) -> Usage:
    """Return what the services hold now."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for replica in await containers.list_services():
        printed = await containers.execute(replica, "python", "-S", "-c", _READ)
        for kind, value in json.loads(printed).items():
            found[replica.removesuffix(SECOND), kind] += value
    found["postgres", "connections"] = float(await containers.ask_postgres(_COUNT))
    return found


def keep_memory(before: Usage, now: Usage) -> Usage:
    """Return a usage with today's memory."""
    return {name: now[name] if name[1] == "MiB" else value for name, value in before.items()}


def add_memory(before: Usage, mebibytes: float) -> Usage:
    """Return a usage with so much more memory of each service."""
    return {name: value + mebibytes if name[1] == "MiB" else value for name, value in before.items()}


def find_excess(before: Usage, after: Usage) -> list[str]:
    """Return what is held beyond what was held before, in words."""
    return [
        f"{service} holds {value:.0f} {kind}, before {before[service, kind]:.0f}"
        for (service, kind), value in after.items()
        if value > before[service, kind] + max(before[service, kind] * SHARE, LEAST[kind])
    ]


async def wait_until_back(containers: Containers, before: Usage) -> tuple[Usage, list[str]]:
    """Return what is held once it is back at what it was, or after a minute, and what is then still too much."""
    deadline = time.monotonic() + BACK_WITHIN
    while True:
        after = await read_usage(containers)
        excess = find_excess(before, after)
        if not excess or time.monotonic() > deadline:
            return after, excess
        await asyncio.sleep(1)
