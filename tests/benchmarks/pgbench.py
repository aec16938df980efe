"""The database's own limit: pgbench with the statement that one list costs, prepared, for random authors.

pgbench (from the embedded PostgreSQL's wheel) runs on the load's core, as wrk does. It reads no HTTP and makes no JSON.
"""

import asyncio
import math
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import asyncpg

from stack.postgres import get_programs
from tests.benchmarks.checks import read_posts
from tests.benchmarks.peer_servers import libpq_environment
from tests.benchmarks.processes import LOAD_CORE, on_core
from tests.benchmarks.rows import USERS
from tests.benchmarks.wrk import MARGIN, Ask, Load, LoadInvalid, children_cpu

MOST_CLIENTS = 32  # as a pool would hold; the server takes no more than 100 in all

# As posts_service/tables/posts.py asks for one author's published posts: one more than is shown.
STATEMENT = """
SELECT post.id, post.title, post.content, post.published, post.version, post.author_id,
    post.created_at, post.updated_at, authors.name, authors.email
FROM posts AS post LEFT JOIN authors ON authors.id = post.author_id
WHERE post.author_id = :author AND post.published AND post.id < 9223372036854775807
ORDER BY post.id DESC LIMIT 11;
"""
_LATENCY_COLUMN = 2  # of a line of the log: client, transaction, microseconds, ...


class PgBench:
    """A ``Send`` that loads a database by its URL; logs go to ``directory``."""

    def __init__(self, url: str, directory: Path) -> None:
        self._environment = libpq_environment(url)
        self._directory = directory
        self._script = directory / "list.sql"
        self._script.write_text(f"\\set author random(1, {USERS})\n{STATEMENT}", encoding="ascii")

    def __call__(self, *, seconds: int, connections: int) -> Load:
        """Return what the database reached; LoadInvalid when one statement failed."""
        for old in self._directory.glob("pgbench.*"):
            old.unlink()
        options = ["--no-vacuum", "--protocol=prepared", "--log", "--log-prefix=pgbench", f"--file={self._script}"]
        effort = [f"--client={min(connections, MOST_CLIENTS)}", f"--time={seconds}"]
        command = [str(get_programs() / "pgbench"), *options, *effort]
        before = children_cpu()
        with on_core(LOAD_CORE):
            ended = subprocess.run(
                command,
                cwd=self._directory,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=seconds + MARGIN,
                check=False,
            )
        if ended.returncode != 0:
            raise LoadInvalid(f"pgbench failed: {ended.stderr.strip()}")
        lines = (line for path in self._directory.glob("pgbench.*") for line in path.read_text().splitlines())
        return read_log(lines, seconds, children_cpu() - before)


def check_statement(url: str, asks: Sequence[Ask]) -> None:
    """Raise LoadInvalid unless the statement finds just the posts that the lists show."""
    asyncio.run(_check_statement(url, asks))


def read_log(lines: Iterable[str], seconds: float, cpu: float) -> Load:
    """Return what pgbench's log says of a run of that long, in which pgbench used that many CPU seconds."""
    latencies = sorted(int(line.split()[_LATENCY_COLUMN]) for line in lines)
    if not latencies:
        raise LoadInvalid("pgbench ran no statement")
    p50, p99 = (latencies[math.ceil(share * len(latencies)) - 1] / 1e3 for share in (0.5, 0.99))
    return Load(len(latencies), seconds, p50, p99, cpu / seconds)


async def _check_statement(url: str, asks: Sequence[Ask]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for ask in asks:
            posts = read_posts(ask.body)
            rows = await connection.fetch(STATEMENT.replace(":author", "$1"), posts[0]["authorId"])
            if [row["id"] for row in rows][: len(posts)] != [post["id"] for post in posts]:
                raise LoadInvalid(f"pgbench's statement does not find what {ask.path} shows")
    finally:
        await connection.close()
