"""Is the process alive, is it ready? ``/livez`` depends on nothing else; ``/readyz`` names what is missing.

A draining process is not ready. A problem that does not prevent requests from being served is a remark there: the
answer stays 200.
"""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.process.draining import is_draining
from shared.web.routes import Resource, resource

Check = Callable[[], str | None]
"""Returns None when all is well, else what is missing, in a few words."""


def health_routes(checks: Mapping[str, Check], remarks: Mapping[str, Check] | None = None) -> list[Resource]:
    """Return the routes ``/livez`` (always 200) and ``/readyz`` (503 while a check names a lack)."""

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(request: Request) -> Response:
        lacks, remarked = _ask(checks), _ask(remarks or {})
        if is_draining(request.scope):
            lacks["process"] = "ending"
        status = {"status": "not ready", "lacks": lacks} if lacks else {"status": "ready"}
        return JSONResponse(status | ({"remarks": remarked} if remarked else {}), status_code=503 if lacks else 200)

    return [resource("/livez", GET=livez), resource("/readyz", GET=readyz)]


def _ask(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: says for name, check in checks.items() if (says := check()) is not None}
