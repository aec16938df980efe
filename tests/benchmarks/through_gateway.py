"""``python -m tests.benchmarks.through_gateway``: each kind of request through the gateway, beside what others use.

Servers have core 0, the load core 1. The gateway and the services behind it are measured with the request log on, as
they start, and with ``LOG_LEVEL=WARNING``. In the same rounds, with ``--tree DIRECTORY`` those of another checkout are,
and with ``--key-pair`` ours once more, with access tokens that a key pair signs in the place of a shared secret. Each
has a database of its own; the peers read the first one's. A wrong answer ends the run with code 1.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from shared.observing.logs import set_up_logs
from tests.benchmarks.gateway_contenders import Side, list_contenders, name_sides
from tests.benchmarks.gateway_tables import Found, draw_aims_through, draw_beside, draw_kind
from tests.benchmarks.kinds import CONSTANT, KINDS, OURS, WITH_PAIR, Kind
from tests.benchmarks.machine import describe_all
from tests.benchmarks.peer_servers import (
    FASTAPI,
    FASTIFY,
    NEXT_AUTH,
    running_fastapi,
    running_fastify,
    running_next_auth,
)
from tests.benchmarks.processes import LOAD_CORE, ROOT, ProgramMissing, Server, ServerFailed, on_core
from tests.benchmarks.rounds import Effort, run_rounds
from tests.benchmarks.upstreams import Keys, running_constant_server
from tests.benchmarks.whole_stack import running_beside, running_whole_stack
from tests.benchmarks.wrk import LoadInvalid

CONNECTIONS = (32, 64)


def main() -> None:
    """Run the benchmark of the command line."""
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the servers are ended then, too
    set_up_logs("benchmark", "ERROR", "text")
    effort = Effort(arguments.seconds, arguments.rounds, 0)
    kinds = [kind for kind in KINDS if kind.word in (arguments.kind or [kind.word])]
    trees = [ROOT, *(tree.resolve() for tree in arguments.tree)]
    try:
        busy = os.getloadavg()[0]
        with (
            on_core(LOAD_CORE),
            _running(trees, with_pair=arguments.key_pair) as (sides, peers),
            tempfile.TemporaryDirectory() as directory,
        ):
            found = measure_kinds(kinds, sides, peers, effort, arguments.connections, Path(directory))
    except (ProgramMissing, ServerFailed, LoadInvalid) as error:
        sys.exit(str(error))
    described = f"{effort.rounds} rounds of {effort.seconds} s. Load average before: {busy:.1f}."
    sections = [describe_all(), described, *_draw(found, [side.name for side in sides])]
    sys.stdout.write("\n\n".join(sections) + "\n")


def measure_kinds(
    kinds: Sequence[Kind],
    sides: Sequence[Side],
    peers: dict[str, Server],
    effort: Effort,
    connections: Sequence[int],
    directory: Path,
) -> Found:
    """Return the samples of each kind at each number of connections."""
    found: Found = {}
    for kind in kinds:
        contenders = list_contenders(kind, sides, peers, directory)
        for number in connections:
            sys.stderr.write(f"{kind.title}, {number} connections ...\n")
            warm_up = kind.warm_up if number == connections[0] else 0
            each = Effort(effort.seconds, effort.rounds, number)
            found.setdefault(kind, {})[number] = run_rounds(contenders, each, warm_up=warm_up)
    return found


@contextlib.contextmanager
def _running(trees: Sequence[Path], *, with_pair: bool) -> Iterator[tuple[list[Side], dict[str, Server]]]:
    """Run the services of each tree, once with the log on and once without, and the peers; give all."""
    keys = Keys()
    runs = [(OURS if tree == ROOT else tree.name, tree, keys) for tree in trees]
    if with_pair:
        runs.append((WITH_PAIR, ROOT, Keys.make(with_pair=True)))
    with ExitStack() as running:

        def make_directory() -> Path:
            return Path(running.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-bench-")))

        sides: list[Side] = []
        for name, tree, own_keys in runs:
            quiet = running.enter_context(running_whole_stack(make_directory(), own_keys, tree=tree))
            logging = running.enter_context(running_beside(quiet, make_directory(), logs_requests=True))
            sides += name_sides(name, logging, quiet)
        directory, database = make_directory(), sides[0].stack.postgres.urls.posts
        peers = {
            FASTIFY: running.enter_context(running_fastify(keys, database, directory)),
            FASTAPI: running.enter_context(running_fastapi(keys, database, directory)),
            NEXT_AUTH: running.enter_context(running_next_auth(keys, directory)),
            CONSTANT: running.enter_context(running_constant_server(directory)),
        }
        yield sides, peers


def _draw(found: Found, names: Sequence[str]) -> list[str]:
    """Return the tables; the first two names are this tree's, each other two those of another."""
    ours, others = names[:2], [names[place : place + 2] for place in range(2, len(names), 2)]
    return [
        draw_aims_through(found, names),
        *(f"Beside {other[0]}, {other[1]}\n\n{draw_beside(found, ours, other)}" for other in others),
        *(f"{kind.title}\n\n{draw_kind(kind, each, names[2:])}" for kind, each in found.items()),
    ]


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.through_gateway",
        description="Measure requests of each kind through the gateway.",
    )
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement (2)")
    parser.add_argument("--rounds", type=int, default=4, help="in which each is measured once (4)")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS, help="kept alive (32 64)")
    parser.add_argument("--kind", choices=[kind.word for kind in KINDS], action="append", help="only; may be repeated")
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure, too")
    parser.add_argument("--key-pair", action="store_true", help="measure with a key pair, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
