"""Our side of SMTP, as tests set it up: a relay to a port of the loopback, and a letter to send by it."""

import ssl
from email.headerregistry import Address
from email.message import EmailMessage

from auth_service.mail.smtp import SmtpRelay
from auth_service.mail.smtp_url import SmtpServer
from auth_service.tables.letters import Letter

SENDER = Address("Gatepost", "no-reply", "gatepost.example")
HOST = "localhost"


def relay_to(
    port: int, security: str = "none", context: ssl.SSLContext | None = None, user: str = "", password: str = ""
) -> SmtpRelay:
    """Return a relay to a server on the loopback."""
    login = (user, password) if user else (None, None)
    return SmtpRelay(SmtpServer(HOST, port, security, *login), SENDER, context)


def compose_plainly(letter: Letter) -> EmailMessage:
    """Return a letter without anything that a person would miss."""
    message = EmailMessage()
    message["From"] = SENDER
    message["Subject"] = f"A letter of the kind {letter.kind.value}"
    message["Message-ID"] = f"<{letter.id}@gatepost.example>"
    message.set_content("".join(f"{name}: {fact}\n" for name, fact in letter.facts.items()) or "Nothing\n")
    return message
