"""The base of a resource server: its parts start in order, and all stop, whatever one of them does."""

import pytest

from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.resource_server import ResourceServer
from tests.support.services import posts_settings
from tests.support.signers import SECRET, signer_of
from tests.support.verifiers import published_of

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class OwnPart:
    """A part that a service brings; it notes what it is told, and may fail at that."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.told: list[str] = []

    def start(self) -> None:
        """Start."""
        self._note("start")

    async def stop(self) -> None:
        """Stop."""
        self._note("stop")

    def _note(self, what: str) -> None:
        self.told.append(what)
        if what == self.fails_at:
            raise ZeroDivisionError(what)


def build(*beside: OwnPart) -> ResourceServer:
    """Return a server with parts of the service's own, whose database is away."""
    settings, database = posts_settings(NOWHERE), Database(NOWHERE, [], "some_service")
    return ResourceServer.build("some_service", settings, Metrics(), database, {}, beside)


def test_without_any_key_it_is_not_ready() -> None:
    """A server without a shared secret lacks keys until it has read published ones; with a secret it never does."""
    settings, database = posts_settings(NOWHERE, secret_key=None), Database(NOWHERE, [], "some_service")
    server = ResourceServer.build("some_service", settings, Metrics(), database, {})
    assert server.checks["keys"]() == "no key yet"
    server.following.keys.replace(published_of(signer_of("ES256")))
    assert server.checks["keys"]() is None
    by_secret = posts_settings(NOWHERE, secret_key=SECRET)
    assert ResourceServer.build("some_service", by_secret, Metrics(), database, {}).checks["keys"]() is None


async def test_what_never_started_can_be_stopped() -> None:
    """A server whose start failed halfway lets go of all its parts, those too that never started."""
    first, broken = OwnPart(), OwnPart(fails_at="start")
    server = build(first, broken)
    with pytest.raises(ZeroDivisionError):
        await server.start()
    await server.stop()
    assert (first.told, broken.told) == (["start", "stop"], ["start", "stop"])


async def test_a_part_that_fails_to_stop_holds_up_no_other() -> None:
    """When one part can't be stopped the others are, and the failure is reported."""
    first, broken = OwnPart(), OwnPart(fails_at="stop")
    server = build(first, broken)
    with pytest.raises(ZeroDivisionError):
        await server.stop()
    assert first.told == ["stop"]
