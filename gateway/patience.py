"""The gateway's patience: under load it lets others finish what they are at, and more awaits it when its turn comes.

An upstream that answers many requests at once, as the posts service does, is interrupted after every few where it
shares a core with the gateway, for each answer wakes the gateway up. A patient one (``shared.scheduling``) finds all of
them at one turn, which spares both the switches. Its waits of up to a tick are only for when many wait anyway.
"""

import asyncio
from collections.abc import Callable

from shared.scheduling import schedule

MANY = 16  # requests on their way
PAUSE = 0.1  # seconds between two looks


async def follow_load(count_running: Callable[[], int]) -> None:
    """Be patient while there are many requests on their way, as ``count_running`` tells; until cancelled."""
    is_patient = False
    try:
        while True:
            await asyncio.sleep(PAUSE)
            if (count_running() >= MANY) is not is_patient:
                is_patient = not is_patient
                schedule(patiently=is_patient)
    finally:
        schedule(patiently=False)
