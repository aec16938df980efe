"""A process whose event loop hangs is ended, so that whatever runs it (compose, Kubernetes) starts it again.

A thread looks once a second whether the event loop still gets its turn. If it has not for ``LOOKS`` looks in a row, the
stack of every thread is written to standard error and the process ends with SIGABRT's status. Looks are counted, and
not seconds: while the whole process is stopped (``kill -STOP``, a paused container, a machine that sleeps), nobody
looks, and it goes on as if nothing had happened. While a debugger has it, nobody looks either. A process that is
stopped for good can't end itself: that is for ``deploy/restart_unhealthy.sh``.
"""

import asyncio
import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LOOKS = 60
PAUSE = 1.0  # seconds
DEBUGGERS = {"bdb", "pydevd"}
STATUS = 134  # as of a process that SIGABRT ended


class HangWatch:
    """Watches the event loop that it was made in, from ``start`` on."""

    def __init__(self, looks: int = LOOKS, pause: float = PAUSE) -> None:
        """Take after how many looks without a turn of the event loop, ``pause`` seconds apart, to end the process."""
        self._looks = looks
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._has_turned = True
        self._missed = 0
        self._is_over = False

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch meanwhile."""
        thread = threading.Thread(target=self._watch, name="hang watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over = True

    def _watch(self) -> None:
        while not self._is_over:
            if self._has_turned or is_debugged(self._thread):
                self._missed, self._has_turned = 0, False
                with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
                    self._loop.call_soon_threadsafe(self._note_turn)
            else:
                self._missed += 1
            if self._missed >= self._looks:
                _end()
            time.sleep(self._pause)

    def _note_turn(self) -> None:
        self._has_turned = True


def is_debugged(thread: int) -> bool:
    """Tell whether a debugger has this process: one in the stack of that thread, or another process (TracerPid)."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - of CPython, and documented
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in DEBUGGERS:
            return True
        frame = frame.f_back
    with contextlib.suppress(OSError):  # there is no such file but on Linux
        return "TracerPid:\t0\n" not in Path("/proc/self/status").read_text()
    return False


def _end() -> None:
    """End, without waiting for anything: what hangs would hang on."""
    os.write(2, b"the event loop hangs; the process ends. Where it hung:\n")
    faulthandler.dump_traceback(file=2, all_threads=True)
    os._exit(STATUS)
