"""A server for mail (aiosmtpd) that answers as a test wants it to, in the test's own event loop."""

import asyncio
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

USER, PASSWORD = "gatepost", "a password of the tests"
OK = "250 2.0.0 queued"


@dataclass  # without slots, which aiosmtpd can't look into
class Inbox:
    """What a server got, and how it is to answer: the replies to recipients and to texts, each once, then OK."""

    replies: list[str] = field(default_factory=list)
    replies_to_text: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    letters: list[EmailMessage] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    on_letter: Callable[[], None] = lambda: None

    async def handle_EHLO(  # noqa: N802, D102 - aiosmtpd's names, as below
        self, _: SMTP, session: Session, __: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        session.host_name = host
        self.hosts.append(host)
        return replies

    async def handle_MAIL(  # noqa: N802, D102
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        self.options = options
        self.senders.append(address)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802, D102
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if self.replies and not (reply := self.replies.pop(0)).startswith("250"):
            return reply
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802, D102
        if self.replies_to_text and not (reply := self.replies_to_text.pop(0)).startswith("250"):
            return reply
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.SMTPUTF8)
        assert isinstance(letter, EmailMessage)
        self.recipients += envelope.rcpt_tos
        self.letters.append(letter)
        self.on_letter()
        return OK


def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, login: object) -> AuthResult:
    """Let one user in."""
    assert isinstance(login, LoginPassword)
    is_right = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class Connection(SMTP):
    """A client's connection, whose task ends with it."""

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Begin TLS; end where the client left in the middle, which aiosmtpd takes for a success and waits forever."""
        await super().smtp_STARTTLS(arg)
        assert self.session is not None
        if self.tls_context and self.session.ssl is None:
            raise asyncio.CancelledError


@contextlib.asynccontextmanager
async def smtp_server(
    inbox: Inbox, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[int]:
    """Give the port, on the loopback, of a server that fills an inbox."""
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []

    def take() -> Connection:
        connections.append(Connection(inbox, loop=loop, hostname="localhost", tls_context=starttls, **options))  # type: ignore[arg-type]
        return connections[-1]

    server = await loop.create_server(take, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in connections:
            if isinstance(each.transport, asyncio.Transport) and not each.transport.is_closing():
                each.transport.abort()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Give the port of a server that accepts connections and never says anything."""
    taken: list[asyncio.StreamWriter] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in taken:
            writer.transport.abort()
        await server.wait_closed()
