"""The auth service as far as it publishes keys: a real HTTP server on loopback, which may misbehave."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from shared.auth_events.contract import SESSION_PATH
from tests.support.raw_upstream import Received, Script, running_upstream
from tests.support.signers import Signer, jwk_of

KEYS_PATH = "/.well-known/jwks.json"


@dataclass(slots=True)
class KeyPublisher:
    """Publishes the public halves of ``signers``, or does what ``script`` says; ``asked`` has what reached it.

    ``session`` is what it answers when it is asked for a renewed session.
    """

    signers: Sequence[Signer] = ()
    script: Script | None = None
    session: bytes | None = None
    url: str = ""
    asked: list[Received] = field(default_factory=list)

    async def answer(self, request: Received) -> None:
        """Answer one request."""
        if request.target != KEYS_PATH:
            await request.read_body()
            is_renewal = request.target == SESSION_PATH and self.session is not None
            await request.answer(self.session or b"", status="200 OK" if is_renewal else "503 Service Unavailable")
            return
        self.asked.append(request)
        if self.script is not None:
            await self.script(request)
        elif self.signers:
            await request.answer(describe_keys(self.signers))
        else:
            await request.answer(status="404 Not Found")


def describe_keys(signers: Sequence[Signer]) -> bytes:
    """Return the key set of these signers (RFC 7517)."""
    usual = {"use": "sig"}
    keys = [{**jwk_of(by.key), "kid": by.kid, "alg": by.algorithm, **usual} for by in signers if by.key is not None]
    return json.dumps({"keys": keys}).encode()


@contextlib.asynccontextmanager
async def running_key_publisher(*signers: Signer) -> AsyncIterator[KeyPublisher]:
    """Give a publisher of the keys of these signers."""
    publisher = KeyPublisher(list(signers))
    async with running_upstream(publisher.answer) as upstream:
        publisher.url = upstream.url
        yield publisher
