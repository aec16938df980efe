"""``python -m stack --reload``: services start anew when what they are made of changes.

A service is made of its own package and of ``shared``: code, templates, translations, migrations and the policy. One
that doesn't start with the change, because of a slip, is started again with the next change; others go on meanwhile.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from stack.output import ERROR, print_line
from stack.processes import Child, stop_children
from stack.services import SERVICES

SHARED = "shared"
LOOK_PAUSE = 100  # milliseconds
NAMES = tuple(service.name for service in SERVICES)

Start = Callable[[str], Child]
"""Starts a service by its name."""


def list_touched(changed: Iterable[Path], root: Path) -> list[str]:
    """Return the services that are made of any of these files, in the order in which they start."""
    packages = {path.relative_to(root).parts[0] for path in changed if path.is_relative_to(root)}
    return list(NAMES) if SHARED in packages else [name for name in NAMES if name in packages]


def keep_reloading(
    services: list[Child],
    root: Path,
    start: Start,
    announce: Callable[[], None],
    check_others: Callable[[], None],
    timeout: float,
) -> None:
    """Start the services anew as their files change, until a signal says to stop; ``check_others`` may raise.

    ``announce`` is called once they are watched: whoever changes a file then can count on it. ``services`` are in the
    order of the table, and are replaced there. Needs watchfiles, which is for development.
    """
    from watchfiles import watch  # noqa: PLC0415 - of the requirements for work on the code alone

    folders = [root / name for name in (*NAMES, SHARED)]
    ended = set[str]()
    looks = watch(*folders, rust_timeout=LOOK_PAUSE, yield_on_timeout=True, raise_interrupt=False)
    for number, changes in enumerate(looks):
        if number == 0:  # the first look is over at the latest after a pause, and begins once all is watched
            announce()
        check_others()
        for name in list_touched((Path(path) for _, path in changes), root):
            place = NAMES.index(name)
            print_line(f"{name} starts anew.")
            stop_children(services[place : place + 1], timeout)
            services[place] = start(name)
            ended.discard(name)
        for child in services:
            if child.process.poll() is not None and child.name not in ended:
                ended.add(child.name)
                print_line(f"{child.name} has ended, and starts again when its files change.", ERROR)
