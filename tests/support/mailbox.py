"""The mailbox of development as a process of its own, on free ports, and letters for it."""

import asyncio
import contextlib
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2

from tests.support.ports import find_free_port
from tests.support.running_stack import ROOT
from tests.support.waiting import wait_until

DEADLINE = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class RunningMailbox:
    """A running mailbox."""

    process: "subprocess.Popen[str]"
    smtp_port: int
    page_port: int

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.page_port}"

    def client(self) -> httpx2.Client:
        """Return a client of its page."""
        return httpx2.Client(base_url=self.url, timeout=10, trust_env=False)

    def send(self, letter: EmailMessage) -> None:
        """Send it a letter."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as smtp:
            smtp.send_message(letter)

    def list_letters(self) -> list[dict[str, Any]]:
        """Return what is in it, the newest first."""
        with self.client() as client:
            letters: list[dict[str, Any]] = client.get("/letters.json").json()
            return letters

    async def wait_for_texts(self, email: str, least: int) -> list[str]:
        """Return the texts of the letters to an address, the newest first, once there are so many."""

        async def look() -> list[str]:
            letters = await asyncio.to_thread(self.list_letters)
            return [letter["text"] for letter in letters if letter["recipients"] == [email]]

        return await wait_until(look, lambda texts: len(texts) >= least)


def sending_to(mailbox: RunningMailbox) -> dict[str, str]:
    """Return settings of a stack whose letters go to a mailbox, as many as one likes."""
    unlimited = dict.fromkeys(("LETTERS_PER_HOUR", "LETTERS_PER_DAY", "LETTERS_PER_CLIENT"), "1000000")
    server = f"smtp://127.0.0.1:{mailbox.smtp_port}?tls=none"
    return {**unlimited, "LETTER_PAUSE": "1", "SMTP_URL": server, "MAIL_FROM": "Gatepost <no-reply@example.com>"}


@contextlib.contextmanager
def running_mailbox() -> Iterator[RunningMailbox]:
    """Give a mailbox that takes letters, with nothing in it; it has nothing to say, and warnings are errors."""
    smtp_port, page_port = find_free_port(), find_free_port()
    ports = ("--smtp-port", str(smtp_port), "--page-port", str(page_port))
    command = [sys.executable, "-W", "error", "-m", "deploy.mailbox", *ports]
    with (
        tempfile.NamedTemporaryFile() as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, text=True) as process,
    ):
        mailbox = RunningMailbox(process, smtp_port, page_port)
        try:
            _wait_until_ready(mailbox)
            yield mailbox
            process.terminate()
            process.wait(DEADLINE)
            assert Path(output.name).read_text() == ""
        finally:
            process.kill()


def _wait_until_ready(mailbox: RunningMailbox) -> None:
    deadline = time.monotonic() + DEADLINE
    with mailbox.client() as client:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                assert client.get("/readyz").status_code == 200
                return
            assert mailbox.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def write_letter(subject: str = "A letter", text: str = "Hello", html: str | None = None) -> EmailMessage:
    """Return a letter to Ada."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Gatepost <no-reply@localhost>", "ada@example.com", subject
    letter.set_content(text)
    if html is not None:
        letter.add_alternative(html, subtype="html")
    return letter
