"""The ports of the stack without Docker."""

import contextlib
import socket

import pytest

from stack.ports import USUAL_MAILBOX, PortUnusable, choose_mailbox, choose_ports, name_ports


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
