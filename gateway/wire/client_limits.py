"""How long a client is waited for. A client owes something in every state but one; ``Awaits`` names them. Pure."""

from dataclasses import dataclass
from enum import Enum, auto

from gateway.wire.headers import MAX_SIZE

MAX_UNFINISHED_HEAD = 4 * MAX_SIZE  # bytes; what is longer and still has no end is not waited for


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long a client is waited for, in seconds.

    A body may take ``body`` seconds in all, or longer while each further stretch of that length brings ``rate`` bytes
    a second; time in which the gateway itself stopped reading does not count. ``write_stall`` is how long a client
    may take nothing of what waits for it: until then the answer's memory and its upstream connection are held.
    ``half_closed`` is how long a client that sent its request and ended its own side is kept while there is nothing to
    send to it: it may have gone, which only a write would show. ``linger`` is how long what a refused client still
    sends is read and thrown away, so that it gets to see the refusal (RFC 9112, 9.6).
    """

    idle: float = 5.0  # before the first byte of a request
    head: float = 5.0  # from its first byte to its last
    body: float = 30.0
    rate: int = 1024  # bytes a second
    write_stall: float = 60.0
    half_closed: float = 5.0
    linger: float = 2.0


class Awaits(Enum):
    """What a connection waits for."""

    REQUEST = auto()  # the first byte of the next request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body
    ANSWER = auto()  # nothing of the client: the answer is being made or sent
    SILENCE = auto()  # that a refused client has read its answer
    END = auto()  # the end of the connection
