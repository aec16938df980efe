"""Which ports the parts listen on, and whether they are free."""

import contextlib
import socket

from stack.settings import Ports

GATEWAY_PORT = 3000
HIGHEST_PORT = 65_535
_USUAL = {"gateway": Ports(GATEWAY_PORT, 3100), "auth_service": Ports(8001, 8101), "posts_service": Ports(8002, 8102)}


class PortUnusable(Exception):
    """A part can't listen there; the text is one sentence for a person."""


def choose_ports(gateway_port: int) -> dict[str, Ports]:
    """Return each service's ports: the usual ones with the gateway's given, or free ones if that is 0."""
    if not 0 <= gateway_port <= HIGHEST_PORT:
        raise PortUnusable(f"there is no port {gateway_port}; the highest is {HIGHEST_PORT}")
    if gateway_port == 0:
        free = iter(_find_free_ports(2 * len(_USUAL)))
        return {service: Ports(next(free), next(free)) for service in _USUAL}
    chosen = name_ports(gateway_port)
    others = {port: service for service, each in _USUAL.items() for port in (each.requests, each.metrics)}
    del others[GATEWAY_PORT]
    if gateway_port in others:
        raise PortUnusable(f"port {gateway_port} is the one of {others[gateway_port]}; choose another")
    for service, ports in chosen.items():
        for port in (ports.requests, ports.metrics):
            _check_free(service, port)
    return chosen


def name_ports(gateway_port: int) -> dict[str, Ports]:
    """Return the usual ports with the gateway's given, be they free or not."""
    return {**_USUAL, "gateway": Ports(gateway_port, _USUAL["gateway"].metrics)}


def _find_free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in found]


def _check_free(service: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortUnusable(
                f"port {port}, meant for {service}, can't be used ({error.strerror}): "
                "end what listens there, or let free ports be chosen with `make run PORT=0`"
            ) from None
