"""The command line: ``python -m tests.faults --help`` tells it.

Code 1 when a single oracle was breached or an experiment was not run; 128 and its number when a signal ended the run.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults.catalogue import EXPERIMENTS
from tests.faults.containers import Containers
from tests.faults.course import Group, run_course
from tests.faults.disks import write_small_disk
from tests.faults.experiments import Experiment
from tests.faults.record import Record
from tests.faults.replicas import write_replicas
from tests.faults.stage import ContainerStage, pick_ports

SHORT = 0.15


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Faults under load, and what came of them."
    )
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in EXPERIMENTS))
    parser.add_argument("--short", action="store_true", help="only the selection of the CI")
    parser.add_argument("--keep", action="store_true", help="leave the containers as they are at the end")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the random moments")  # noqa: S311
    parser.add_argument("--minutes", type=float, default=3.0, help="that the soak lasts")
    parser.add_argument("--within", type=float, metavar="MINUTES", help="after which the run ends, with its table")
    options = parser.parse_args()
    unknown = set(options.names) - {each.name for each in EXPERIMENTS}
    if unknown:
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    chosen = [each for each in EXPERIMENTS if not options.names or each.name in options.names]
    chosen = [each for each in chosen if each.is_short or not options.short]
    with tempfile.TemporaryDirectory(prefix="gatepost-") as directory:
        groups = list_groups(chosen, options, Path(directory))
        status = run_course(groups, Record(chosen, closing=f"Seed {options.seed}.\n"), options.within)
    sys.exit(status)


def list_groups(chosen: Sequence[Experiment], options: argparse.Namespace, directory: Path) -> list[Group]:
    """Return the stages, each with its experiments: what needs other containers than the rest has its own."""
    port, second_port = pick_ports()
    alone = Containers(port)
    doubled = Containers(port, (*alone.files, write_replicas(directory, second_port)))
    bounded = Containers(port, (*alone.files, write_small_disk(directory)))
    places = (
        (alone, [port], [each for each in chosen if not each.has_replicas and not each.has_small_disk]),
        (bounded, [port], [each for each in chosen if each.has_small_disk]),
        (doubled, [port, second_port], [each for each in chosen if each.has_replicas]),
    )
    groups: list[Group] = []
    for containers, ports, group in places:
        scale = SHORT if options.short else 1.0
        stage = ContainerStage(containers, ports, options.seed, scale, directory, options.minutes, options.keep)
        groups += [(stage, group)] if group else []
    return groups


if __name__ == "__main__":
    main()
