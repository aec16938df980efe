"""The password of ``user create``: from a program, and at a terminal."""

import asyncio
import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator

import asyncpg
import httpx2
import pytest

from shared.command_line.exit_statuses import ExitStatus
from shared.settings import SAMPLE_SECRETS
from tests.support.command_line import CommandLine
from tests.support.house import ROOT
from tests.support.people import PASSWORD

CREATE = ("user", "create", "Ada", "ada@example.com")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_the_end_of_the_line_is_not_the_password_s(
    command_line: CommandLine, client: httpx2.AsyncClient, end: str
) -> None:
    """A password from a file or program of Windows, whose lines end otherwise, is the one that the user types."""
    await command_line.find(*CREATE, stdin=f"{PASSWORD}{end}")
    answer = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 200


@contextlib.contextmanager
def at_a_terminal(database_url: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Give the command as a process at a terminal, and that terminal, as who sits there has it."""
    ours, theirs = pty.openpty()
    settings = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "AUTH_DATABASE_URL": database_url}
    process = subprocess.Popen(
        [sys.executable, "-m", "auth_service", *CREATE],
        env={"PATH": os.defpath, **settings},
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(theirs)
        os.close(ours)


def read_until(terminal: int, end: bytes) -> bytes:
    """Return what is shown at a terminal until it ends so."""
    shown = b""
    while not shown.endswith(end):
        shown += os.read(terminal, 1)
    return shown


@pytest.mark.usefixtures("database")
def test_ctrl_c_at_the_prompt(auth_database_url: str) -> None:
    """The first Ctrl-C at either prompt ends the command, as it ends others, and what is typed is shown again."""
    for prompts in (1, 2):
        with at_a_terminal(auth_database_url) as (process, terminal):
            read_until(terminal, b"Password: ")
            if prompts == 2:
                os.write(terminal, f"{PASSWORD}\n".encode())
                read_until(terminal, b"Once more: ")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == ExitStatus.STOPPED
            assert termios.tcgetattr(terminal)[3] & termios.ECHO


async def test_a_password_that_is_typed_twice(
    auth_database_url: str, database: asyncpg.Connection, client: httpx2.AsyncClient
) -> None:
    """At a terminal the password is asked for twice and not shown; with it the user signs in."""

    def type_it() -> tuple[int, bytes]:
        with at_a_terminal(auth_database_url) as (process, terminal):
            shown = b""
            for prompt in (b"Password: ", b"Once more: "):
                shown += read_until(terminal, prompt)
                os.write(terminal, f"{PASSWORD}\n".encode())
            return process.wait(60), shown + os.read(terminal, 1000)

    status, shown = await asyncio.to_thread(type_it)
    assert (status, PASSWORD.encode() in shown) == (0, False)
    assert await database.fetchval("SELECT count(*) FROM users") == 1
    answer = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 200
