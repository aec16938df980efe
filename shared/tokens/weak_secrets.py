"""Which secrets production refuses: short ones, those published with the source, and those used twice. Pure.

Each check raises ValueError, whose text never shows a secret.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

MIN_SECRET_LENGTH = 32  # bytes (RFC 7518, section 3.2: a key of at least the hash's size)
HOW_TO_ESCAPE = "write # as %23, / as %2F, ? as %3F, @ as %40"
SAMPLE_PASSWORD = "development-only-"  # noqa: S105 - what the published passwords of databases begin with
_SCHEMES = ("postgresql", "postgres")
_SERVER = re.compile(r"(?:\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>\d{1,5}))?")
MAX_PORT = 65_535


def check_secret(secret: str, published: Collection[str]) -> None:
    """Refuse a secret that is short enough to guess, or published with the source."""
    if len(secret.encode()) < MIN_SECRET_LENGTH:
        raise ValueError(f"must be at least {MIN_SECRET_LENGTH} bytes in production")
    if secret in published:
        raise ValueError("is a published sample; make your own for production")


def check_different(ours: Mapping[str, str], others: Mapping[str, str]) -> None:
    """Refuse a secret that is used twice: what is signed with it for one purpose would be valid for the other."""
    for name, secret in ours.items():
        same = [other for other, text in [*others.items(), *ours.items()] if text == secret and other != name]
        if same:
            raise ValueError(f"is the same secret as {same[0]}; in production they must all be different")


def check_database_url(url: str, *, is_development: bool) -> None:
    """Refuse what is not a PostgreSQL URL, and in production a published password.

    A URL without a host, of a Unix socket, may have one: there the file system's permissions decide who gets in.
    """
    try:
        scheme, password, host = urlsplit(url).scheme, urlsplit(url).password or "", urlsplit(url).hostname
    except ValueError:
        scheme, password, host = "", "", None
    if scheme not in _SCHEMES or "://" not in url:
        raise ValueError("must be a URL such as postgresql://role:password@host:5432/database")
    _check_servers(url)
    if not is_development and host and unquote(password).startswith(SAMPLE_PASSWORD):
        raise ValueError(
            "has a published sample password; give the role another one (ALTER ROLE ... PASSWORD) in production"
        )


def _check_servers(url: str) -> None:
    """Refuse a URL whose password is not escaped: part of it would be read as a host, and shown in errors."""
    before, _, rest = url.partition("://")[2].partition("/")
    named, _, options = before.partition("?")
    if "#" in url or "@" in rest + options or named.count("@") > 1:
        raise ValueError(f"has an unescaped character in its password or its options: {HOW_TO_ESCAPE}")
    servers = [_SERVER.fullmatch(server) for server in named.rpartition("@")[2].split(",")]
    if not all(server and 0 < int(server["port"] or MAX_PORT) <= MAX_PORT for server in servers):
        raise ValueError("must name servers as host:5432, and others after a comma")
