"""The operators' command line, in process."""

import asyncio
import io
import json

import pytest

from auth_service.operators.command_line import COMMANDS
from shared.auth_events.contract import AUTH_SERVICE
from shared.command_line.dispatch import run_command

Run = tuple[int, str, str]


class CommandLine:
    """Runs commands and returns their exit status and output."""

    def __init__(self, environment: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._environment = environment
        self._capture = capture

    async def run(self, *arguments: str, stdin: str = "") -> Run:
        """Run a command."""
        self._environment.setattr("sys.stdin", io.StringIO(stdin))
        self._capture.readouterr()
        try:
            status = await asyncio.to_thread(run_command, AUTH_SERVICE, [COMMANDS], arguments)
        except SystemExit as ended:
            status = int(ended.code or 0)
        return (status, *self._capture.readouterr())

    async def find(self, *arguments: str, stdin: str = "") -> object:
        """Return the result of a command, parsed from JSON."""
        status, out, err = await self.run(*arguments, "--json", stdin=stdin)
        assert (status, err) == (0, ""), (status, err)
        return json.loads(out)
