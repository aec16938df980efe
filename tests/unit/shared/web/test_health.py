"""Liveness and readiness: two questions with two answers."""

from starlette.applications import Starlette

from shared.web.error_responses import exception_handlers
from shared.web.health import health_routes
from tests.support.services import client_of


async def test_alive_asks_nobody() -> None:
    """A process that answers is alive, whatever it lacks."""
    app = Starlette(routes=[*health_routes({"database": lambda: "not connected"})])
    answer = await client_of(app).get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_ready_when_nothing_is_missing() -> None:
    """A service is ready when no check reports a problem; the checks run each time."""
    lacks: dict[str, str | None] = {"database": "not connected", "rules": None}
    app = Starlette(
        routes=[*health_routes({name: lambda name=name: lacks[name] for name in lacks})],  # type: ignore[misc]
        exception_handlers=exception_handlers(),
    )
    client = client_of(app)

    before = await client.get("/readyz")
    lacks["database"] = None
    after = await client.get("/readyz")
    assert (before.status_code, before.json()) == (503, {"status": "not ready", "lacks": {"database": "not connected"}})
    assert (after.status_code, after.json()) == (200, {"status": "ready"})
    assert (await client.post("/readyz")).status_code == 405


async def test_a_remark_keeps_nobody_away() -> None:
    """A problem that does not prevent requests from being served is reported by a service that is ready."""
    remarks: dict[str, str | None] = {"revocations": "cut", "users": None}
    app = Starlette(routes=[*health_routes({}, {name: lambda name=name: remarks[name] for name in remarks})])  # type: ignore[misc]
    answer = await client_of(app).get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "remarks": {"revocations": "cut"}})
