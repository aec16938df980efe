"""A relay between verifiers and the issuer's key set: it counts who fetched it how often, and can be cut."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from tests.support.raw_upstream import Received, running_upstream

PATH = "/.well-known/jwks.json"


@dataclass(slots=True)
class KeySetRelay:
    """Answers what the issuer answers; nothing while it is cut."""

    issuer: httpx2.AsyncClient
    url: str = ""
    is_cut: bool = False
    fetches: Counter[str] = field(default_factory=Counter)

    def url_for(self, name: str) -> str:
        """Return where a verifier of this name fetches the key set."""
        return f"{self.url}/{name}{PATH}"

    async def serve(self, request: Received) -> None:
        """Answer one request."""
        name = request.target.removeprefix("/").partition("/")[0]
        self.fetches[name] += 1
        if self.is_cut:
            request.writer.close()
            return
        answer = await self.issuer.get(PATH)
        kept = "".join(f"{name}: {answer.headers[name]}\r\n" for name in ("Content-Type", "Cache-Control", "ETag"))
        await request.answer(answer.content, headers=kept)


@contextlib.asynccontextmanager
async def running_relay(issuer_url: str) -> AsyncIterator[KeySetRelay]:
    """Give a relay to the issuer at this address."""
    async with httpx2.AsyncClient(base_url=issuer_url, timeout=10) as issuer:
        relay = KeySetRelay(issuer)
        async with running_upstream(relay.serve) as upstream:
            relay.url = upstream.url
            yield relay
