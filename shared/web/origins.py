"""Hosts and origins as browsers write them (RFC 6454, section 6.1): in lower case, and without a default port. Pure."""

import re
from urllib.parse import urlsplit

HOST_NAME = r"(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\])"
"""A regular expression: a name, or an address, which stands in brackets if it is IPv6 (RFC 3986, section 3.2.2)."""

ORIGIN = rf"https?://{HOST_NAME}(?::[1-9][0-9]{{0,4}})?"
"""A regular expression: the address of a site, without a path."""

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_name(host: str) -> bool:
    """Tell whether a host can be looked up: each part between dots has 1 to 63 characters (RFC 1035, section 2.3.4)."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def read_origin(text: str) -> str:
    """Return an origin as a browser writes it; ValueError for what is none."""
    origin = text.lower()
    if not re.fullmatch(ORIGIN, origin):
        raise ValueError(f"{text!r} is no origin, such as https://app.example")
    return origin.removesuffix(DEFAULT_PORTS[origin.partition(":")[0]])


def check_public_url(origin: str) -> str:
    """Return an origin that browsers may open in production; ValueError for plain http, but on this machine."""
    parts = urlsplit(origin)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("must be https in production")
    return origin
