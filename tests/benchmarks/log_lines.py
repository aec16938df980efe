"""``python -m tests.benchmarks.log_lines``: what the log line of a request costs in CPU, in both formats, to a pipe.

A program of its own does a fixed piece of work for each of its requests, as much as a service's, sends and receives
a little between two of them, and reports each. Its CPU time, all threads', less that of the same program at the
level WARNING, is what its lines cost: rendering, counting bytes, the writer's thread, the writes and what all that
drives from the caches. Whoever reads the pipe is another process, and not counted.

The levels take turns, and the cheapest round of each counts: a neighbour on the machine can only add to it.
"""

import argparse
import json
import select
import socket
import subprocess
import sys
import time

from shared.observing.logs import guard_standard_error, set_up_logs
from shared.observing.metrics import Metrics
from shared.observing.request_context import Reports, begin_record

ROUNDS, REQUESTS = 7, 10_000
QUIET, USUAL = "WARNING", "INFO"
STYLES = ("text", "json")
POST = {"id": 1, "title": "A post", "content": "A text. " * 8, "published": True}
DOCUMENT = json.dumps([POST] * 10)
DOCUMENTS = 8  # to read and write for each request
SENT = b"x" * 512


def main() -> None:
    """Measure, and print a line for each format."""
    arguments = _parse_arguments()
    if arguments.program:
        style, level = arguments.program
        sys.stdout.write(f"{_run_requests(style, level, arguments.requests)}\n")
        return
    costs: dict[tuple[str, str], list[float]] = {(style, level): [] for style in STYLES for level in (QUIET, USUAL)}
    for _ in range(arguments.rounds):
        for (style, level), found in costs.items():
            found.append(_measure(style, level, arguments.requests))
    for style in STYLES:
        with_line, without = min(costs[style, USUAL]), min(costs[style, QUIET])
        sys.stdout.write(f"{style}: {with_line - without:.1f} us a line; without it a request is {without:.0f} us\n")


def _measure(style: str, level: str, requests: int) -> float:
    """Return the microseconds of CPU for a request in a program whose log another process reads."""
    module = [sys.executable, "-m", "tests.benchmarks.log_lines"]
    command = [*module, "--requests", str(requests), "--program", style, level]
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=reader.stdin) as program,
    ):
        assert reader.stdin is not None
        reader.stdin.close()
        said, _ = program.communicate()
    if program.returncode:
        sys.exit("lines were lost, because the log was not read in time: nothing is measured")
    return float(said)


def _run_requests(style: str, level: str, requests: int) -> float:
    """Return the microseconds of CPU that this process takes for a request."""
    writer = guard_standard_error()
    set_up_logs("gateway", level, "json" if style == "json" else "text", writer)
    reports = Reports(Metrics())
    _work(reports, requests // 10)  # until all is warm
    writer.flush()
    begun = time.process_time()
    _work(reports, requests)
    writer.flush()
    cost = time.process_time() - begun
    if writer.dropped:
        sys.exit(1)
    return cost / requests * 1e6


def _work(reports: Reports, requests: int) -> None:
    client, service = socket.socketpair()
    waiting = select.poll()
    waiting.register(service, select.POLLIN)
    with client, service:
        for number in range(requests):
            client.send(SENT)
            waiting.poll()
            service.recv(len(SENT))
            record = begin_record(())
            record.matcher, record.upstream, record.user_id = "/api/user/:id", "posts", number
            record.session_id = record.request_id[:22]
            for _ in range(DOCUMENTS):
                json.dumps(json.loads(DOCUMENT))
            reports.report(record, "GET", 200)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.log_lines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--program", nargs=2, metavar=("STYLE", "LEVEL"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
