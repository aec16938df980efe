"""The parts of the stack without Docker: their ports, and how they are stopped."""

import contextlib
import signal
import socket
import subprocess
import time
from typing import cast

import pytest

from stack.ports import PortUnusable, choose_ports, name_ports
from stack.processes import Child, stop_children


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (70_000, "there is no port 70000; the highest is 65535"),
        (-1, "there is no port -1; the highest is 65535"),
        (8001, "port 8001 is the one of auth_service; choose another"),
        (3100, "port 3100 is the one of gateway; choose another"),
    ],
)
def test_a_port_that_can_not_be(port: int, said: str) -> None:
    """A port that there is not, or that another part listens on, is refused with one sentence."""
    with pytest.raises(PortUnusable) as refusal:
        choose_ports(port)
    assert str(refusal.value) == said


def test_another_stack_is_no_obstacle() -> None:
    """Beside a stack that has the usual ports another gets free ones for all but the gateway's, which is as asked."""
    usual = name_ports(0)
    with contextlib.ExitStack() as others:
        for port in (port for each in usual.values() for port in (each.requests, each.metrics) if port):
            with contextlib.suppress(OSError):  # another stack has it already
                others.enter_context(socket.create_server(("127.0.0.1", port)))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            asked = probe.getsockname()[1]
        chosen = choose_ports(asked)
    ports = [port for each in chosen.values() for port in (each.requests, each.metrics)]
    assert (list(chosen), chosen["gateway"].requests) == (list(usual), asked)
    assert len({*ports, *(usual["auth_service"].requests, usual["gateway"].metrics)}) == len(ports) + 2


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
