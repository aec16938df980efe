"""The ports of the stack without Docker."""

import contextlib
import json
import socket
import subprocess
import sys

import pytest

from stack.ports import USUAL_MAILBOX, PortUnusable, choose_mailbox, choose_ports, name_ports
from tests.support.house import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that end with their process")
TAKE_PORTS = "import json; from stack.ports import list_free_ports; print(json.dumps(list_free_ports(250)), flush=True)"
TAKE_MANY = """
import os
from stack.ports import list_free_ports
before = len(os.listdir("/proc/self/fd"))
ports = [port for _ in range(20) for port in list_free_ports(1000)]
print(len(ports), len(os.listdir("/proc/self/fd")) - before)
"""


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


def test_free_ports_are_nobody_elses_by_chance() -> None:
    """Free ports are below those that Linux gives to connections and to servers that ask for any."""
    ports = [port for each in choose_ports(0).values() for port in (each.requests, each.metrics)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 32_768


@linux
def test_two_processes_never_get_the_same_port() -> None:
    """What one process was given as free no other is given while that one lives, though nobody listens there yet."""
    command = [sys.executable, "-c", f"{TAKE_PORTS}; input()"]
    with (
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout is not None
        assert other.stdout is not None
        first, second = set(json.loads(one.stdout.readline())), set(json.loads(other.stdout.readline()))
        for process in (one, other):
            process.communicate("\n")
    assert (len(first), len(second)) == (250, 250)
    assert not first & second


@linux
def test_a_process_may_take_any_number_of_ports() -> None:
    """A process that has taken more ports than there are has 256 files open for them, and leaves the others free."""
    command = [sys.executable, "-W", "error", "-c", TAKE_MANY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.split(), done.stderr) == (["20000", "256"], "")


def test_the_mailbox_is_at_its_usual_ports() -> None:
    """The mailbox gets its usual ports where they are free, and others where they are taken, or the gateway's own."""
    with contextlib.ExitStack() as others:
        for port in (USUAL_MAILBOX.smtp_port, USUAL_MAILBOX.page_port):
            with contextlib.suppress(OSError):  # another stack has it already
                others.enter_context(socket.create_server(("127.0.0.1", port)))
        beside = choose_mailbox(name_ports(3000), all_free=False)
    at_gateway = choose_mailbox(name_ports(USUAL_MAILBOX.page_port), all_free=False)
    for chosen in (beside, at_gateway, choose_mailbox(name_ports(3000), all_free=True)):
        assert chosen.page_port != USUAL_MAILBOX.page_port
        assert chosen.smtp_port != chosen.page_port
    assert beside.smtp_port != USUAL_MAILBOX.smtp_port
