"""A stack with one sign-in for several hosts, and a client that reaches them all without looking up their names."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from gateway.settings import DEFAULT_RULES
from tests.support.running_stack import StackUrls, started_stack

DOMAIN = "gate.localhost"
ID, APP, WIKI = (f"http://{name}.{DOMAIN}" for name in ("id", "app", "wiki"))
NAMES = {name.upper(): urlsplit(origin).netloc for name, origin in (("id", ID), ("app", APP), ("wiki", WIKI))}
SERVED_TOO = "gateway.internal:3000"  # by which programs reach the gateway: no browser is led there
SETTINGS = {
    "NEXTAUTH_URL": ID,
    "COOKIE_DOMAIN": DOMAIN,
    "GATEWAY_HOSTS": ",".join((NAMES["APP"], NAMES["WIKI"], SERVED_TOO)),
}
WIKI_RULE = """
[[rule]]
matcher  = ["/wiki-only/:path*"]
hosts    = "WIKI"
access   = "page"
upstream = "posts"
"""


@dataclass(frozen=True, slots=True)
class SeveralHosts:
    """A running stack: its own URLs, and the port at which all hosts are."""

    stack: StackUrls

    @property
    def resolver_rules(self) -> str:
        """The argument by which Chromium reaches all hosts at that port."""
        return f"--host-resolver-rules=MAP *.{DOMAIN}:80 127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The gateway's port on the loopback."""
        port = urlsplit(self.stack.gateway).port
        assert port is not None
        return port

    def client(self, origin: str = ID) -> httpx2.AsyncClient:
        """Return a browser's client, which keeps cookies by host and domain."""
        return httpx2.AsyncClient(base_url=origin, transport=AtPort(self.port), timeout=10)


class AtPort(httpx2.AsyncHTTPTransport):
    """Sends every request to one port on the loopback; the client goes on as if it had been where it was meant."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request with the Host that it has."""
        url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(
            httpx2.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )


@contextlib.contextmanager
def started_hosts(further_rules: str = WIKI_RULE, further_upstream: str = "") -> Iterator[SeveralHosts]:
    """Give such a stack on fresh data, with the policy that ships and further rules before it."""
    text = DEFAULT_RULES.read_text().replace("[upstreams]\n", f"[upstreams]\n{further_upstream}\n")
    first = text.index("[[rule]]")
    for name, host in NAMES.items():
        further_rules = further_rules.replace(name, host)
    with tempfile.TemporaryDirectory(prefix="gatepost-rules-") as folder:
        rules = Path(folder) / "rules.toml"
        rules.write_text(text[:first] + further_rules + "\n" + text[first:])
        with started_stack({**SETTINGS, "GATEWAY_RULES": str(rules)}) as urls:
            yield SeveralHosts(urls)
