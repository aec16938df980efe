"""Where a request comes from, as sessions and audit lines record it.

The address is the one that the gateway reports: it sets ``X-Forwarded-For`` itself, and nobody else reaches this
service. It is kept for people to read, and counted by the guessing limits; it never grants anything. Nor does the
device cookie: a browser that was signed in to an account before merely gets a count of its own. The flow cookie alone
grants nothing either: it takes a code that was sent by mail besides (``browser.flow``).
"""

import functools
import ipaddress
import time
from dataclasses import dataclass, field

from starlette.requests import Request

from auth_service.mail.codes import is_token
from shared.language.languages import LANGUAGES, choose_language
from shared.observing.request_context import record_of
from shared.tokens.device_cookie import DeviceCookies, LastSignIn
from shared.tokens.session_cookie import parse_cookies

MAX_USER_AGENT = 300  # characters
LONGEST_ADDRESS = 45  # of IPv6, with an IPv4 address in it
IPV6_SITE = 64  # bits: the least that one subscriber gets (RFC 6177), and so what counts as one address


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from; ``address`` is an IP address in its usual spelling, or None.

    ``device`` is the last sign-in that this browser proved to have made, if any; ``flow`` binds codes that are sent by
    mail to it; by ``invitation`` it may make an account. ``language`` is what letters to them are written in.
    ``operator`` is who gives a command; None for a request.
    """

    address: str | None
    user_agent: str
    request_id: str
    device: LastSignIn | None = None
    flow: str | None = field(default=None, repr=False)
    invitation: str | None = field(default=None, repr=False)
    language: str = LANGUAGES[0]
    operator: str | None = None

    @property
    def site(self) -> str:
        """What counts as the client's address for limits and queues: ``get_site``."""
        return get_site(self.address)


def identify_client(request: Request) -> Client:
    """Return where the request comes from."""
    parts = request.app.state.parts  # not ``parts_of``: the parts are made of modules that import this one
    assert isinstance(parts.devices, DeviceCookies)
    cookies, now = parse_cookies(request.headers.raw), int(time.time())
    devices = (parts.devices.find_last_sign_in(cookies.get(name), now) for name in parts.cookies.devices)
    return Client(
        address=_find_address(request),
        user_agent="".join(filter(str.isprintable, request.headers.get("user-agent", "")[:MAX_USER_AGENT])),
        request_id=record_of(request.scope).request_id,
        device=next(filter(None, devices), None),
        flow=find_flow(request),
        invitation=cookies.get(parts.cookies.invitation),
        language=_choose_language(", ".join(request.headers.getlist("accept-language"))),
    )


def find_flow(request: Request) -> str | None:
    """Return the browser's flow, or None."""
    flow = parse_cookies(request.headers.raw).get(request.app.state.parts.cookies.flow)
    return flow if flow is not None and is_token(flow) else None


@functools.lru_cache(maxsize=1024)
def get_site(address: str | None) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 address."""
    if address is None:
        return "unknown"
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_SITE), strict=False))


def _find_address(request: Request) -> str | None:
    """Return the address that the gateway added last, else the peer's own."""
    forwarded = request.headers.getlist("x-forwarded-for")
    peer = request.client.host if request.client else ""
    text = forwarded[-1].rpartition(",")[2].strip() if forwarded else peer
    return _read_address(text) if len(text) <= LONGEST_ADDRESS else None


@functools.lru_cache(maxsize=1024)  # most requests come from few addresses, and parsing one is slow in Python
def _read_address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else str(address)  # a zone names an interface of the sender: not worth keeping


_choose_language = functools.lru_cache(maxsize=256)(choose_language)  # browsers send few different ones
