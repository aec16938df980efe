"""External services, each a process that follows the ended sessions by the file that our pages show."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.support.forged_tokens import read_claims
from tests.support.house import ROOT
from tests.support.node import NodeProgram
from tests.support.people import Person
from tests.support.waiting import wait_until

FILES = ROOT / "docs" / "verify-elsewhere" / "sign-out"
PROGRAMS = ROOT / "tests" / "sign_out"
COMMANDS = {"python": (sys.executable, "ask.py"), "node": ("node", "ask.mjs")}
"""How a process of each language is started."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A process that verifies our tokens."""

    program: NodeProgram

    async def refuses(self, person: Person) -> bool:
        """Tell whether it refuses somebody's token."""
        claims = read_claims(person.token)
        asked = {"sid": claims["sid"], "iat": claims["iat"]}
        answer = await asyncio.to_thread(self.program.ask, asked)
        assert isinstance(answer, bool)
        return answer

    async def wait_until_refused(self, person: Person, *, is_so: bool = True, seconds: float = 60) -> None:
        """Return when it refuses somebody's token, or when it does no longer."""
        await wait_until(lambda: self.refuses(person), lambda found: found is is_so, seconds=seconds)


@contextlib.asynccontextmanager
async def following_elsewhere(
    language: str, gatepost: str, credential: str, when_cut: str = "go on", patience: float = 15
) -> AsyncIterator[Elsewhere]:
    """Give a process that has started to follow; skip the test only where there is no Node at all."""
    if shutil.which(COMMANDS[language][0]) is None:
        pytest.skip(f"{language} is not installed")
    said = {"GATEPOST": gatepost, "CREDENTIAL": credential, "WHEN_CUT": when_cut, "PATIENCE": str(patience)}
    process = _start(language, said)
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == '"started"\n'
        yield Elsewhere(NodeProgram(process))
    finally:
        process.kill()
        process.communicate()


def _start(language: str, said: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        COMMANDS[language],
        cwd=PROGRAMS,
        env={**os.environ, **said, "PYTHONPATH": str(FILES), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its warnings
        text=True,
    )


class Line:
    """A line to a server on this machine, that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    def cut(self) -> None:
        """Break all connections off, and let no other come about."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead a connection to the server."""
        if self._is_cut:
            writer.transport.abort()
            return
        inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        ends = {writer, inner_writer}
        self._open |= ends
        if self._is_cut:  # by now
            self.cut()
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            self._open -= ends


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    """Give a line to a port of this machine."""
    line = Line("127.0.0.1", port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    try:
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield line
    finally:
        server.close()
        line.cut()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
