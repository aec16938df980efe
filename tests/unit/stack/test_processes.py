"""How the stack without Docker ends its processes."""

import signal
import subprocess
import time
from typing import cast

from stack.processes import Child, stop_children


class Stubborn:
    """Stands for a process that ends only when it is killed; remembers for how long it was waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.is_killed = False

    def poll(self) -> None:
        """Say that it runs."""

    def send_signal(self, number: signal.Signals) -> None:
        """Take a signal, and go on."""

    def kill(self) -> None:
        """End."""
        self.is_killed = True

    def wait(self, timeout: float | None = None) -> int:
        """Return when it has ended, or raise after ``timeout`` seconds."""
        if self.is_killed:
            return -9
        assert timeout is not None
        self.waited.append(timeout)
        time.sleep(timeout)
        raise subprocess.TimeoutExpired("stubborn", timeout)


def test_all_share_one_patience() -> None:
    """Processes that do not end are waited for together, not each for the whole time, and killed."""
    processes = [Stubborn(), Stubborn()]
    stop_children([Child("one", cast("subprocess.Popen[bytes]", each)) for each in processes], 0.2)
    assert all(each.is_killed for each in processes)
    assert processes[0].waited[0] <= 0.2
    assert processes[1].waited == [0]
