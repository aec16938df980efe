"""The servers of one database, a primary and its standbys, and a connection to the right one.

    postgresql://posts:...@first:5432,second:5432/posts?target_session_attrs=read-write

1. All servers are tried at once, and the first connection to one of the kind that the URL asks for wins. Trying one
   after another, as asyncpg does, would wait for each that is gone.
2. There is one lookup of a server's name at a time.
"""

import asyncio
import re
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from shared.process.name_lookups import NameLookups, no_name_unknown

Try: TypeAlias = "asyncio.Task[asyncpg.Connection]"

DEFAULT_PORT = 5432
CHECKS_NAME = "sslmode=verify-full"  # then asyncpg needs the name, and looks it up itself once more

_SERVERS = re.compile(r"(?P<before>[a-z]+://(?:[^/?#@]*@)?)(?P<servers>[^/?#@]+)(?P<after>.*)", re.DOTALL)


class PostgresServers:
    """The servers that a URL names."""

    def __init__(self, url: str) -> None:
        self._urls = list_urls(url)
        self._lookups = NameLookups()

    async def connect(self, _dsn: None = None, **settings: Any) -> asyncpg.Connection:  # noqa: ANN401 - asyncpg's own
        """Return a connection, with asyncpg's settings; when all servers fail, raises the error of one of them.

        A pool passes the address that it was given: none, for the servers are known here.
        """
        tries = [asyncio.create_task(self._connect_to(url, settings)) for url in self._urls]
        chosen = None
        try:
            chosen = await _wait_for_first(tries)
            return chosen.result()
        finally:
            for each in tries:
                if each is not chosen:
                    each.cancel()
                    each.add_done_callback(_let_go)

    async def _connect_to(self, url: str, settings: dict[str, Any]) -> asyncpg.Connection:
        server = urlsplit(url)
        if not server.hostname:  # a socket in the file system, or a name among the options
            with no_name_unknown():
                return await asyncpg.connect(url, **settings)
        addresses = await asyncio.wait_for(self._lookups.look_up(server.hostname), settings.get("timeout"))
        if CHECKS_NAME in server.query:
            return await asyncpg.connect(url, **settings)
        ports = [server.port or DEFAULT_PORT] * len(addresses)
        return await asyncpg.connect(url, host=addresses, port=ports, **settings)


def list_urls(url: str) -> list[str]:
    """Return a URL for each of the servers that one URL names."""
    match = _SERVERS.fullmatch(url)
    if match is None:
        return [url]
    return [f"{match['before']}{server}{match['after']}" for server in match["servers"].split(",")]


async def _wait_for_first(tries: list[Try]) -> Try:
    """Return the first try that succeeds, else one that failed."""
    pending = set(tries)
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        succeeded = next((each for each in done if each.exception() is None), None)
        if succeeded is not None:
            return succeeded
        if not pending:
            return done.pop()


def _let_go(ended: Try) -> None:
    """Close a connection that nobody needs any more."""
    if not ended.cancelled() and ended.exception() is None:
        ended.result().terminate()
