"""PostgreSQL away, slow, full, or with a table locked."""

import asyncio
import time

from tests.faults.experiments import Stand

AWAY = 15.0  # seconds
FROZEN = 30.0
LOCKED = 20.0
MANY = 110  # connections; PostgreSQL gives 100
_END_CLIENTS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('auth', 'posts')"


async def stop_postgres(stand: Stand) -> str:
    """PostgreSQL stopped at once, and started after 15 s."""
    await asyncio.sleep(2)
    await stand.containers.compose("kill", "-s", "QUIT", "postgres")
    await asyncio.sleep(AWAY)
    await stand.containers.compose("start", "postgres")
    await _wait_until_it_answers(stand)
    return ""


async def restart_postgres(stand: Stand) -> str:
    """PostgreSQL restarted under load."""
    await asyncio.sleep(2)
    await stand.containers.compose("restart", "postgres")
    await _wait_until_it_answers(stand)
    return ""


async def freeze_postgres(stand: Stand) -> str:
    """PostgreSQL paused for 30 s: connections stay open and nothing answers."""
    await asyncio.sleep(2)
    await stand.containers.compose("pause", "postgres")
    await asyncio.sleep(FROZEN)
    await stand.containers.compose("unpause", "postgres")
    return ""


async def lock_table(stand: Stand) -> str:
    """Lock the table of posts for 20 s."""
    await asyncio.sleep(2)
    await stand.containers.ask_postgres(f"BEGIN; LOCK TABLE posts; SELECT pg_sleep({LOCKED}); COMMIT", "posts")
    return ""


async def fill_connections(stand: Stand) -> str:
    """Take all connections that PostgreSQL gives, for 15 s, after ending those of the services."""
    await asyncio.sleep(2)
    await stand.containers.ask_postgres(_END_CLIENTS)
    taking = f"for each in $(seq {MANY}); do psql --username=postgres --command='SELECT pg_sleep({AWAY})' & done; wait"
    await stand.containers.execute("postgres", "bash", "-c", f"{taking} >/dev/null 2>&1")
    return ""


async def _wait_until_it_answers(stand: Stand) -> None:
    """Return when PostgreSQL takes connections: from here on it is the services that must find it again."""
    started = time.monotonic()
    while True:
        try:
            await stand.containers.ask_postgres("SELECT 1")
        except Exception:  # noqa: BLE001 - whatever psql says
            stand.require(time.monotonic() - started < 60, "PostgreSQL does not come back")
            await asyncio.sleep(0.2)
        else:
            return
