"""The mailbox of development as a part of the stack: only when asked for, and then all mail goes there.

It is a program beside the services, ``deploy/mailbox``; the auth service knows it as any other SMTP server.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.processes import Child, start_child

SENDER = "Gatepost <no-reply@localhost>"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where the mailbox takes letters and shows them, on 127.0.0.1."""

    smtp_port: int
    page_port: int

    @property
    def page(self) -> str:
        """The address of the page. Not localhost: a browser would send it the cookies of the gateway's pages."""
        return f"http://127.0.0.1:{self.page_port}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which a service sends its letters there."""
        return {"SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}?tls=none", "MAIL_FROM": SENDER}

    def start(self, environment: Mapping[str, str], directory: Path) -> Child:
        """Start it."""
        ports = ("--smtp-port", str(self.smtp_port), "--page-port", str(self.page_port))
        command = (sys.executable, "-m", "deploy.mailbox", *ports)
        return start_child("mailbox", command, environment=environment, directory=directory)
