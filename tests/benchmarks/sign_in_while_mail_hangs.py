"""Whether sign-ins are slower while letters wait for a server that says nothing: with and without mail, in turns.

``python -m tests.benchmarks.sign_in_while_mail_hangs [--tries 500] [--letters 5000]``. Two auth services as their own
processes on one embedded PostgreSQL: one has no mail, the other so many letters for a server that accepts connections
and never says a word, so that as many conversations hang as ever may. Sign-ins go one after the other, with the right
password, over one kept connection to each.
"""

import argparse
import asyncio
import contextlib
import http.client
import socket
import sys
import tempfile
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles

import asyncpg

from tests.benchmarks.processes import LOAD_CORE, ServerFailed, on_core, pick_ports
from tests.benchmarks.sign_in_times import (
    KNOWN,
    PASSWORD,
    UNLIMITED,
    WARM_UP,
    AuthService,
    running_auth_service,
    running_database,
)

WAITING = (
    "INSERT INTO letters (kind, address, language, facts, expires_at) "
    "SELECT 'reset_code', i || '@example.com', 'en', '{\"code\": \"7K3F9QXM\"}', now() + interval '1 day' "
    "FROM generate_series(1, $1::int) AS i"
)


def main() -> None:
    """Run the benchmark of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sign_in_while_mail_hangs")
    parser.add_argument("--tries", type=int, default=500, help="of each kind (500)")
    parser.add_argument("--letters", type=int, default=5000, help="that wait (5000)")
    arguments = parser.parse_args()
    try:
        without, hanging, tried = _measure(arguments.tries, arguments.letters)
    except ServerFailed as error:
        sys.exit(str(error))
    sys.stdout.write("| sign-ins | median ms | p99 ms | slowest ms |\n|---|---:|---:|---:|\n")
    for name, seconds in (("without mail", without), ("while SMTP hangs", hanging)):
        percent = quantiles(seconds, n=100)
        figures = (percent[49], percent[98], max(seconds))
        sys.stdout.write(f"| {name} | {' | '.join(f'{figure * 1000:.1f}' for figure in figures)} |\n")
    sys.stdout.write(f"\n{arguments.letters} letters waited, and {tried} tries to send one had begun.\n")


def _measure(tries: int, letters: int) -> tuple[Sequence[float], Sequence[float], int]:
    """Return the seconds of each sign-in without mail and with mail that hangs, and how often a letter was taken."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(LOAD_CORE))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-")))
        url = stack.enter_context(running_database(directory))
        [port] = pick_ports(1)
        stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=1000))  # nobody ever answers
        mail = {"SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none", "MAIL_FROM": "no-reply@example.com"}
        plain = stack.enter_context(running_auth_service("without_mail", directory, url, UNLIMITED))
        hanging = stack.enter_context(running_auth_service("with_mail", directory, url, UNLIMITED | mail))
        if plain.post("/api/user", {"name": "Ada", "email": KNOWN, "password": PASSWORD}) != HTTPStatus.CREATED:
            raise ServerFailed("the auth service signs nobody up")
        asyncio.run(_query(url, WAITING, letters))
        pairs = [(_sign_in(plain), _sign_in(hanging)) for _ in range(WARM_UP + tries)][WARM_UP:]
        tried = asyncio.run(_query(url, "SELECT sum(tries) FROM letters"))
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs], tried


def _sign_in(service: AuthService) -> float:
    status, seconds = service.sign_in(KNOWN, PASSWORD)
    if status != http.client.OK:
        raise ServerFailed(f"a sign-in was answered with {status}")
    return seconds


async def _query(url: str, statement: str, *arguments: int) -> int:
    connection = await asyncpg.connect(url)
    try:
        found: int = await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()
    return found


if __name__ == "__main__":
    main()
