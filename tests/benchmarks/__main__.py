"""``python -m tests.benchmarks``, or ``make bench``, which prepares the peers: all, in one run, into ``RESULTS.md``.

Servers have core 0, the load core 1. Whoever is measured must answer rightly before, and in each answer of the load;
else the run ends with code 1, says where, and writes nothing.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from shared.observing.logs import set_up_logs
from tests.benchmarks.figures import Sample
from tests.benchmarks.gateway_contenders import name_sides
from tests.benchmarks.gateway_tables import Found
from tests.benchmarks.kinds import CONSTANT, KINDS, OURS
from tests.benchmarks.machine import describe_all
from tests.benchmarks.peer_servers import NEXT_AUTH, running_next_auth
from tests.benchmarks.processes import LOAD_CORE, ProgramMissing, Server, ServerFailed, on_core
from tests.benchmarks.reading import running_readers
from tests.benchmarks.results import Findings, write_up
from tests.benchmarks.rounds import Contender, Effort, run_rounds
from tests.benchmarks.signing_in import measure_reads_meanwhile, measure_sign_in
from tests.benchmarks.start_and_size import measure_starts, read_memory
from tests.benchmarks.through_gateway import CONNECTIONS as CONNECTIONS_THROUGH
from tests.benchmarks.through_gateway import measure_kinds
from tests.benchmarks.upstreams import Keys, running_constant_server
from tests.benchmarks.whole_stack import WholeStack, running_beside, running_whole_stack
from tests.benchmarks.wrk import LoadInvalid

RESULTS = Path(__file__).with_name("RESULTS.md")
CONNECTIONS = 64
OTHER_CONNECTIONS = (1, 8, 256)
STARTS = 3


def main() -> None:
    """Run the benchmark of the command line."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the servers are ended then, too
    set_up_logs("benchmark", "ERROR", "text")
    effort = Effort(arguments.seconds, arguments.rounds, CONNECTIONS)
    try:
        machine, busy = describe_all(), os.getloadavg()[0]
        findings = measure(effort)
    except (ProgramMissing, ServerFailed, LoadInvalid) as error:
        sys.exit(str(error))
    described = (
        f"{effort.rounds} rounds of {effort.seconds} s, {CONNECTIONS} connections kept alive unless said otherwise. "
        f"Load average of the machine before: {busy:.1f}."
    )
    arguments.output.write_text(write_up(findings, machine, described), encoding="utf-8")


def measure(effort: Effort) -> Findings:
    """Return all measurements, each kind on the same running servers."""
    _say("start")
    starts = measure_starts(STARTS)
    with ExitStack() as running:
        running.enter_context(on_core(LOAD_CORE))
        directory = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-")))
        stack = running.enter_context(running_whole_stack(directory, Keys()))
        readers = running.enter_context(running_readers(stack, directory))
        servers = {**stack.services.by_name, **readers.peers}
        at_rest = read_memory(servers)
        short = Effort(max(1, effort.seconds // 2), effort.rounds, CONNECTIONS)
        reads = _run("reading", readers.contenders, effort)
        reads_at = {CONNECTIONS: reads}
        for connections in OTHER_CONNECTIONS:
            lighter = Effort(short.seconds, (short.rounds + 1) // 2, connections)
            reads_at[connections] = _run(f"reading, {connections} connections", readers.contenders, lighter)
        _say("signing in")
        sign_ins = measure_sign_in(stack, effort, directory)
        meanwhile = measure_reads_meanwhile(stack, effort, directory)
        through = _measure_through(stack, readers.peers, short)
        after = read_memory(servers)
        memory = {name: (rest, after[name]) for name, rest in at_rest.items()}
    return Findings(starts, memory, reads, dict(sorted(reads_at.items())), through, sign_ins, meanwhile)


def _measure_through(stack: WholeStack, peers: Mapping[str, Server], effort: Effort) -> Found:
    """Return the requests through the gateway: last, for what is written then changes the lists."""
    with ExitStack() as running:
        directories = [Path(running.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-"))) for _ in "ab"]
        logging = running.enter_context(running_beside(stack, directories[0], logs_requests=True))
        others = {
            NEXT_AUTH: running.enter_context(running_next_auth(stack.keys, directories[1])),
            CONSTANT: running.enter_context(running_constant_server(directories[1])),
        }
        sides = name_sides(OURS, logging, stack)
        return measure_kinds(KINDS, sides, {**peers, **others}, effort, CONNECTIONS_THROUGH, directories[1])


def _run(kind: str, contenders: Sequence[Contender], effort: Effort) -> dict[str, list[Sample]]:
    _say(kind)
    return run_rounds(contenders, effort)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure everything.")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement of reading; of others half (4)")
    parser.add_argument("--rounds", type=int, default=3, help="in which each is measured once (3)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where to write (tests/benchmarks/RESULTS.md)")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"{text} ...\n")


if __name__ == "__main__":
    main()
