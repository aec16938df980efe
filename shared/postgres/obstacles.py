"""What keeps a service from its database, as a sentence that says what to do. Pure.

Told by SQLSTATE where PostgreSQL answers (its manual, appendix A), else by the error of the connection. A sentence
names the server, the role and the database, and never the password.
"""

import socket
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

from shared.postgres.servers import DEFAULT_PORT, list_urls

_SENTENCES = {
    "28P01": "{place} refuses the password of the role {role}: set the one that the role has, or give the role this one"
    " (ALTER ROLE {role} PASSWORD ...)",
    "28000": "{place} does not let the role {role} in: {says}. Create the role, let it log in, or add a line to"
    " pg_hba.conf",
    "3D000": "there is no database {database} at {place}: create it, or name the one that is there",
    "42501": "the role {role} lacks a right in the database {database} at {place}: {says}. Make it the owner of the"
    " database",
    "53300": "{place} has no connection left: raise its max_connections, or lower POOL_SIZE or the number of replicas",
    "57P03": "{place} is starting or shutting down: wait until it is up",
    "25006": "{place} is read-only, a standby perhaps: name the primary, or add target_session_attrs=read-write",
}
_NO_MORE_HERE = (
    "{place} lets nobody else into the database {database}, which has a CONNECTION LIMIT. If none is meant, as"
    " after a restore that was interrupted: ALTER DATABASE {database} CONNECTION LIMIT -1"
)
_WITHOUT_ANSWER: dict[type[BaseException], str] = {
    socket.gaierror: "the name of {place} can't be looked up: correct it, or start what has that name",
    ConnectionRefusedError: "nothing listens at {place}: start it, or correct host and port",
    TimeoutError: "{place} does not answer: is it running, and does a firewall or a network stand between?",
    BaseException: "{place} can't be reached: {says}",
}


class DatabaseUnreachable(Exception):
    """A database can't be worked with now; the text is a sentence that names the setting, the cause and what to do."""


def describe_obstacle(error: BaseException, url: str) -> str:
    """Return what stands between us and the database of a URL, and what to do about it."""
    place, role, database = _read(url)
    state = getattr(error, "sqlstate", None) or ""
    says = _say(error)
    if says.startswith("too many connections for database"):
        return _NO_MORE_HERE.format(place=place, database=database)
    if state in _SENTENCES:
        return _SENTENCES[state].format(place=place, role=role, database=database, says=says)
    if state:
        return f"{place} refuses to serve the role {role}: {says} ({state})"
    if isinstance(error, ssl.SSLError) or "SSL" in says:
        return f"TLS with {place} fails: {says}. Correct its certificate, or sslmode and sslrootcert in the URL"
    kinds = (kind for kind in _WITHOUT_ANSWER if isinstance(error, kind))
    return _WITHOUT_ANSWER[next(kinds, BaseException)].format(place=place, says=says)


def describe_failed_migration(what: str, reason: str) -> str:
    """Return what became of a migration that failed, and what to do; ``what`` names it, as pogo says it."""
    name = what.removeprefix("Failed to apply ")
    return (
        f"the migration {name} fails: {reason}. Nothing of it was kept, and services of the release before go on"
        " working: mend what the error names and start again, or go back to that release"
    )


def _read(url: str) -> tuple[str, str, str]:
    """Return where the servers are, and the names of the role and of the database."""
    try:
        servers = [urlsplit(each) for each in list_urls(url)]
        first = servers[0]
        folder = parse_qs(first.query).get("host", ["its socket"])[0]
        places = [f"{each.hostname}:{each.port or DEFAULT_PORT}" if each.hostname else folder for each in servers]
    except ValueError:
        return "the server", "of the URL", "of the URL"
    return " and ".join(places), unquote(first.username or "of the URL"), first.path.strip("/")


def _say(error: BaseException) -> str:
    """Return the first line of what an error says, or else its kind."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
