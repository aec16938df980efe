"""Upstreams as values: the services behind the gateway, and their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Replica(NamedTuple):
    """One address of an upstream, by TLS or without: host and port, or the path of a Unix socket and no port."""

    host: str
    port: int | None
    is_tls: bool = False

    def __str__(self) -> str:
        """Return the address as people write it."""
        return f"unix:{self.host}" if self.port is None else f"{'https://' * self.is_tls}{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A service behind the gateway: one replica or several.

    ``answer_within`` is how many seconds it has to begin an answer; None for the gateway's usual time. Where
    ``session_cookies`` is true it gets NextAuth's cookies, and keeps the sessions in them fresh itself. The rest is as
    in ``schema``; None is the gateway's usual figure, too. ``authorities`` are the certificates in its ``ca_file``.
    ``told`` is a header line that each request to it has besides, by the hosts that rules name; None stands for all
    others (``reach``).
    """

    name: str
    replicas: tuple[Replica, ...]
    answer_within: float | None = None
    session_cookies: bool = False
    connect_within: float | None = None
    silence: float | None = None
    idle: float | None = None
    connections: int | None = None
    authorities: str | None = None
    told: Mapping[str | None, bytes] = field(default_factory=dict, compare=False)

    def tell(self, host: str | None) -> bytes:
        """Return the header line that a request for a host has besides."""
        return self.told.get(host, self.told.get(None, b""))

    @property
    def granted(self) -> dict[str, float]:
        """The seconds and connections that the policy grants it, by their words."""
        words = ("answer_within", "connect_within", "silence", "idle", "connections")
        return {word: getattr(self, word) for word in words if getattr(self, word) is not None}
