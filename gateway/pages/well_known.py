"""What browsers, robots and password managers look for at fixed addresses of every site.

``/.well-known/change-password`` is W3C's "A Well-Known URL for Changing Passwords", ``security.txt`` RFC 9116,
``robots.txt`` RFC 9309.
"""

import datetime as dt

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from shared.errors import NotFound
from shared.web.branding import BrandFile
from shared.web.lacking import OurPage, list_lacking
from shared.web.pages import ASSETS
from shared.web.routes import Resource, resource

PASSWORD_PAGE = "/account/password"  # noqa: S105 - an address
ROBOTS = """User-agent: *
Disallow: /account
Disallow: /api/
Disallow: /forgot
Disallow: /signup
Disallow: /userposts
"""
SECURITY_TXT_AGE = dt.timedelta(days=180)  # after which it expires; RFC 9116, 2.5.5: less than a year
ONE_DAY = "public, max-age=86400"


def well_known_routes(public_url: str, security_contact: str | None, icon: BrandFile | None = None) -> list[Resource]:
    """Return the routes; there is a ``security.txt`` only with a contact. ``icon`` is an operator's own."""

    async def show_icon(_: Request) -> Response:
        if icon is not None:
            return Response(icon.content, media_type=icon.media_type, headers={"Cache-Control": ONE_DAY})
        return FileResponse(ASSETS / "favicon.ico", media_type="image/x-icon", headers={"Cache-Control": ONE_DAY})

    async def show_robots(_: Request) -> Response:
        return PlainTextResponse(ROBOTS, headers={"Cache-Control": ONE_DAY})

    async def lead_to_password(request: Request) -> Response:
        if OurPage.ACCOUNT in list_lacking(request.scope):
            raise NotFound
        return Response(status_code=302, headers={"Location": public_url + PASSWORD_PAGE})

    async def show_security_contact(_: Request) -> Response:
        if security_contact is None:
            raise NotFound
        expires = dt.datetime.now(dt.UTC) + SECURITY_TXT_AGE
        lines = {
            "Contact": security_contact,
            "Expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            "Canonical": f"{public_url}/.well-known/security.txt",
        }
        return PlainTextResponse("".join(f"{name}: {value}\n" for name, value in lines.items()))

    return [
        resource("/favicon.ico", GET=show_icon),
        resource("/robots.txt", GET=show_robots),
        resource("/.well-known/change-password", GET=lead_to_password),
        resource("/.well-known/security.txt", GET=show_security_contact),
    ]
