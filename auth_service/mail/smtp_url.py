"""Which server takes our letters, and who they are from: what ``SMTP_URL`` and ``MAIL_FROM`` say. Pure.

``smtp://user:password@host:587`` is encrypted by STARTTLS (RFC 3207), ``smtps://host:465`` from the first byte (RFC
8314, section 3.3); either way the certificate must be good for that host. ``smtp://host:1025?tls=none``, without any of
it, is for a mailbox on a developer's machine, and accepted in development only.
"""

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 587, "smtps": 465}
_PLAIN = "tls=none"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server for outgoing mail; ``security`` is ``tls``, ``starttls`` or ``none``."""

    host: str
    port: int
    security: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def read_smtp_url(url: str, *, is_development: bool) -> SmtpServer:
    """Return the server that a URL names; ValueError, which says nothing of its password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("SMTP_URL is not a URL") from None
    if parts.scheme not in PORTS or not host or parts.path not in {"", "/"} or parts.fragment:
        raise ValueError("SMTP_URL must be smtp://user:password@host:587, or smtps://…:465")
    if parts.query not in {"", _PLAIN}:
        raise ValueError("SMTP_URL may end in ?tls=none, and in nothing else")
    is_plain = parts.query == _PLAIN
    if is_plain and (not is_development or parts.scheme == "smtps"):
        raise ValueError("SMTP_URL may say tls=none only with smtp:// and ENVIRONMENT=development")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("SMTP_URL must name both a user and a password, or neither")
    security = "none" if is_plain else "tls" if parts.scheme == "smtps" else "starttls"
    user, password = (unquote(each) if each is not None else None for each in (parts.username, parts.password))
    return SmtpServer(host, port or PORTS[parts.scheme], security, user, password)


def read_sender(text: str) -> Address:
    """Return who letters are from, of ``name@host`` or ``Name <name@host>``; ValueError when that is not one."""
    name, address = parseaddr(text)
    try:
        sender = Address(name, addr_spec=address)
    except (ValueError, IndexError):
        sender = Address()
    if not sender.username or not sender.domain or not address.isascii() or any(map(str.isspace, address)):
        raise ValueError("MAIL_FROM must be an address, such as Example <no-reply@example.com>")
    return sender
