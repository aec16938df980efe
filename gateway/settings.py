"""The gateway's settings."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from gateway.callers.client_address import Network
from shared.nextauth_settings import NextAuthSettings
from shared.process.held_port import HeldPortSettings
from shared.settings import PreviousSecrets, read_policy_variables, split
from shared.tokens.service_settings import CallerSecret
from shared.verifier_settings import FollowerSettings
from shared.web.page_settings import PageSettings
from shared.web.sites import Sites, name_of

DEFAULT_RULES = Path(__file__).parent / "rules.toml"
CONTACT = r"^(mailto:[!-~]+@[!-~]+|https://[!-~]+)$"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def read_networks(value: object) -> object:
    """Return the networks of a comma-separated list; an address is a network of its own."""
    parts = split(value)
    texts = parts if isinstance(parts, tuple) else ()
    for number, text in enumerate(texts, 1):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(
                f"must be addresses or networks, such as 172.28.0.2 or 10.0.0.0/8; number {number} in the list is none"
            ) from None
    return parts


@dataclass(frozen=True, slots=True)
class PublicSide:
    """How the world sees the gateway: its sites, the values of Host that are served, the proxies ahead of it."""

    sites: Sites
    hosts: frozenset[bytes]
    trusted_proxies: tuple[Network, ...]

    @property
    def url(self) -> str:
        """The public URL."""
        return self.sites.public_url

    @property
    def scheme(self) -> str:
        """The public URL's scheme: what browsers speak, even where something ahead of us terminates TLS."""
        return self.url.partition(":")[0]


class GatewaySettings(HeldPortSettings, NextAuthSettings, PageSettings, FollowerSettings):
    """What the gateway needs beside what every service needs."""

    port: Annotated[int, Field(ge=1, le=65_535)] = 3000
    metrics_port: Annotated[int, Field(ge=1, le=65_535)] = 3100
    gateway_service_secret: CallerSecret = None
    gateway_service_secret_previous: PreviousSecrets = ()
    session_max_age: Annotated[int, Field(ge=60)] = 30 * 86_400
    auth_service_url: str = "http://127.0.0.1:8001"
    posts_service_url: str = "http://127.0.0.1:8002"
    gateway_rules: Path = DEFAULT_RULES
    gateway_promises: Path | None = None
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(read_networks)] = ()
    log_client_address: bool = False
    client_idle_seconds: Annotated[float, Field(ge=1, le=3600)] = 75
    security_contact: Annotated[str | None, Field(pattern=CONTACT)] = None

    @property
    def hosts(self) -> frozenset[bytes]:
        """The Host values that are served: the public one, in development this machine's other names, GATEWAY_HOSTS."""
        parts = urlsplit(self.nextauth_url)
        name = parts.netloc.removesuffix(f":{parts.port}")
        names = {name, *LOOPBACK_NAMES} if self.environment == "development" and name in LOOPBACK_NAMES else {name}
        default = 443 if parts.scheme == "https" else 80
        port = parts.port or default
        bare = names if port == default else set()  # the default port may be left out (RFC 9110, 4.2.3)
        ours = {f"{name}:{port}" for name in names} | bare
        return frozenset(each.encode() for each in {*ours, *self.gateway_hosts, *self.sites.hosts})

    @property
    def host_names(self) -> frozenset[str]:
        """The names of the hosts that are served, without their ports."""
        return frozenset(name_of(host.decode()) for host in self.hosts)

    @property
    def public(self) -> PublicSide:
        """How the world sees the gateway."""
        return PublicSide(self.sites, self.hosts, self.trusted_proxies)

    def rule_variables(self) -> dict[str, str]:
        """Return what the policy file may refer to as ``${NAME}``: URLs of services, and variables of its own."""
        names = [name for name in type(self).model_fields if name.endswith("_service_url")]
        known = {name.upper(): str(getattr(self, name)) for name in names}
        return {**read_policy_variables(), **known}
