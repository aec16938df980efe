"""Nothing at all, for a long time: what is held may not grow."""

import asyncio

from faults.containers import SERVICES
from faults.experiments import Stand
from faults.usage import read_usage

SECONDS = 180.0


async def soak(stand: Stand) -> str:
    """Go on for three minutes, and see what memory and descriptors do."""
    await asyncio.sleep(10)
    before = await read_usage(stand.containers)
    await asyncio.sleep(SECONDS * stand.scale)
    after = await read_usage(stand.containers)
    grown = [f"{after[name, 'MiB'] - before[name, 'MiB']:+.1f}" for name in SERVICES]
    descriptors = [f"{after[name, 'descriptors'] - before[name, 'descriptors']:+.0f}" for name in SERVICES]
    return f"MiB {' '.join(grown)}, descriptors {' '.join(descriptors)}"
