"""A service built from routes and parts alone: what every service answers and how it lives, whatever it is for."""

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.application import build_application
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS, Settings
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.health import Check
from shared.web.routes import resource
from tests.support.services import client_of, running

SETTINGS = Settings.model_validate(
    {"environment": "development", "port": 8009, "metrics_port": 8109, "secret_key": SAMPLE_SECRETS["SECRET_KEY"]}
)


class BareServer:
    """A server that has nothing to start, and lacks what the test says."""

    def __init__(self, lack: str | None = None) -> None:
        self.lack = lack
        self.told: list[str] = []
        self.access_tokens = AccessTokens(KeyRing(SAMPLE_SECRETS["SECRET_KEY"]), SETTINGS.nextauth_url, 60)
        self.revocations = Revocations()
        self.checks: dict[str, Check] = {"database": lambda: self.lack}
        self.remarks: dict[str, Check] = {"revocations": lambda: "late"}

    async def start(self) -> None:
        """Note that it started."""
        self.told.append("started")

    async def stop(self) -> None:
        """Note that it stopped."""
        self.told.append("stopped")


async def show(request: Request) -> Response:
    """Answer the parts that the endpoint finds."""
    return JSONResponse(request.app.state.parts)


async def fail(_: Request) -> Response:
    """Fail in a way that nobody foresaw."""
    raise ZeroDivisionError


def build(server: BareServer) -> Starlette:
    """Return a service of two routes."""
    routes = [resource("/things", GET=show), resource("/broken", GET=fail)]
    return build_application(SETTINGS, Metrics(), routes, server, ["part"], {"standby": lambda: None})


async def ask(server: BareServer, path: str) -> httpx2.Response:
    """Return what the service answers a GET."""
    async with client_of(build(server)) as client:
        return await client.get(path)


async def test_endpoints_find_their_parts() -> None:
    """A route's endpoint finds the service's own parts, and its answer has an id and protective headers."""
    answer = await ask(BareServer(), "/things")
    assert answer.json() == ["part"]
    assert {"x-request-id", "x-content-type-options"} <= set(answer.headers)


async def test_a_crash_is_answered_as_everywhere() -> None:
    """What an endpoint fails with is 500 and says nothing of the inside; the headers are the same."""
    answer = await ask(BareServer(), "/broken")
    assert (answer.status_code, set(answer.json())) == (500, {"error"})
    assert {"x-request-id", "x-content-type-options"} <= set(answer.headers)


async def test_nobody_is_redirected_to_a_slash() -> None:
    """No slash too many is answered by a redirect, which would be made from the request's Host."""
    assert (await ask(BareServer(), "/things/")).status_code == 200
    assert (await ask(BareServer(), "/things//")).status_code == 404


async def test_health_follows_from_the_server() -> None:
    """It is ready while no check names a lack; remarks, the service's own among them, change nothing."""
    assert (await ask(BareServer("lost"), "/livez")).status_code == 200
    ready, not_ready = await ask(BareServer(), "/readyz"), await ask(BareServer("lost"), "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "remarks": {"revocations": "late"}})
    assert (not_ready.status_code, not_ready.json()["lacks"]) == (503, {"database": "lost"})


async def test_it_describes_itself() -> None:
    """The description of the API is among what it answers."""
    assert (await ask(BareServer(), "/openapi.json")).json()["openapi"].startswith("3.1")


async def test_it_starts_and_stops_with_its_server() -> None:
    """Nothing happens before the lifespan starts; what started stops."""
    server = BareServer()
    app = build(server)
    assert server.told == []
    async with running(app):
        assert server.told == ["started"]
    assert server.told == ["started", "stopped"]
