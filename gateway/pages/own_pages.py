"""What the gateway serves itself: its health, assets, what browsers look for, and the API's description."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from gateway.pages.reference import Reference
from gateway.pages.reference_page import group_operations, list_common_answers, list_schemas
from gateway.pages.well_known import well_known_routes
from shared.application import Lifespan, assemble
from shared.web.health import Check, health_routes
from shared.web.pages import ASSETS, ASSETS_PATH, render_page
from shared.web.routes import resource

TEMPLATES = Path(__file__).parent / "templates"
ASSET_AGE = 300  # seconds that a browser may keep an asset without asking again


def create_own_pages(
    reference: Reference,
    public_url: str,
    lifespan: Lifespan,
    checks: Mapping[str, Check],
    remarks: Mapping[str, Check],
    security_contact: str | None = None,
) -> Starlette:
    """Return the application of the gateway's own pages; ``lifespan`` is the gateway's.

    ``checks`` and ``remarks`` are for ``/readyz``.
    """

    async def show_document(_: Request) -> Response:
        return JSONResponse(await reference.get_document())

    async def show_page(request: Request) -> Response:
        document = await reference.get_document()
        shown = {
            "document": document,
            "groups": group_operations(document),
            "common": list_common_answers(document),
            "schemas": list_schemas(document),
        }
        return render_page(request.scope, "docs.html", folder=TEMPLATES, status=200, headers=None, **shown)

    routes = [
        *health_routes(checks, remarks),
        resource("/openapi.json", GET=show_document),
        resource("/docs", GET=show_page),
        *well_known_routes(public_url, security_contact),
        Mount(ASSETS_PATH, _Assets(directory=ASSETS)),
    ]
    return assemble(routes, public_url, lifespan)


class _Assets(StaticFiles):
    """Files that a browser may keep for a while."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = f"public, max-age={ASSET_AGE}"
        return response
