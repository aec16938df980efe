"""``python -m tests.benchmarks.connections``: the gateway's memory at rest, and with many connections.

``--tree DIRECTORY`` measures the gateway of another checkout too. 2,000 clients that keep their connection and ask
nothing; 256 requests whose answers are not there yet; 200 MiB each way, of which the other end takes nothing for a
while, and the rest in small pieces. A gateway that closes a connection, or loses a byte, ends the run with code 1.
"""

import argparse
import asyncio
import contextlib
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from shared.observing.logs import set_up_logs
from tests.benchmarks.figures import draw_rows
from tests.benchmarks.patient_upstream import MEBIBYTE, SIZE, PatientUpstream, running_upstream, take_slowly
from tests.benchmarks.processes import LOAD_CORE, ROOT, ServerFailed, find_python, on_core, pick_ports, running_server
from tests.benchmarks.start_and_size import read_memory_line
from tests.benchmarks.upstreams import PUBLIC_URL, Keys, service_environment
from tests.benchmarks.wrk import LoadInvalid

IDLE = 2_000
BUSY = 256  # as many as the gateway sends to one upstream at a time
AT_ONCE = 100  # that are opened
DEADLINE = 60  # seconds for each step

# All that differs from a policy of somebody's own.
_RULES = """
[upstreams]
patient = "http://127.0.0.1:{port}"

[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "patient"
max_body = {size}
"""
_HOST = f"Host: {PUBLIC_URL.removeprefix('http://')}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running gateway."""

    port: int
    pid: int

    def read_resident(self) -> float:
        """Return what it has in RAM, in MiB."""
        return read_memory_line(self.pid, "VmRSS")

    def forget_peak(self) -> None:
        """Let the peak begin anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def read_peak(self) -> float:
        """Return the most that it had since, in MiB."""
        return read_memory_line(self.pid, "VmHWM")


Sizes = dict[str, float]


def main() -> None:
    """Run the benchmark of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.connections", description="Measure the memory.")
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure, too")
    trees = [ROOT, *(tree.resolve() for tree in parser.parse_args().tree)]
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the servers are ended then, too
    set_up_logs("benchmark", "ERROR", "text")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with on_core(LOAD_CORE):
            found = [asyncio.run(measure(tree)) for tree in trees]
    except (ServerFailed, LoadInvalid, TimeoutError) as error:
        sys.exit(f"{error!r}")
    rows = [(state, *(f"{sizes[state]:.1f}" for sizes in found)) for state in found[0]]
    names = ["Gatepost" if tree == ROOT else tree.name for tree in trees]
    sys.stdout.write(draw_rows(["MiB of the gateway in RAM", *names], rows) + "\n")


async def measure(tree: Path) -> Sizes:
    """Return what the gateway of a tree has in RAM in each state, in MiB. Each is another process: none shrinks."""
    at_rest = []
    sizes: Sizes = {}
    for state, reach in _STATES.items():
        with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as name:
            async with running_upstream() as upstream, _running_gateway(tree, upstream.port, Path(name)) as gateway:
                await _ask(gateway, "/now")
                at_rest.append(gateway.read_resident())
                sizes[state] = await reach(gateway, upstream)
    return {"at rest": median(at_rest), **sizes}


@contextlib.asynccontextmanager
async def _running_gateway(tree: Path, upstream: int, directory: Path) -> AsyncIterator[Gateway]:
    port, metrics_port = pick_ports(2)
    rules = directory / "rules.toml"
    rules.write_text(_RULES.format(port=upstream, size=2 * SIZE), encoding="ascii")
    environment = {
        **service_environment(Keys(), port, metrics_port, logs_requests=True),
        **dict.fromkeys(("AUTH_SERVICE_URL", "POSTS_SERVICE_URL"), f"http://127.0.0.1:{upstream}"),
        "GATEWAY_RULES": str(rules),
    }
    command = [find_python(tree), "-m", "gateway"]
    run = running_server("gateway", command, port=port, directory=directory, environment=environment, tree=tree)
    with run as server:
        yield Gateway(server.port, server.pid)


async def _hold_idle(gateway: Gateway, _upstream: PatientUpstream) -> float:
    """Return the size while so many clients have had an answer each, and ask nothing more."""
    request = f"GET /now HTTP/1.1\r\n{_HOST}\r\n\r\n".encode()
    async with asyncio.timeout(DEADLINE), _connections() as held:

        async def open_one() -> asyncio.StreamReader:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            held.append(writer)
            writer.write(request)
            await _read_answer(reader)
            return reader

        readers: list[asyncio.StreamReader] = []
        while len(readers) < IDLE:  # the gateway gives up an idle connection after 5 s: all must be there before
            readers += await asyncio.gather(*(open_one() for _ in range(AT_ONCE)))
        size = gateway.read_resident()
        if any(reader.at_eof() for reader in readers):
            raise LoadInvalid(f"the gateway closed connections before {IDLE:,} were there: the machine is too busy")
        return size


async def _hold_busy(gateway: Gateway, upstream: PatientUpstream) -> float:
    """Return the size while so many requests wait for their answers."""
    upstream.hold()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        for _ in range(BUSY):
            tasks.create_task(_ask(gateway, "/held"))
        await upstream.wait_for(BUSY)
        size = gateway.read_resident()
        upstream.release()
    return size


async def _send_up(gateway: Gateway, upstream: PatientUpstream) -> float:
    """Return the peak while a body is sent to an upstream that takes it slowly."""
    gateway.forget_peak()
    async with asyncio.timeout(DEADLINE), _connections() as held:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        held.append(writer)
        writer.write(f"POST /up HTTP/1.1\r\n{_HOST}\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        piece = bytes(MEBIBYTE)
        for _ in range(SIZE // MEBIBYTE):
            writer.write(piece)
            await writer.drain()
        await _read_answer(reader)
    if upstream.taken != SIZE:
        raise LoadInvalid(f"{upstream.taken} bytes arrived of {SIZE}")
    return gateway.read_peak()


async def _take_down(gateway: Gateway, _upstream: PatientUpstream) -> float:
    """Return the peak while a client takes an answer slowly."""
    gateway.forget_peak()
    async with asyncio.timeout(DEADLINE), _connections() as held:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        held.append(writer)
        writer.write(f"GET /down HTTP/1.1\r\n{_HOST}\r\n\r\n".encode())
        await _read_head(reader)
        taken = await take_slowly(reader)
    if taken != SIZE:
        raise LoadInvalid(f"{taken} bytes arrived of {SIZE}")
    return gateway.read_peak()


_STATES: Mapping[str, Callable[[Gateway, PatientUpstream], Awaitable[float]]] = {
    f"{IDLE:,} idle connections": _hold_idle,
    f"{BUSY} requests on their way": _hold_busy,
    "200 MiB up, at most": _send_up,
    "200 MiB down, at most": _take_down,
}


async def _ask(gateway: Gateway, path: str) -> None:
    async with _connections() as held:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        held.append(writer)
        writer.write(f"GET {path} HTTP/1.1\r\n{_HOST}\r\nConnection: close\r\n\r\n".encode())
        await _read_answer(reader)


@contextlib.asynccontextmanager
async def _connections() -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Give a list, all of which is closed in the end."""
    held: list[asyncio.StreamWriter] = []
    try:
        yield held
    finally:
        for writer in held:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in held), return_exceptions=True)


async def _read_answer(reader: asyncio.StreamReader) -> None:
    await reader.readexactly(await _read_head(reader))


async def _read_head(reader: asyncio.StreamReader) -> int:
    """Return how long the body is that follows, or raise LoadInvalid when the answer is no 200."""
    status, *fields = _split(await reader.readuntil(b"\r\n\r\n"))
    if " 200 " not in status:
        raise LoadInvalid(f"the gateway answers {status}")
    lengths = [field.partition(":")[2] for field in fields if field.lower().startswith("content-length:")]
    return int(lengths[0])


def _split(head: bytes) -> Sequence[str]:
    return head.decode("ascii").split("\r\n")


if __name__ == "__main__":
    main()
