"""How long the gateway waits for either side, and how much it takes from it at once. Pure."""

from dataclasses import dataclass
from enum import Enum

MAX_HEADERS = 64  # of a request
MAX_HEAD = 16 * 1024  # bytes, all names and values of a request
MAX_UNFINISHED_HEAD = 4 * MAX_HEAD  # bytes; a request's head that is longer is not waited for
MAX_AHEAD = 64 * 1024  # bytes that a client may pipeline
MAX_ANSWER_HEADERS = 100
MAX_ANSWER_HEAD = 32 * 1024  # bytes, the whole head of an upstream's answer
WHOLE_BODY = 64 * 1024  # bytes; a body announced to be no longer is held until it is complete, either way


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long the gateway waits for a client, in seconds.

    A body may take ``body`` seconds in all, or longer while each further stretch of that length brings ``rate`` bytes
    a second; time in which the gateway itself stopped reading does not count. ``write_stall`` is how long a client
    may read nothing of what waits for it: until then the answer's memory and its upstream connection are held.
    ``half_closed`` is how long a client that sent its request and half-closed is kept while there is nothing to send to
    it: it may have gone, which only a write would show. ``linger`` is how long what a refused client still sends is
    read and discarded, so that it gets to see the refusal (RFC 9112, 9.6).
    """

    idle: float = 75.0  # before the first byte of a request: longer than balancers ahead keep a connection
    head: float = 5.0  # from its first byte to its last
    body: float = 30.0
    rate: int = 1024  # bytes a second
    write_stall: float = 60.0
    half_closed: float = 5.0
    linger: float = 2.0


class ConnectionUse(Enum):
    """What an upstream's connection is used for: each has slots of its own, so that clients hold up only their like."""

    WHOLE = "a request that is at hand as a whole"
    BODY = "a request whose body is still coming: its client decides how long that takes"
    TUNNEL = "a WebSocket, which lasts as long as both sides like"
    LONG = "what has lasted for long: an event stream, a download that is taken slowly, a long poll"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the gateway waits for an upstream, in seconds, and how much of it is used at once.

    A policy may say otherwise of an upstream (``policy.schema``): of ``connect``, ``first_byte`` (``answer_within``),
    ``silence`` and ``tunnel_silence``, ``idle`` and ``connections``.
    """

    connect: float = 1.0
    first_byte: float = 30.0  # from the request's end to its answer's head, connecting included
    silence: float = 60.0  # between two pieces of an answer, and while the upstream is not reading a request
    idle: float = 1.5  # less than gunicorn's 2 s, the shortest keep-alive of the usual servers
    back_off: float = 5.0  # for a replica that could not be reached, or said `Connection: close`: it is about to end
    connections: int = 256
    bodies: int = 128
    tunnels: int = 1024
    long: int = 2048
    long_after: float = 2.0  # from when a request asks for a connection; then it is one of the above
    waiting: int = 256  # whole requests that wait for a connection
    wait: float = 1.0
    tunnel_silence: float = 300.0  # of both sides of a WebSocket
    timeouts: int = 3  # in a row, after which an upstream counts as frozen
    probes: int = 8  # whole requests that a frozen one still gets at a time
