"""A browser's invitation: the link that an operator made leaves its token in a cookie, and the address bar loses it.

    GET /signup?invitation=<token>  ->  303 to /signup, with the cookie

So it counts however its user then signs up: by the form here, or by another provider, which leads back to us. It is
kept for a day from the last time that the link was opened, whoever signs in or out meanwhile, and cleared by the form
that made an account of it. The cookie grants nothing but an account (``accounts.invitations``).
"""

import time
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.cookies import add_cookies, read_cookies
from auth_service.browser.public_name import MOVED
from auth_service.pages.forms import redirect
from auth_service.parts import parts_of
from shared.tokens.set_cookie import clear_cookie, set_cookie

PARAMETER = "invitation"
MAX_AGE = 24 * 3600  # seconds
LONGEST = 100  # characters


def lead_invited(request: Request) -> Response | None:
    """Return the answer to a link with an invitation: the same page without it, and the cookie; None without one."""
    token = request.query_params.get(PARAMETER)
    if token is None:
        return None
    names = parts_of(request).cookies
    rest = [(name, value) for name, value in request.query_params.multi_items() if name not in (PARAMETER, MOVED)]
    led = redirect(f"{parts_of(request).public_url}/signup{'?' if rest else ''}{urlencode(rest)}")
    if not token.isascii() or len(token) > LONGEST:
        return led
    kept_until = int(time.time()) + MAX_AGE
    return add_cookies(led, [set_cookie(names.invitation, token, secure=names.secure, expires_at=kept_until)])


def forget_invitation(request: Request) -> list[str]:
    """Return what clears the cookie once it has made an account; nothing where there is none."""
    names = parts_of(request).cookies
    has_one = names.invitation in read_cookies(request)
    return [clear_cookie(names.invitation, secure=names.secure)] if has_one else []
