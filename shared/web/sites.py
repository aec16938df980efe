"""The sites: the origins at which browsers meet us, with one sign-in for all of them. Pure.

This is the one home of what is allowed: where a browser may be led after signing in or out, and which hosts share the
session cookie. The auth service and the gateway derive it from the same settings.

1. NEXTAUTH_URL is the public site: people sign in there. Without COOKIE_DOMAIN it is the only one.
2. COOKIE_DOMAIN is a host name above NEXTAUTH_URL's or the same. With it, those of GATEWAY_HOSTS that are the domain
   itself or below it are sites, too, by NEXTAUTH_URL's scheme. All others of GATEWAY_HOSTS are names by which programs
   reach us; no browser is ever led there.
3. A name of a single label (``localhost``, ``com``) and an address are no domain: browsers keep no cookie for them.
4. A site's origin is made of the settings alone. What a request says is only looked up.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.web.origins import DEFAULT_PORTS, HOST_NAME

LONGEST_PATH, LONGEST_QUERY = 2048, 8192  # bytes that the gateway accepts
LONGEST_PLACE = LONGEST_PATH + len("?") + LONGEST_QUERY
LONGEST_WAY_BACK = 32_768
"""Bytes of the sign-in page's query. Whatever place leads there is led back to, and encoding makes it longer."""

_HOST = re.compile(rf"{HOST_NAME}(?::\d{{1,5}})?")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_ADDRESS = re.compile(r"[0-9.]+")
_PORT = re.compile(r":\d*\Z")  # an IPv6 address stands in brackets (RFC 3986, section 3.2.2)


@dataclass(frozen=True, slots=True)
class Sites:
    """``public_url`` is the origin of the public site; ``others`` are the further sites' origins."""

    public_url: str
    cookie_domain: str | None = None
    others: tuple[str, ...] = ()
    _by_host: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note every value of Host by which a site is asked: its default port may be given (RFC 9110, section 4.2)."""
        by_host = {host: origin for origin in self.origins for host in _list_hosts(origin)}
        object.__setattr__(self, "_by_host", by_host)

    @classmethod
    def of(cls, public_url: str, cookie_domain: str | None = None, hosts: Iterable[str] = ()) -> "Sites":
        """Return the sites of the settings."""
        if cookie_domain is None:
            return cls(public_url)
        scheme = public_url.partition(":")[0]
        inside = [host for host in hosts if is_within(name_of(host), cookie_domain)]
        origins = [f"{scheme}://{host.removesuffix(DEFAULT_PORTS[scheme])}" for host in inside]
        others = tuple(origin for origin in dict.fromkeys(origins) if origin != public_url)
        return cls(public_url, cookie_domain, others)

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of all sites, the public one first."""
        return self.public_url, *self.others

    @property
    def hosts(self) -> Iterable[str]:
        """All values of Host by which they are asked."""
        return self._by_host.keys()

    def find_other(self, host: str) -> str | None:
        """Return the origin of the site that a Host names, where it is another than the public one."""
        origin = self._by_host.get(host.lower())
        return None if origin == self.public_url else origin

    def get_own(self, host: str) -> str:
        """Return the origin of the site that a Host names, and the public one for every other name."""
        return self._by_host.get(host.lower(), self.public_url)


def name_of(host: str) -> str:
    """Return the name in a Host, without its port."""
    return _PORT.sub("", host)


def read_host(text: str) -> str:
    """Return a value of Host, with or without a port (RFC 9110, section 7.2); ValueError for anything else."""
    if not _HOST.fullmatch(text):
        raise ValueError("must be hosts in lower case, such as app.example.com or localhost:3000")
    return text


def is_within(name: str, domain: str) -> bool:
    """Tell whether a cookie of the domain is sent to a host of that name (RFC 6265, section 5.1.3)."""
    return name == domain or name.endswith(f".{domain}")


def read_domain(text: str) -> str:
    """Return a domain for cookies, in lower case; ValueError where browsers would keep none for it."""
    domain = text.lower().removeprefix(".")
    if not _DOMAIN.fullmatch(domain) or _ADDRESS.fullmatch(domain):
        raise ValueError("must be a host name of two labels or more, such as example.com")
    return domain


def _list_hosts(origin: str) -> tuple[str, ...]:
    scheme, _, host = origin.partition("://")
    return (host,) if name_of(host) != host else (host, f"{host}{DEFAULT_PORTS[scheme]}")
