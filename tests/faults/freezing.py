"""A service that stands still: its connections stay open, it takes new ones, and nothing answers."""

import asyncio
import signal
from collections import Counter

from tests.faults.experiments import Stand

FROZEN = 15.0  # seconds, more than any answer may take
BETWEEN = 8.0  # seconds in which all is well again
# What needs nothing of a service that stands still: of it not a single request may fail.
WITHOUT = {
    "auth_service": {"read", "read all", "write", "change", "list"},
    "posts_service": {"sign in", "sign up", "refresh"},
}


async def freeze_service(stand: Stand) -> str:
    """Kill -STOP of the auth service and then of the posts service, for 15 s each."""
    await asyncio.sleep(2)
    others = 0
    for service, without in WITHOUT.items():
        sent = len(stand.traffic.ledger.seen)
        await stand.containers.kill(service, signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN)
        finally:
            await stand.containers.kill(service, signal.SIGCONT)
        seen = [one for one in stand.traffic.ledger.seen[sent:] if one.what in without]
        failed = Counter(f"{one.what}: {one.status}" for one in seen if one.is_failed)
        stand.require(bool(seen), f"nobody asked for anything else while {service} stood still")
        stand.require(not failed, f"{dict(failed)} while {service} stood still, which it has no part in")
        others += len(seen)
        await asyncio.sleep(BETWEEN)
    return f"{others} requests without a part of it, all served"
