"""``mail test ADDRESS``: an operator looks whether letters leave, and what the server says to them."""

import asyncpg
import pytest

from tests.support.command_line import CommandLine
from tests.support.letters import WITH_MAIL
from tests.support.ports import find_free_port
from tests.support.smtp_server import Inbox, smtp_server

TO = "ada@example.com"


async def send_test(
    command_line: CommandLine, environment: pytest.MonkeyPatch, address: str, port: int
) -> tuple[int, str]:
    """Try a server on the loopback; return the exit status, and what was said."""
    environment.setenv("SMTP_URL", f"smtp://127.0.0.1:{port}?tls=none")
    environment.setenv("MAIL_FROM", str(WITH_MAIL["mail_from"]))
    status, out, err = await command_line.run("mail", "test", address)
    return status, out + err


async def test_a_letter_that_leaves(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, database: asyncpg.Connection
) -> None:
    """It sends a letter at once, not by way of the table, and shows the server's answer."""
    inbox = Inbox()
    async with smtp_server(inbox) as port:
        status, said = await send_test(command_line, monkeypatch, TO, port)
        second, _ = await send_test(command_line, monkeypatch, TO, port)
    assert (status, second) == (0, 0)
    assert f"127.0.0.1:{port}" in said
    assert "250 2.0.0 queued" in said
    assert inbox.recipients == [TO, TO]
    assert inbox.letters[0]["Message-ID"] != inbox.letters[1]["Message-ID"]  # or a mailbox would show one of them only
    assert await database.fetchval("SELECT count(*) FROM letters") == 0


async def test_a_letter_that_does_not(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not take it, or is not there, is quoted in one sentence; the exit status says so."""
    inbox = Inbox(replies=["550 5.7.1 Relaying denied"])
    async with smtp_server(inbox) as port:
        refused = await send_test(command_line, monkeypatch, TO, port)
    assert refused == (1, f"127.0.0.1:{port} did not take the letter: 550 5.7.1 Relaying denied\n")
    status, said = await send_test(command_line, monkeypatch, TO, find_free_port())
    assert (status, said.count("\n")) == (1, 1)
    assert "did not take the letter: Error connecting to" in said


async def test_what_cant_be_tried(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server, or to what is no address, nothing is sent."""
    assert await command_line.run("mail", "test", TO) == (1, "", "There is no mail without SMTP_URL\n")
    status, said = await send_test(command_line, monkeypatch, "ada", find_free_port())
    assert status == 1
    assert said.startswith("address ")
