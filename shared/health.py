"""Is the process alive, is it ready? ``/livez`` asks nothing of others; ``/readyz`` names what is missing."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.routes import Resource, resource

Check = Callable[[], str | None]
"""Returns None when all is well, else what is missing, in a few words."""


def health_routes(checks: Mapping[str, Check]) -> list[Resource]:
    """Return the routes ``/livez`` (always 200) and ``/readyz`` (503 while a check names a lack)."""

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        lacks = {name: lack for name, check in checks.items() if (lack := check()) is not None}
        if lacks:
            return JSONResponse({"status": "not ready", "lacks": lacks}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [resource("/livez", GET=livez), resource("/readyz", GET=readyz)]
