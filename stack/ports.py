"""Which ports the parts listen on, and whether they are free."""

import itertools
import json
import os
import random
import socket
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from stack.mailbox import Mailbox
from stack.services import GATEWAY, SERVICES, Ports

GATEWAY_PORT = GATEWAY.ports.requests
HIGHEST_PORT = 65_535
USUAL_MAILBOX = Mailbox(smtp_port=2525, page_port=8025)
_CHOICE = range(20_000, 32_768)  # below those that systems hand out, to whoever connects or asks for any port
_CLAIM = "\0gatepost-port-{}"  # a name that one process on a system can have; the kernel frees it at its end
_MOST_CLAIMS = 256  # of a process, each of which is an open file
_USUAL = {service.name: service.ports for service in SERVICES}

_claims = deque[int]()
"""The descriptors that keep this process's claims, the oldest first."""


class PortUnusable(Exception):
    """A port can't be listened on; the text is one sentence for a person."""


def choose_ports(gateway_port: int) -> dict[str, Ports]:
    """Return each service's ports: the gateway's as given, the others' usual ones, or free ones where those are taken.

    With 0 for the gateway's, free ones for all.
    """
    if not 0 <= gateway_port <= HIGHEST_PORT:
        raise PortUnusable(f"there is no port {gateway_port}; the highest is {HIGHEST_PORT}")
    if gateway_port == 0:
        free = _take_free_ports()
        return {service: Ports(next(free), next(free)) for service in _USUAL}
    others = {port: service for service, each in _USUAL.items() for port in (each.requests, each.metrics)}
    del others[GATEWAY_PORT]
    if gateway_port in others:
        raise PortUnusable(f"port {gateway_port} is the one of {others[gateway_port]}; choose another")
    _check_free(gateway_port)
    spare = _take_free_ports()
    chosen = {
        service: Ports(
            *(port if _find_obstacle(port) is None else next(spare) for port in (each.requests, each.metrics))
        )
        for service, each in _USUAL.items()
    }
    return {**chosen, "gateway": Ports(gateway_port, chosen["gateway"].metrics)}


def save_ports(path: Path, ports: Mapping[str, Ports]) -> None:
    """Write where the services of a stack listen into a file, for ``load_ports``."""
    path.write_text(json.dumps({name: asdict(each) for name, each in ports.items()}))


def load_ports(path: Path, gateway_port: int) -> dict[str, Ports]:
    """Return where the services of a running stack listen; the usual ports where the file does not say."""
    try:
        return {name: Ports(**each) for name, each in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return name_ports(gateway_port)


def name_ports(gateway_port: int) -> dict[str, Ports]:
    """Return the usual ports with the given one for the gateway, be they free or not."""
    return {**_USUAL, "gateway": Ports(gateway_port, _USUAL["gateway"].metrics)}


def choose_mailbox(others: Mapping[str, Ports], *, all_free: bool) -> Mailbox:
    """Return where the mailbox is to be: at its usual ports, or at free ones where those are taken, or all are free."""
    taken = {port for each in others.values() for port in (each.requests, each.metrics)}
    spare = (port for port in _take_free_ports() if port not in taken)
    if all_free:
        return Mailbox(next(spare), next(spare))
    usual = (USUAL_MAILBOX.smtp_port, USUAL_MAILBOX.page_port)
    return Mailbox(*(next(spare) if port in taken or _find_obstacle(port) else port for port in usual))


def list_free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on, and that nobody gets by chance before somebody listens there.

    On Linux no other process gets them here either, until this one ends or has taken many more.
    """
    return list(itertools.islice(_take_free_ports(), count))


def _take_free_ports() -> Iterator[int]:
    """Give free ports, each claimed when it is asked for."""
    for port in random.sample(_CHOICE, len(_CHOICE)):
        claim = _claim(port)
        if claim is None:
            continue
        if _find_obstacle(port) is not None:
            claim.close()
            continue
        _claims.append(claim.detach())
        if len(_claims) > _MOST_CLAIMS:
            os.close(_claims.popleft())
        yield port


def _claim(port: int) -> socket.socket | None:
    """Return what keeps a port from all who look for a free one, while it is open; None where another has it.

    Programs that a process starts don't inherit its claims. Only Linux knows such names; elsewhere nothing is kept.
    """
    claim = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            claim.bind(_CLAIM.format(port))
        except OSError:
            claim.close()
            return None
    return claim


def _check_free(port: int) -> None:
    obstacle = _find_obstacle(port)
    if obstacle is not None:
        raise PortUnusable(
            f"port {port}, meant for the gateway, can't be used ({obstacle}): end what listens there, "
            "or choose another with `make run PORT=3001`, or a free one with `make run PORT=0`"
        )


def _find_obstacle(port: int) -> str | None:
    """Return why a port can't be listened on, or None when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror
    return None
