"""Load: requests that wrk sends over keep-alive connections from its own core, every answer compared.

An answer counts only if its status is 200 and its body is one of those expected; a single other one, or a broken
connection, makes the whole measurement worthless: LoadInvalid.
"""

import http.client
import json
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_letters, digits

from benchmarks.processes import LOAD_CORE, on_core

SCRIPT = Path(__file__).with_name("answers.lua")
MARGIN = 20  # seconds that wrk may take beyond the time of the load
TIMEOUT = 5  # seconds that one answer may take
_PLAIN = frozenset((ascii_letters + digits).encode())


class LoadInvalid(Exception):
    """A measurement that says nothing: a server answered otherwise than it must."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and the body that answers it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def wire(self) -> bytes:
        """The request as it is sent."""
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
        return "\r\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Load:
    """What one load reached. Latencies are milliseconds; ``busy`` is the share of the load's core that wrk used."""

    requests: int
    seconds: float
    p50: float
    p99: float
    busy: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def write_plan(path: Path, asks: Sequence[Ask]) -> None:
    """Write what wrk is to send, and what may come back, where the script finds it."""
    requests = ",\n".join(_quote(ask.wire) for ask in asks)
    bodies = ",\n".join(f"[{_quote(body)}] = true" for body in {ask.body for ask in asks})
    path.write_text(f"return {{requests = {{{requests}}}, bodies = {{{bodies}}}}}\n", encoding="ascii")


def send_load(wrk: str, port: int, plan: Path, *, seconds: int, connections: int) -> Load:
    """Load a server on loopback for that long and return what it reached, or raise LoadInvalid."""
    options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s", f"--timeout={TIMEOUT}s"]
    command = [wrk, *options, f"--script={SCRIPT}", f"http://127.0.0.1:{port}/", "--", str(plan)]
    before = _children_cpu()
    with on_core(LOAD_CORE):
        ended = subprocess.run(  # noqa: S603 - wrk, with figures of our own
            command, capture_output=True, text=True, timeout=seconds + MARGIN, check=False
        )
    cpu = _children_cpu() - before
    line = next((line for line in ended.stdout.splitlines() if line.startswith("FIGURES ")), None)
    if ended.returncode != 0 or line is None:
        raise LoadInvalid(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return _read_figures(json.loads(line.removeprefix("FIGURES ")), cpu)


def fetch(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body of a single GET, or raise LoadInvalid where there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LoadInvalid(f"no answer to {path} on port {port}: {error!r}") from error
    finally:
        connection.close()


def _read_figures(figures: Mapping[str, int], cpu: float) -> Load:
    if figures["wrong"] or figures["broken"] or not figures["requests"]:
        raise LoadInvalid(
            f"{figures['wrong']} wrong answers and {figures['broken']} broken requests of {figures['requests']}"
        )
    seconds = figures["duration"] / 1e6
    return Load(figures["requests"], seconds, figures["p50"] / 1e3, figures["p99"] / 1e3, cpu / seconds)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _quote(text: bytes) -> str:
    """Return a Lua string literal of exactly these bytes."""
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03d}" for byte in text) + '"'
