"""Looking up a server's name, one lookup of a name at a time.

To look up the name of a server that is gone may take ten seconds, in one of the four threads that the event loop has
for that. So others who need the same name share the lookup, and no time-out of theirs cancels it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import TypeAlias

Lookup: TypeAlias = "asyncio.Task[list[str]]"


class NameLookups:
    """The lookups under way."""

    def __init__(self) -> None:
        self._lookups: dict[str, Lookup] = {}

    async def look_up(self, name: str) -> list[str]:
        """Return the addresses of a server; OSError when it has none."""
        if name not in self._lookups:
            lookup = asyncio.create_task(_look_up(name))
            self._lookups[name] = lookup
            lookup.add_done_callback(lambda ended: self._forget(name, ended))
        return await asyncio.shield(self._lookups[name])

    def _forget(self, name: str, ended: Lookup) -> None:
        del self._lookups[name]
        if not ended.cancelled():
            ended.exception()  # retrieved here, since perhaps nobody waits for it any more


@contextlib.contextmanager
def no_name_unknown() -> Iterator[None]:
    """Turn what Python raises for a name with an empty or overlong part into the OSError for one that is unknown."""
    try:
        yield
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error


async def _look_up(name: str) -> list[str]:
    with no_name_unknown():
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
