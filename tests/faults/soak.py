"""Nothing at all, for a long time: what is held may not grow."""

import asyncio

from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand
from tests.faults.usage import read_usage


async def soak(stand: Stand) -> str:
    """Go on for some minutes, and see what memory and descriptors do."""
    await asyncio.sleep(10)
    before = await read_usage(stand.containers)
    await asyncio.sleep(stand.soak_minutes * 60 * stand.scale)
    after = await read_usage(stand.containers)
    held = [f"{before[name, 'MiB']:.1f} to {after[name, 'MiB']:.1f}" for name in SERVICES]
    descriptors = [f"{after[name, 'descriptors'] - before[name, 'descriptors']:+.0f}" for name in SERVICES]
    return f"{stand.soak_minutes:g} min: MiB {', '.join(held)}; descriptors {' '.join(descriptors)}"
