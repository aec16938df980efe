"""The door to SMTP (RFC 5321): one connection for each letter, and what came of it.

1. The connection is encrypted, by STARTTLS (RFC 3207) or from the first byte, and the server's certificate is valid for
   its host; there is no fallback to plain text. It takes 20 seconds at most.
2. A letter is refused for good only by a reply that is about it: 5xx to its recipient or its text. All other failures,
   a lost connection, a timeout, 4xx (RFC 5321, section 4.2.1; greylisting, RFC 6647), are temporary.
3. What would stop every letter, such as a wrong password, an invalid certificate or a refused sender, is a fault of the
   setup: letters wait until somebody fixes it.
4. A domain is sent in punycode. A local part that is not ASCII needs SMTPUTF8 (RFC 6531).
5. Replies are logged without addresses and URLs, which servers like to repeat.
"""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from enum import StrEnum

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from auth_service.mail.addresses import encode_domain
from auth_service.mail.smtp_url import SmtpServer
from shared.language.visible_text import make_visible
from shared.process.name_lookups import NameLookups

CONNECT_TIMEOUT = 5.0  # seconds, and as many until the server greets
WHOLE_TIMEOUT = 20.0
FAREWELL_TIMEOUT = 1.0
LONGEST_ANSWER = 200  # characters
_ASKS_FOR_AUTH = {530, 534, 535, 538}  # RFC 4954, section 6
_AUTH_METHODS = ("plain", "login", "cram-md5")
_TELLING = re.compile(r"\S*(?:@|://)\S*")


class Outcome(StrEnum):
    """What came of a try to send a letter."""

    SENT = "sent"
    LATER = "later"
    MISCONFIGURED = "misconfigured"  # later, too: once that is mended
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it, and what the server said, or why it said nothing."""

    outcome: Outcome
    text: str


class SmtpRelay:
    """The server that takes our letters; ``context`` says whom to trust, where that is not the system's choice."""

    def __init__(self, server: SmtpServer, sender: Address, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._context = context or _trust_system()
        self._lookups = NameLookups()

    def __str__(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    async def send(self, letter: EmailMessage, address: str) -> Answer:
        """Send a letter to an address, which becomes its ``To``, and return what came of it; never raises for that."""
        try:
            recipient = write_address(address)
        except ValueError:
            return Answer(Outcome.REFUSED, "SMTP can't write the address")
        del letter["To"]
        letter["To"] = recipient
        client = self._make_client()
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT):
                # First, so that while this hangs no other begins: the client looks the name up itself once more.
                await asyncio.wait_for(self._lookups.look_up(self._server.host), CONNECT_TIMEOUT)
                await client.connect(timeout=CONNECT_TIMEOUT)
                await self._log_in(client)
                to, sender = recipient.addr_spec, self._sender.addr_spec
                _, said = await client.send_message(letter, sender=sender, recipients=[to])
        except (SMTPException, OSError) as error:
            answer = Answer(judge(error), _describe(error, recipient))
            if not isinstance(error, OSError):  # which leaves nobody to say it to
                await _say_farewell(client)
        else:
            answer = Answer(Outcome.SENT, _tell(f"250 {said}", recipient))
            await _say_farewell(client)
        finally:
            client.close()
        return answer

    async def _log_in(self, client: SMTP) -> None:
        """Prove who we are, by one method: a wrong password would be as wrong by the others, and counted each time."""
        server = self._server
        if server.user is not None and server.password is not None:
            await client.ehlo()
            offered = [method for method in _AUTH_METHODS if method in client.server_auth_methods]
            client.AUTH_METHODS = tuple(offered[:1])
            await client.login(server.user, server.password)

    def _make_client(self) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=self._sender.domain,  # ours may be no name that anybody knows
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._context,
            timeout=WHOLE_TIMEOUT,
        )


def _trust_system() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def write_address(address: str) -> Address:
    """Return an address as SMTP writes it; ValueError when it can't."""
    local, _, domain = encode_domain(address).rpartition("@")
    if not local or not domain or not domain.isascii() or any(each.isspace() or each in '<>"' for each in address):
        raise ValueError("no address of ours")
    return Address(username=local, domain=domain)


def judge(error: SMTPException | OSError) -> Outcome:
    """Return what a failure means for the letter."""
    if isinstance(error, SMTPNotSupported):  # SMTPUTF8, which only such an address needs
        return Outcome.REFUSED
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        if error.code // 100 != 5:  # noqa: PLR2004 - as RFC 5321 writes it: 5yz
            return Outcome.LATER
        is_about_letter = isinstance(error, (SMTPRecipientRefused, SMTPDataError))
        return Outcome.REFUSED if is_about_letter and error.code not in _ASKS_FOR_AUTH else Outcome.MISCONFIGURED
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return Outcome.MISCONFIGURED
    return Outcome.LATER if isinstance(error, OSError) else Outcome.MISCONFIGURED  # no STARTTLS, no AUTH


async def _say_farewell(client: SMTP) -> None:
    with contextlib.suppress(SMTPException, OSError):
        async with asyncio.timeout(FAREWELL_TIMEOUT):
            await client.quit()


def _describe(error: SMTPException | OSError, recipient: Address) -> str:
    if isinstance(error, SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, SMTPResponseException):
        return _tell(f"{error.code} {error.message}", recipient)
    return _tell(str(error) or f"no reply within {WHOLE_TIMEOUT:.0f} s", recipient)


def _tell(text: str, recipient: Address) -> str:
    """Return a reply in one line, without what it may have repeated of the letter."""
    said = _TELLING.sub("…", " ".join(text.split()))
    said = re.sub(rf"(?<!\w){re.escape(recipient.username)}(?!\w)", "…", said, flags=re.IGNORECASE)
    return make_visible(said[:LONGEST_ANSWER])
