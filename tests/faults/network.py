"""The network between the services, cut."""

import asyncio

from tests.faults.containers import PROJECT
from tests.faults.experiments import Stand

CUT = 5.0  # seconds


async def unplug_posts(stand: Stand) -> str:
    """Take the posts service off the network for 5 s."""
    await asyncio.sleep(2)
    container, network = await stand.containers.get_id("posts_service"), f"{PROJECT}_services"
    await stand.containers.docker("network", "disconnect", network, container)
    await asyncio.sleep(CUT)
    await stand.containers.docker("network", "connect", "--alias", "posts_service", network, container)
    return ""
