"""A service that stands still: its connections stay open, it takes new ones, and nothing answers."""

import asyncio
import signal

from tests.faults.experiments import Stand

FROZEN = 15.0  # seconds, more than any answer may take
BETWEEN = 8.0  # seconds in which all is well again


async def freeze_service(stand: Stand) -> str:
    """Kill -STOP of the auth service and then of the posts service, for 15 s each."""
    await asyncio.sleep(2)
    for service in ("auth_service", "posts_service"):
        sent, failed = len(stand.traffic.ledger.seen), stand.traffic.ledger.failed
        await stand.containers.kill(service, signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN)
        finally:
            await stand.containers.kill(service, signal.SIGCONT)
        sent, failed = len(stand.traffic.ledger.seen) - sent, stand.traffic.ledger.failed - failed
        stand.require(failed < sent, f"nobody was served while {service} stood still")
        await asyncio.sleep(BETWEEN)
    return ""
