"""The example ``examples/spa``: served as its README says, by Python's server for files, behind a gateway."""

import contextlib
import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tests.support.running_stack import ROOT

FOLDER = ROOT / "examples" / "spa"
PATH = "/spa/"
ADDRESS = "http://127.0.0.1:8004"


@contextlib.contextmanager
def served_page() -> Iterator[str]:
    """Give the URL of the server."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=FOLDER.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def add_to_policy(url: str, policy: str) -> str:
    """Return a policy with what the README adds to it, for the page at this URL."""
    upstream, rule = re.findall(r"^```toml\n(.*?)^```", (FOLDER / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert ADDRESS in upstream
    return policy.replace("[upstreams]\n", f"[upstreams]\n{upstream.replace(ADDRESS, url)}") + rule
