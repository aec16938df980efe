"""Child processes that end with their parent.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches only the parent, which stops its children in
the right order. On Linux the kernel signals a child when its parent dies, even of SIGKILL (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1

# Loaded before any fork: between fork and exec only the call itself is safe.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Child:
    """A running program, its name, and the signal that tells it to end."""

    name: str
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals = signal.SIGTERM


def start_child(
    name: str,
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    output: IO[bytes] | None = None,
    user: int | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program; ``output`` gets what it prints, ``user`` is the uid (and gid) that it runs as."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
        preexec_fn=_end_with_parent(stop_signal),  # noqa: PLW1509 - no threads here; the kernel forgets it at setuid
    )
    return Child(name, process, stop_signal)


def stop_children(children: Sequence[Child], timeout: float) -> None:
    """Tell all of them to end at once, and kill those that have not within ``timeout`` seconds, which all share."""
    deadline = time.monotonic() + timeout
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(child.stop_signal)
    for child in children:
        try:
            child.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def has_terminal() -> bool:
    """Tell whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _end_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    return functools.partial(_ask_kernel, stop_signal.value, os.getpid())


def _ask_kernel(signal_number: int, parent: int) -> None:
    assert _LIBC is not None
    _LIBC.prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
