"""A service as a process of its own, in production, whose log the test reads."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.services import SETTING_NAMES
from tests.support.house import ROOT
from tests.support.ports import find_free_port

DEADLINE = 180.0  # seconds, for a busy machine
SOUND = {
    "NEXTAUTH_URL": "https://example.com",
    **{name: f"{name.lower()}-{'0123456789' * 3}" for name in ("SECRET_KEY", "NEXTAUTH_SECRET")},
    **{name: f"{name.lower()}-{'0123456789' * 3}" for name in ("GATEWAY_SERVICE_SECRET", "POSTS_SERVICE_SECRET")},
    "AUTH_DATABASE_URL": "postgresql://auth:word@127.0.0.1:1/auth",
    "POSTS_DATABASE_URL": "postgresql://posts:word@127.0.0.1:1/posts",
    "AUTH_SERVICE_URL": "http://127.0.0.1:1",
    "LOG_FORMAT": "json",
}
_AHEAD = """
import runpy, sys, time
real = time.time
time.time = lambda: real() + {seconds}
sys.argv = [{service!r}]
runpy.run_module({service!r}, run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A process, and the file with what it wrote to standard error."""

    process: "subprocess.Popen[bytes]"
    output: Path
    port: int
    metrics_port: int

    @property
    def lines(self) -> list[str]:
        """What it has written so far."""
        return self.output.read_text().splitlines()

    def wait_for_end(self) -> tuple[int, str]:
        """Return its exit status, and what it wrote."""
        return self.process.wait(DEADLINE), self.output.read_text().strip()

    def wait_for_error(self, event: str) -> str:
        """Return the sentence of the first line of its log with an event."""
        deadline = time.monotonic() + DEADLINE
        while True:
            said = [json.loads(line) for line in self.lines if line.startswith("{") and line.endswith("}")]
            found = [line["error"] for line in said if line["event"] == event]
            if found:
                return str(found[0])
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.1)


@contextlib.contextmanager
def service_process(service: str, changes: Mapping[str, str], ahead: int = 0) -> Iterator[ServiceProcess]:
    """Give a service that was started with sound settings but for these changes; an empty one is not set.

    Its clock is so many seconds ``ahead``. It is killed at the end.
    """
    port, metrics_port = find_free_port(), find_free_port()
    others = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    ports = {"PORT": str(port), "METRICS_PORT": str(metrics_port)}
    program = ["-c", _AHEAD.format(service=service, seconds=ahead)] if ahead else ["-m", service]
    with tempfile.NamedTemporaryFile(prefix="gatepost-log-") as log:
        environment = {**others, **SOUND, **ports, **changes}
        process = subprocess.Popen([sys.executable, *program], cwd=ROOT, env=environment, stderr=log)
        try:
            yield ServiceProcess(process, Path(log.name), port, metrics_port)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
