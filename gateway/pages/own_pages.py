"""What the gateway serves itself: its health, assets, what browsers look for, and the API's description."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import PathLike, StaticFiles
from starlette.types import Scope

from gateway.messages.raw_headers import find_host_name
from gateway.pages.doctor_answer import DoctorMiddleware, build_questions
from gateway.pages.reference import Reference
from gateway.pages.reference_page import group_operations, list_common_answers, list_schemas
from gateway.pages.well_known import well_known_routes
from gateway.policy.in_force import CurrentPolicy
from gateway.settings import GatewaySettings
from shared.application import Lifespan, assemble, give_look
from shared.errors import NotFound
from shared.web.branding import ASSETS_PATH, BRAND_PATH, BrandFile
from shared.web.health import Check, health_routes
from shared.web.pages import ASSETS, render_page
from shared.web.response_headers import NOTHING_ALLOWED
from shared.web.routes import resource

TEMPLATES = Path(__file__).parent / "templates"
ASSET_AGE = 300  # seconds that a browser may keep an asset without asking again
INERT = f"{NOTHING_ALLOWED}; style-src 'unsafe-inline'; sandbox"
"""For an image that may bring along styles of its own (SVG) and must not bring along anything else."""


def create_own_pages(
    current: CurrentPolicy,
    settings: GatewaySettings,
    lifespan: Lifespan,
    checks: Mapping[str, Check],
    remarks: Mapping[str, Check],
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

    async def show_brand_file(request: Request) -> Response:
        file = branding.files.get(request.path_params["name"])
        if file is None:
            raise NotFound
        return answer_brand_file(file, request.headers.get("if-none-match"))

    reference, branding = Reference(current, settings.nextauth_url), settings.load_branding()
    routes = [
        *health_routes(checks, remarks),
        resource("/openapi.json", GET=show_document),
        resource("/docs", GET=show_page),
        *well_known_routes(settings.nextauth_url, settings.security_contact, branding.icon),
        resource(f"{BRAND_PATH}/{{name}}", GET=show_brand_file),
        Mount(ASSETS_PATH, _Assets(directory=ASSETS)),
    ]
    doctor = Middleware(DoctorMiddleware, questions=build_questions(settings), trusted=settings.trusted_proxies)
    app = assemble(routes, settings.nextauth_url, lifespan, after=[doctor])
    give_look(app, settings)
    app.state.find_lacks = lambda scope: settings.lacks | current.policy.list_lacking(find_host_name(scope["headers"]))
    return app


def answer_brand_file(file: BrandFile, known: str | None) -> Response:
    """Return a file of an operator's folder, or that it has not changed; opened by itself it does nothing."""
    headers = {
        "Cache-Control": f"public, max-age={ASSET_AGE}",
        "ETag": f'"{file.version}"',
        "Content-Security-Policy": INERT,
    }
    if known is not None and headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers={**headers, "Content-Type": file.media_type})


class _Assets(StaticFiles):
    """Files that a browser may keep for a while."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return a file, or that it has not changed."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = f"public, max-age={ASSET_AGE}"
        return response
