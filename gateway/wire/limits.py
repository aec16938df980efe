"""How much of an upstream is used at once, and how long it is waited for."""

from dataclasses import dataclass
from enum import Enum


class Use(Enum):
    """What a connection is taken for. Each has places of its own, so that clients hold up only their like."""

    WHOLE = "a request that is at hand as a whole"
    BODY = "a request whose body is still on its way: its client decides how long that takes"
    TUNNEL = "a WebSocket, which lasts as long as both sides like"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an upstream is waited for, in seconds, and how much of it is used at once."""

    connect: float = 1.0
    first_byte: float = 30.0  # from the request to its answer, connecting included; ``answer_within`` of the policy
    silence: float = 60.0  # between two pieces of an answer, and while it takes nothing of a request
    idle: float = 3.0  # less than the 5 s after which the upstream itself closes
    rest: float = 5.0  # for a replica that could not be reached, or says `Connection: close`: it is about to end
    connections: int = 256
    bodies: int = 128
    tunnels: int = 1024
    waiting: int = 256  # whole requests that wait for a connection
    wait: float = 1.0
    tunnel_silence: float = 300.0  # of both sides of a WebSocket
    timeouts: int = 3  # in a row, after which an upstream counts as frozen
    probes: int = 8  # whole requests that are at a time still sent to one that is frozen
