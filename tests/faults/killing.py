"""Ends without warning: kill -9 of each service, and of a backend of PostgreSQL."""

import asyncio
import random

from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand

KILLS = 20
PAUSES = (4.0, 6.0)  # seconds between two kills; each service is hit every third time
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = 'posts' AND backend_type = 'client backend' LIMIT 1"


async def kill_services(stand: Stand) -> str:
    """Kill -9 of gateway, auth service and posts service in turn, at random moments."""
    chance = random.Random(stand.seed)  # noqa: S311 - repeatable, and no secret
    kills = max(len(SERVICES), round(KILLS * stand.scale))
    for number in range(kills):
        await asyncio.sleep(chance.uniform(*PAUSES))
        await stand.containers.kill(SERVICES[number % len(SERVICES)])
    return f"{kills} kills"


async def kill_backend(stand: Stand) -> str:
    """Kill -9 of one PostgreSQL backend: the server throws all others out and recovers."""
    await asyncio.sleep(2)
    pid = await stand.containers.ask_postgres(_BACKENDS)
    await stand.containers.execute("postgres", "bash", "-c", f"kill -9 {pid}")
    return ""
