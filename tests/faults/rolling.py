"""Restarts that nobody may notice: each replica of each service in turn, while the other serves."""

import asyncio
import dataclasses
import time

from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand
from tests.faults.replicas import name_second, write_replicas
from tests.faults.tokens import NEW, OLD, name_secrets

PATIENCE = "20"  # seconds from SIGTERM to SIGKILL
BOTH = name_secrets(OLD, NEW)  # whichever are in use: they may have been changed before


async def restart_all(stand: Stand) -> str:
    """Restart every service under load, two replicas each, one after the other."""
    await asyncio.sleep(2)
    started = time.monotonic()
    replicas = [replica for service in SERVICES for replica in (service, name_second(service))]
    for replica in replicas:
        container = await stand.containers.get_id(replica)
        await stand.containers.docker("stop", "--time", PATIENCE, container)
        await stand.containers.docker("start", container)
        await stand.containers.wait_until_healthy(replica)
    return f"{len(replicas)} restarts in {time.monotonic() - started:.0f} s"


async def upgrade_posts(stand: Stand) -> str:
    """Replace the replicas of the posts service by such as bring an additive migration."""
    await asyncio.sleep(2)
    upgraded = write_replicas(stand.directory, stand.second_port, is_upgrade=True)
    files = (*stand.containers.files[:-1], upgraded)
    containers = dataclasses.replace(stand.containers, files=files, settings=BOTH)
    for replica in ("posts_service", name_second("posts_service")):
        await containers.compose("up", "--detach", "--no-deps", "--timeout", PATIENCE, replica)
        await containers.wait_until_healthy(replica)
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'experiment'"
    found = await containers.ask_postgres(columns, database="posts")
    stand.require(found == "1", "the migration was not applied")
    return ""
