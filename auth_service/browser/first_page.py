"""Where people go on from signing in, up or out, when nobody asked for a page: the first that there is.

1. An operator's own (``first_page`` in brand.toml).
2. Otherwise who signs up goes to their own posts and who signs in to ``/``, as far as these are there; else to the
   account, and last to the sign-in page, which says who is signed in.
3. Signing out is confirmed by the feed of posts, and where there is none by the sign-in page.
"""

from collections.abc import Mapping

from starlette.requests import Request

from auth_service.browser.cookies import choose_callback_url
from auth_service.parts import parts_of
from shared.web.lacking import OurPage, list_lacking
from shared.web.pages import SIGN_IN, branding_of

_OWN_POSTS, _ACCOUNT = "/userposts", "/account"


def choose_after_sign_in(request: Request) -> str:
    """Return where the sign-in page leads: where its reader wanted to go, else to the first page."""
    callback_url, public_url = choose_callback_url(request, {}), parts_of(request).public_url
    has_own = branding_of(request.scope).first_page is not None
    if callback_url != public_url or not (has_own or OurPage.HOME in list_lacking(request.scope)):
        return callback_url
    return public_url + choose_first_page(request)


def choose_after_sign_up(request: Request, fields: Mapping[str, str]) -> str:
    """Return where a new user goes: where they wanted to go, else to the first page."""
    callback_url, public_url = choose_callback_url(request, fields), parts_of(request).public_url
    return public_url + choose_first_page(request) if callback_url == public_url else callback_url


def choose_after_sign_out(request: Request, callback_url: str) -> str:
    """Return where a browser goes after signing out; without a page of its own that confirms it."""
    public_url = parts_of(request).public_url
    if callback_url != public_url:
        return callback_url
    has_feed = OurPage.FEED not in list_lacking(request.scope)
    return f"{public_url}/?done=signed-out" if has_feed else f"{public_url}{SIGN_IN}?notice=signed-out"


def choose_first_page(request: Request) -> str:
    """Return the path of the first page for who is signed in."""
    lacks, own = list_lacking(request.scope), branding_of(request.scope).first_page
    if own is not None and own not in lacks:
        return own
    ways = ((OurPage.POSTS, _OWN_POSTS), (OurPage.HOME, "/"), (OurPage.ACCOUNT, _ACCOUNT))
    return next((path for page, path in ways if page not in lacks), SIGN_IN)
