"""Disks that are full: PostgreSQL's, and the one that the logs go to."""

import asyncio
import json
import secrets
from collections import Counter
from http import HTTPStatus
from pathlib import Path

from tests.faults.beside import LOST_LINES, last_with
from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand
from tests.faults.people import NotServed, Person
from tests.faults.tokens import join
from tests.faults.traffic import make_post

HOLDER = "disk_holder"  # has the volume mounted as well: it fills it, and keeps it while PostgreSQL restarts
SIZE = "400m"
FULL = 20.0  # seconds
LARGE = secrets.token_hex(45_000)  # more than fits into pages that have room; PostgreSQL can't compress it
READS = {"read", "read all", "list"}
_FILL = "dd if=/dev/zero of=/disk/filler bs=1M; dd if=/dev/zero of=/disk/filler-2 bs=4k; true"
_UNFILL = "rm -f /disk/filler /disk/filler-2"
# The write-ahead log goes on in a segment that is there: without one PostgreSQL itself ends.
_NEW_SEGMENT = "CHECKPOINT; SELECT pg_switch_wal(); CREATE TABLE experiment (); DROP TABLE experiment; CHECKPOINT"
_FULL_LOG = "dd if=/dev/zero of=/full/filler bs=4k 2>/dev/null; exec python -m {} 2> /full/log"


def write_small_disk(directory: Path) -> Path:
    """Write compose's second file, with which PostgreSQL's data is on a disk of a few hundred MiB."""
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={SIZE},uid=999,gid=999,mode=0700"}
    holder = {
        "image": "postgres:17",
        "entrypoint": ["sleep", "100000"],
        "user": "999:999",
        "read_only": True,
        "network_mode": "none",
        "volumes": ["database:/disk"],
        "healthcheck": {"test": ["CMD", "true"], "interval": "1s"},
    }
    file = directory / "small_disk.json"  # compose reads YAML, and JSON is YAML
    volumes = {"database": {"driver": "local", "driver_opts": options}}
    file.write_text(json.dumps({"version": "3.8", "services": {HOLDER: holder}, "volumes": volumes}))
    return file


async def fill_disk(stand: Stand) -> str:
    """Fill PostgreSQL's disk, and make room again after 20 s: what is there is read on, writes are refused."""
    writer, starts = await join(stand), await _list_starts(stand)
    await asyncio.sleep(2)
    await stand.containers.ask_postgres(_NEW_SEGMENT)
    await stand.containers.execute(HOLDER, "sh", "-c", _FILL)
    sent = len(stand.traffic.ledger.seen)
    try:
        refused = await _write_until_refused(stand, writer)
        await asyncio.sleep(FULL)
    finally:
        await stand.containers.execute(HOLDER, "sh", "-c", _UNFILL)
    seen = stand.traffic.ledger.seen[sent:]
    failed = Counter(f"{one.what}: {one.status}" for one in seen if one.what in READS and one.is_failed)
    reads = sum(one.what in READS for one in seen)
    stand.require(not failed, f"of {reads} reads failed {dict(failed)}")
    await _write_again(stand, writer)
    stand.require(await _list_starts(stand) == starts, "something was restarted")
    return f"{reads} reads served meanwhile; a write refused at try {refused}"


async def fill_log_disk(stand: Stand) -> str:
    """Let the logs of the three services go to a disk that is full."""
    full = {
        service: {"entrypoint": ["sh", "-c", _FULL_LOG.format(service)], "tmpfs": ["/full:size=64k,mode=1777"]}
        for service in SERVICES
    }
    lost: dict[str, float] = {}

    async def look() -> None:
        for service in SERVICES:
            lost[service] = await stand.containers.read_metric(service, LOST_LINES) or 0
            stand.require(lost[service] > 0, f"{service} counts no line as lost")
            found = await stand.containers.execute(service, "find", "/tmp", "-type", "f")  # noqa: S108 - a container's
            stand.require(not found, f"{service} keeps files in /tmp, which may be full as well: {found}")

    served = await last_with(stand, full, {}, SERVICES, look, share=0.0)
    return f"{served}; {sum(lost.values()):.0f} lines lost, and counted"


async def _write_until_refused(stand: Stand, writer: Person) -> int:
    """Return which write was refused; nothing of it may have been done."""
    for number in range(1, 50):
        post = make_post()
        post.versions = [LARGE]
        writer.posts.append(post)
        try:
            await writer.write(post, published=True)
        except NotServed:
            last = stand.traffic.ledger.seen[-1].status
            stand.require(last != HTTPStatus.INTERNAL_SERVER_ERROR, "a write on a full disk is an error of ours")
            return number
    stand.require(False, "the disk never was full")
    return 0


async def _write_again(stand: Stand, writer: Person) -> None:
    """Send again, with its key, what was refused."""
    for _ in range(50):
        try:
            await writer.write(writer.posts[-1], published=True)
        except NotServed:
            await asyncio.sleep(0.2)
        else:
            return
    stand.require(False, "nothing can be written though there is room again")


async def _list_starts(stand: Stand) -> list[str]:
    """Return since when each container runs."""
    ids = [await stand.containers.get_id(name) for name in (*SERVICES, "postgres")]
    return [await stand.containers.docker("inspect", "--format", "{{.State.StartedAt}}", each) for each in ids]
