"""Load: requests that wrk sends over keep-alive connections from its own core, every answer checked.

An answer counts only if its status and its body are those expected; a single other one, or a broken connection, makes
the whole measurement worthless: LoadInvalid. Only where a plan says so may a server refuse for being too busy.
"""

import http.client
import json
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from string import ascii_letters, digits

from tests.benchmarks.processes import LOAD_CORE, on_core

SCRIPT = Path(__file__).with_name("answers.lua")
MARK = "0123456789ab"  # may stand where hexadecimal digits may
MARGIN = 20  # seconds that wrk may take beyond the time of the load
TIMEOUT = 10  # seconds that one answer may take
_PLAIN = frozenset((ascii_letters + digits).encode())


class LoadInvalid(Exception):
    """A measurement that says nothing: a server answered otherwise than it must."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and the body that answers it. With a ``content``, which is JSON, it is a POST."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    content: str | None = None

    @property
    def wire(self) -> bytes:
        """The request as it is sent."""
        content = self.content or ""
        method = "GET" if self.content is None else "POST"
        added = {"Content-Type": "application/json", "Content-Length": str(len(content))} if content else {}
        fields = [f"{name}: {value}" for name, value in {**self.headers, **added}.items()]
        return "\r\n".join([f"{method} {self.path} HTTP/1.1", *fields, "", content]).encode()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent and what may come back: of the bodies, one of the asks', or any that holds ``part``.

    ``pause``: milliseconds that a connection rests between two requests, on average. ``sheds``: 503 is an answer too,
    not a mistake, and the client that got it comes back after ``wait`` milliseconds. ``mark``: a text in each request
    that is another number of as many characters whenever it is sent (``MARK``); or, with ``cookies``, the cookie that
    the last answer to that request has set, at first this one.
    """

    asks: Sequence[Ask]
    status: int = HTTPStatus.OK
    part: str = ""
    pause: int = 0
    sheds: bool = False
    wait: int = 0
    mark: str = ""
    cookies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """What one load reached. Latencies are milliseconds; ``busy`` is the share of the load's core that it used.

    ``shed`` requests, refused by a server too busy, are not among ``requests``.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    busy: float
    shed: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Message
    body: bytes


def write_plan(path: Path, plan: Plan) -> Path:
    """Write a plan where the script finds it, and return the path."""
    requests = ",\n".join(_quote(ask.wire) for ask in plan.asks)
    bodies = ",\n".join(f"[{_quote(body)}] = true" for body in {ask.body for ask in plan.asks})
    fields = [
        f"requests = {{{requests}}}",
        f"bodies = {{{bodies}}}",
        *(f"{name} = {_quote(text.encode())}" for name, text in {"part": plan.part, "mark": plan.mark}.items() if text),
        *([f"cookies = {{{', '.join(_quote(cookie.encode()) for cookie in plan.cookies)}}}"] if plan.cookies else []),
        f"sheds = {'true' if plan.sheds else 'false'}",
        f"status = {plan.status:d}, pause = {plan.pause}, wait = {plan.wait}",
    ]
    path.write_text("return {" + ",\n".join(fields) + "}\n", encoding="ascii")
    return path


def send_load(wrk: str, port: int, plan: Path, *, seconds: int, connections: int) -> Load:
    """Load a server on loopback for that long and return what it reached, or raise LoadInvalid."""
    options = ["--threads=1", f"--connections={connections}", f"--duration={seconds}s", f"--timeout={TIMEOUT}s"]
    command = [wrk, *options, f"--script={SCRIPT}", f"http://127.0.0.1:{port}/", "--", str(plan)]
    before = children_cpu()
    with on_core(LOAD_CORE):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + MARGIN, check=False)
    if ended.returncode != 0:
        raise LoadInvalid(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return read_figures(ended.stdout, children_cpu() - before)


def read_figures(output: str, cpu: float) -> Load:
    """Return what wrk printed with our script, given its CPU seconds; LoadInvalid when an answer was wrong."""
    line = next((line for line in output.splitlines() if line.startswith("FIGURES ")), None)
    if line is None:
        raise LoadInvalid(f"wrk printed no figures: {output.strip()}")
    figures: dict[str, int] = json.loads(line.removeprefix("FIGURES "))
    if figures["wrong"] or figures["broken"] or not figures["requests"] + figures["shed"]:
        raise LoadInvalid(
            f"{figures['wrong']} wrong answers and {figures['broken']} broken requests of {figures['requests']}"
        )
    seconds = figures["duration"] / 1e6
    return Load(
        figures["requests"], seconds, figures["p50"] / 1e3, figures["p99"] / 1e3, cpu / seconds, figures["shed"]
    )


def fetch(port: int, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body of a single GET, or raise LoadInvalid where there is no answer."""
    reply = exchange(port, "GET", path, headers)
    return reply.status, reply.body


def exchange(port: int, method: str, path: str, headers: Mapping[str, str], content: str | None = None) -> Reply:
    """Return the answer to a single request, or raise LoadInvalid where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise LoadInvalid(f"no answer to {path} on port {port}: {error!r}") from error
    finally:
        connection.close()


def children_cpu() -> float:
    """Return the CPU seconds of all ended children of this process."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _quote(text: bytes) -> str:
    """Return a Lua string literal of exactly these bytes."""
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03d}" for byte in text) + '"'
