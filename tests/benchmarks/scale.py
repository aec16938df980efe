"""``python -m tests.benchmarks.scale``, or ``make scale``: is it as fast with 10 million posts? Into ``SCALE.md``.

Two PostgreSQL servers, one with 10,000 posts and one with 10 million, each under a posts service of its own; the same
questions to both, in turns. Before, each statement is explained: at the large size none may read a table from end to
end, else the run ends with code 1 and writes nothing.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from shared.observing.logs import set_up_logs
from stack.postgres import get_programs
from tests.benchmarks.machine import ask_version, describe_machine
from tests.benchmarks.many_rows import Amount
from tests.benchmarks.processes import LOAD_CORE, ProgramMissing, ServerFailed, on_core
from tests.benchmarks.rounds import Contender, Effort, run_rounds
from tests.benchmarks.scale_loads import (
    ASKS,
    check_no_scans,
    explain_all,
    list_readers,
    list_statements,
    list_writers,
    name_contender,
)
from tests.benchmarks.scale_questions import DEPTHS, OF_AUTH, PATHS, WRITE
from tests.benchmarks.scale_side import SHARED_BUFFERS, Side, load_once, running_side
from tests.benchmarks.scale_table import Pair, ScaleFindings, write_up
from tests.benchmarks.wrk import LoadInvalid

RESULTS = Path(__file__).with_name("SCALE.md")
SMALL = Amount(1_000, 10_000)
CONNECTIONS = 8


def main() -> None:
    """Run the benchmark of the command line."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the servers are ended then, too
    set_up_logs("benchmark", "ERROR", "text")
    effort = Effort(arguments.seconds, arguments.rounds, CONNECTIONS)
    large = Amount(arguments.users, arguments.posts)
    try:
        machine = _describe_machine()
        with ExitStack() as running:
            directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-scale-")))
            directory.chmod(0o711)  # PostgreSQL runs as another user where this one is root
            data = arguments.data or directory
            for amount in (SMALL, large):
                load_once(amount, data / f"{amount.posts}")
            os.sync()  # the load did not wait for the disk; what is measured would
            running.enter_context(on_core(LOAD_CORE))
            sides = [
                running.enter_context(running_side(amount, data / f"{amount.posts}", directory))
                for amount in (SMALL, large)
            ]
            busy = os.getloadavg()[0]
            findings = measure(sides, effort, directory)
    except (ProgramMissing, ServerFailed, LoadInvalid) as error:
        sys.exit(str(error))
    about = [machine, _describe_effort(large, effort, (busy, os.getloadavg()[0]))]
    arguments.output.write_text(write_up(findings, about), encoding="utf-8")


def measure(sides: Sequence[Side], effort: Effort, directory: Path) -> ScaleFindings:
    """Return all measurements. Posts are written last: they change the lists that are read."""
    small, large = sides
    _say("plans")
    executions = explain_all(small), explain_all(large)
    check_no_scans(executions[1])
    samples = {}
    lists: list[tuple[str, list[Contender]]] = [
        ("reading", list_readers(sides, directory)),
        ("the auth service's statements", list_statements(sides)),
        ("writing", list_writers(sides, directory)),
    ]
    for kind, contenders in lists:
        _say(kind)
        samples.update(run_rounds(contenders, effort))
    pairs = {
        question: Pair(samples[name_contender(question, small)], samples[name_contender(question, large)])
        for question in (*PATHS, WRITE, *OF_AUTH)
    }
    return ScaleFindings((small.name, large.name), pairs, executions, DEPTHS)


def _describe_machine() -> str:
    postgres = ask_version("PostgreSQL", get_programs() / "postgres")
    return f"{describe_machine(('wrk',))}, {postgres}".replace("\n", "  \n")


def _describe_effort(large: Amount, effort: Effort, busy: tuple[float, float]) -> str:
    return (
        f"{SMALL.users:,} users with {SMALL.posts:,} posts, and {large.users:,} with {large.posts:,}: each size in a "
        f"PostgreSQL of its own with {SHARED_BUFFERS} of shared buffers. {effort.rounds} rounds of {effort.seconds} s "
        f"in turns; posts over HTTP with {effort.connections} connections and {ASKS:,} different requests, each sent "
        "once before, so that its rows are in memory; the auth service's statements one after another, of any user. "
        f"The machine's load average was {busy[0]:.1f} before and {busy[1]:.1f} after: the benchmark alone makes 2 of "
        "it, the rest is other people's work on the same cores. A p99 is then mostly theirs, as the spread of the "
        "rounds shows; CPU times and blocks are hardly."
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description="Measure at two sizes.")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement (3)")
    parser.add_argument("--rounds", type=int, default=5, help="in which each is measured once (5)")
    parser.add_argument("--users", type=int, default=1_000_000, help="at the large size (1000000)")
    parser.add_argument("--posts", type=int, default=10_000_000, help="at the large size (10000000)")
    parser.add_argument("--data", type=Path, help="where the rows are, or are put and left (temporary)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where to write (tests/benchmarks/SCALE.md)")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"{text} ...\n")


if __name__ == "__main__":
    main()
