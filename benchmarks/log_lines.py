"""``python -m benchmarks.log_lines``: what the log line of a request costs in CPU, in both formats, to a pipe.

A program of its own does a fixed piece of work for each of its requests, as much as a service's, lets other threads
run, as an event loop does, and reports the request. Its CPU time, all threads', less that of the same program at the
level WARNING, is what its lines cost: rendering, counting bytes, the writer's thread, the writes and what all that
drives from the caches. Whoever reads the pipe is another process, and not counted.

The levels take turns, so that a neighbour on the machine disturbs all alike. The median of the rounds counts.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import time
from statistics import median

from shared.logs import guard_standard_error, set_up_logs
from shared.metrics import Metrics
from shared.request_context import Reports, begin_record

ROUNDS, REQUESTS = 7, 10_000
QUIET = "WARNING"
CASES = (("text", QUIET), ("text", "INFO"), ("json", QUIET), ("json", "INFO"))
DOCUMENT = json.dumps([{"id": number, "title": f"Post number {number}", "content": "A text. " * 8} for number in range(10)])
DOCUMENTS = 3  # to read and write for each request


def main() -> None:
    """Measure, and print a line for each format."""
    arguments = _parse_arguments()
    if arguments.program:
        print(_run_requests(*arguments.program, arguments.requests))  # noqa: T201 - what the measuring side reads
        return
    costs: dict[tuple[str, str], list[float]] = {case: [] for case in CASES}
    for _ in range(arguments.rounds):
        for case in CASES:
            costs[case].append(_measure(*case, arguments.requests))
    for style in ("text", "json"):
        with_line, without = costs[style, "INFO"], costs[style, QUIET]
        nets = [one - other for one, other in zip(with_line, without, strict=True)]
        print(  # noqa: T201 - the result
            f"{style}: {median(nets):.1f} us a line ({min(nets):.1f} to {max(nets):.1f}); "
            f"a request is {median(without):.0f} us without it"
        )


def _measure(style: str, level: str, requests: int) -> float:
    """Return the microseconds of CPU for a request in a program whose log another process reads."""
    command = [sys.executable, "-m", "benchmarks.log_lines", "--requests", str(requests), "--program", style, level]
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,  # noqa: S607 - any cat
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=reader.stdin) as program,  # noqa: S603 - ourselves
    ):
        assert reader.stdin is not None
        reader.stdin.close()
        said, _ = program.communicate()
    *x, said = said.split(b"\n")[:-1]
    if x: print(style, level, x)
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
    if writer.dropped: sys.stdout.write(f"dropped {writer.dropped}\n")
    return cost / requests * 1e6


def _work(reports: Reports, requests: int) -> None:
    reader, writer = os.pipe()
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    for number in range(requests):
        record = begin_record(())
        record.matcher, record.upstream, record.user_id = "/api/user/:id", "posts", number
        record.session_id = record.request_id[:22]
        for _ in range(DOCUMENTS):
            json.dumps(json.loads(DOCUMENT))
        waiting.poll(0)
        reports.report(record, "GET", 200)
    os.close(reader)
    os.close(writer)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_lines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--program", nargs=2, metavar=("STYLE", "LEVEL"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
