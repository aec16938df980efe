"""A service built from routes and parts alone: what every service has in common, whatever its purpose."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.application import build_application
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.health import Check
from shared.web.page_settings import PageSettings
from shared.web.routes import resource
from tests.support.services import client_of, running

SETTINGS = PageSettings.model_validate(
    {"environment": "development", "port": 8009, "metrics_port": 8109, "secret_key": SAMPLE_SECRETS["SECRET_KEY"]}
)


class BareServer:
    """A server with nothing to start, which lacks what the test says, or fails at the start."""

    def __init__(self, lack: str | None = None, crash: Exception | None = None) -> None:
        self.lack = lack
        self.crash = crash
        self.told: list[str] = []
        self.key_follower = None
        self.access_tokens = AccessTokens(KeyRing(SAMPLE_SECRETS["SECRET_KEY"]), SETTINGS.nextauth_url, 60)
        self.revocations = Revocations()
        self.checks: dict[str, Check] = {"database": lambda: self.lack}
        self.remarks: dict[str, Check] = {"revocations": lambda: "late"}

    async def start(self) -> None:
        """Note that it started, and perhaps fail then."""
        self.told.append("started")
        if self.crash is not None:
            raise self.crash

    async def stop(self) -> None:
        """Note that it stopped."""
        self.told.append("stopped")


async def show(request: Request) -> Response:
    """Return the parts that the endpoint finds."""
    return JSONResponse(request.app.state.parts)


async def fail(_: Request) -> Response:
    """Fail unexpectedly."""
    raise ZeroDivisionError


def build(server: BareServer) -> Starlette:
    """Return a service with two routes."""
    routes = [resource("/things", GET=show), resource("/broken", GET=fail)]
    return build_application(SETTINGS, Metrics(), routes, server, ["part"], {"standby": lambda: None})


async def ask(server: BareServer, path: str) -> httpx2.Response:
    """Return the service's answer to a GET."""
    async with client_of(build(server)) as client:
        return await client.get(path)


async def test_endpoints_find_their_parts() -> None:
    """A route's endpoint finds the service's own parts, and its answer has an id and protective headers."""
    answer = await ask(BareServer(), "/things")
    assert answer.json() == ["part"]
    assert {"x-request-id", "x-content-type-options"} <= set(answer.headers)


async def test_a_crash_is_answered_as_everywhere() -> None:
    """A failing endpoint is 500 and reveals nothing internal; the headers are the same."""
    answer = await ask(BareServer(), "/broken")
    assert (answer.status_code, set(answer.json())) == (500, {"error"})
    assert {"x-request-id", "x-content-type-options"} <= set(answer.headers)


async def test_nobody_is_redirected_to_a_slash() -> None:
    """A superfluous slash never causes a redirect, which would be built from the request's Host."""
    assert (await ask(BareServer(), "/things/")).status_code == 200
    assert (await ask(BareServer(), "/things//")).status_code == 404


async def test_health_follows_from_the_server() -> None:
    """It is ready while no check reports a problem; remarks, including the service's own, don't affect that."""
    assert (await ask(BareServer("lost"), "/livez")).status_code == 200
    ready, not_ready = await ask(BareServer(), "/readyz"), await ask(BareServer("lost"), "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "remarks": {"revocations": "late"}})
    assert (not_ready.status_code, not_ready.json()["lacks"]) == (503, {"database": "lost"})


async def test_it_describes_itself() -> None:
    """It serves the description of its API."""
    assert (await ask(BareServer(), "/openapi.json")).json()["openapi"].startswith("3.1")


async def test_it_starts_and_stops_with_its_server() -> None:
    """Nothing happens before the lifespan starts; what started stops."""
    server = BareServer()
    app = build(server)
    assert server.told == []
    async with running(app):
        assert server.told == ["started"]
    assert server.told == ["started", "stopped"]


async def test_what_had_started_stops_when_the_start_fails() -> None:
    """When the start fails halfway, what had started by then is stopped, and the failure is reported."""
    server = BareServer(crash=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        async with running(build(server)):
            pass
    assert server.told == ["started", "stopped"]
