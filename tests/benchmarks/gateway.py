"""What the gateway costs, beside what people would use instead: one run, one core for servers, one for load.

``python -m tests.benchmarks.gateway [--seconds 5] [--rounds 5]`` prints a table for each upstream. Before a server is
measured it must answer rightly and, where it guards, refuse a request without a token, with a forged one and with an
expired one; during the load every single answer is compared. A run in which one was wrong ends with code 1.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from shared.observing.logs import set_up_logs
from tests.benchmarks.checks import check_answers, check_refusals
from tests.benchmarks.figures import Samples, draw_table, find_cpu_ratio, find_load_share
from tests.benchmarks.line_up import AUTH_REQUEST, GATEWAY, HAPROXY, UPSTREAM, Setting, running_line_up
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.posts_upstream import running_posts
from tests.benchmarks.processes import LOAD_CORE, ProgramMissing, ServerFailed, get_program, on_core
from tests.benchmarks.rounds import Contender, Effort, run_rounds
from tests.benchmarks.upstreams import Keys, Upstream, running_constant
from tests.benchmarks.wrk import LoadInvalid, Plan, send_load, write_plan

YARDSTICKS = (UPSTREAM, HAPROXY, AUTH_REQUEST)
PROGRAMS = ("nginx", "haproxy", "wrk")
SATURATED = 0.9  # share of its core beyond which the load may have been the limit

UPSTREAMS: Mapping[str, Callable[[Keys, Path], AbstractContextManager[Upstream]]] = {
    "constant": running_constant,
    "posts": running_posts,
}


def main() -> None:
    """Run the benchmark of the command line."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the servers are ended then, too
    set_up_logs("benchmark", "ERROR", "text")
    effort = Effort(arguments.seconds, arguments.rounds, arguments.connections)
    try:
        for program in PROGRAMS:
            get_program(program)
        _say(f"{describe_machine(PROGRAMS)}\n{_describe(effort, logs_requests=arguments.log_requests)}")
        for name in arguments.upstream or UPSTREAMS:
            _say(f"\n{_measure(name, effort, logs_requests=arguments.log_requests)}")
    except (ProgramMissing, ServerFailed, LoadInvalid) as error:
        sys.exit(str(error))


def _measure(name: str, effort: Effort, *, logs_requests: bool) -> str:
    """Return the table of all servers ahead of one upstream."""
    keys = Keys()
    with (
        on_core(LOAD_CORE),
        tempfile.TemporaryDirectory(prefix="gatepost-bench-") as directory,
        UPSTREAMS[name](keys, Path(directory)) as upstream,
        running_line_up(Setting(upstream, keys, Path(directory), logs_requests)) as entrants,
    ):
        plan = write_plan(Path(directory) / "plan.lua", Plan(upstream.asks))
        for entrant in entrants:
            check_answers(entrant.name, entrant.port, upstream.asks)
            if entrant.is_guard:
                check_refusals(entrant.name, entrant.port, upstream.asks[0], keys)
        wrk = get_program("wrk")
        contenders = [
            Contender(entrant.name, entrant.own_pids, upstream.pids, partial(send_load, wrk, entrant.port, plan))
            for entrant in entrants
        ]
        samples = run_rounds(contenders, effort)
        return "\n\n".join([f"Ahead of {upstream.name}", draw_table(samples, YARDSTICKS), _comment(samples)])


def _comment(samples: Samples) -> str:
    """Return what a reader must know before believing the table."""
    ratios = ", ".join(f"{find_cpu_ratio(samples, GATEWAY, name):.2f} x {name}" for name in YARDSTICKS)
    share = find_load_share(samples)
    warning = "; it may have been the limit" if share > SATURATED else ""
    return f"The gateway by CPU time alone: {ratios}. The load used up to {share:.0%} of its core{warning}."


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gateway", description="Measure the gateway.")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--rounds", type=int, default=5, help="in which each server is measured once (5)")
    parser.add_argument("--connections", type=int, default=32, help="kept alive, each with one request at a time (32)")
    parser.add_argument("--upstream", choices=tuple(UPSTREAMS), action="append", help="only this one; may be repeated")
    parser.add_argument("--log-requests", action="store_true", help="let each proxy write its request log")
    return parser.parse_args()


def _describe(effort: Effort, *, logs_requests: bool) -> str:
    return (
        f"{effort.rounds} rounds, {effort.seconds} s each, {effort.connections} connections kept alive, "
        f"request logs {'on' if logs_requests else 'off'}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
