"""The client's address: the peer of the connection, or the client that a trusted proxy ahead of the gateway names.

``X-Forwarded-For`` is believed only from a peer in ``TRUSTED_PROXIES``, and only its last address that is not itself a
trusted proxy: everything before that was written by the client. Nothing is allowed because of an address.

Some proxies add the client's port (``203.0.113.7:51234``), or write an address as ``Forwarded`` does, in brackets and
quotes (RFC 7239, section 6). A port is no part of who somebody is. An IPv4 address mapped into IPv6 is that address.
"""

import ipaddress
import re
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WRITTEN = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}")
_QUOTED = re.compile(r'"(.*)"')


def choose_client(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> str:
    """Return the client's address, given the peer's and the request's raw headers (names in lower case)."""
    if not trusted or not is_trusted(peer, trusted):
        return peer
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    client = peer
    for text in reversed(",".join(values).split(",")):
        address = _find_address(text.strip())
        if address is None:
            break
        client = str(address)
        if not any(address in network for network in trusted):
            break
    return client


def is_trusted(peer: str, trusted: tuple[Network, ...]) -> bool:
    """Tell whether the address of a connection's peer is one of the trusted proxies'."""
    address = _find_address(peer)
    return address is not None and any(address in network for network in trusted)


def _find_address(text: str) -> Address | None:
    quoted = _QUOTED.fullmatch(text)
    text = quoted[1] if quoted else text
    written = _WRITTEN.fullmatch(text)
    try:
        address = ipaddress.ip_address((written[1] or written[2]) if written else text)
    except ValueError:
        return None
    if "%" in text:  # a zone names an interface of the sender
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
