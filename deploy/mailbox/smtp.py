"""The mailbox's SMTP server (RFC 5321): no TLS, no sign-in, every sender and recipient is welcome."""

import asyncio
import datetime as dt
import socket

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.mailbox.letters import LONGEST_LETTER, Mailbox


class Receiver:
    """Puts what SMTP takes into a mailbox; aiosmtpd calls it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        """Keep a letter."""
        source = envelope.content
        assert isinstance(source, bytes)
        self._mailbox.add(envelope.mail_from or "", envelope.rcpt_tos, source, dt.datetime.now(dt.UTC))
        return "250 OK"


async def listen(mailbox: Mailbox, at: socket.socket) -> asyncio.Server:
    """Take letters at a bound socket until the server that is returned is closed."""
    loop = asyncio.get_running_loop()

    def create_protocol() -> SMTP:
        return SMTP(
            Receiver(mailbox),
            data_size_limit=LONGEST_LETTER,
            enable_SMTPUTF8=True,
            hostname="mailbox",
            ident="Gatepost's mailbox of development",
            loop=loop,
        )

    return await loop.create_server(create_protocol, sock=at)
