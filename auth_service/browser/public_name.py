"""The name under which a page is opened: the public one, or another that also reaches us.

Under ``127.0.0.1``, or the gateway's own port beside a front end, the answer to a form must not lead to the public URL:
a page's policy (``form-action 'self'``) makes the browser silently stop there. And cookies belong to a host: a user
signed in at ``127.0.0.1`` would not be signed in at ``localhost``.

1. A page that signs somebody in or out is shown only under the public name. Under any other it redirects there, before
   anybody types anything. From another site of ours (``sites``), it leads back to that site afterwards.
2. The answer to any other form leads to the name that the form was sent to (``lead_from``).

A proxy in front may have changed ``Host``: then the redirect leads to the same request again. So its address carries a
mark, and nobody is redirected twice. ``Host`` is never written into an answer.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.redirects import origin_of, safe_redirect
from auth_service.parts import parts_of
from shared.web.sites import LONGEST_WAY_BACK

CALLBACK = "callbackUrl"
MOVED = "moved"
"""The query parameter that marks a redirect from another name."""

Endpoint = Callable[[Request], Awaitable[Response]]


def at_public_name(show: Endpoint) -> Endpoint:
    """Return the endpoint of a page that is shown only under the public name; from others it redirects there."""

    async def endpoint(request: Request) -> Response:
        if MOVED in request.query_params or is_at_public_name(request):
            return await show(request)
        query = _lead_back_to_site(request) or request.scope["query_string"].decode("latin-1")
        location = f"{parts_of(request).public_url}{request.scope['path']}?{query}{'&' if query else ''}{MOVED}=1"
        return Response(status_code=307, headers={"Location": location})

    return endpoint


def _lead_back_to_site(request: Request) -> str:
    """Return the query that leads back to the site where a page was asked for; empty where that is none of the others.

    What is wanted may be a path, which means something else under the public name.
    """
    sites = parts_of(request).sites
    own = sites.find_other(request.headers.get("host", ""))
    if own is None:
        return ""
    wanted = safe_redirect(request.query_params.get(CALLBACK, ""), sites, own) or own
    further = [(name, value) for name, value in request.query_params.multi_items() if name != CALLBACK]
    query = urlencode([(CALLBACK, wanted), *further])
    return query if len(query) <= LONGEST_WAY_BACK - len(f"&{MOVED}=1") else urlencode({CALLBACK: own})


def lead_from(request: Request) -> str:
    """Return the start of a redirect's address: the public URL, or nothing to stay under the same name."""
    is_free = request.method in {"GET", "HEAD"} or is_at_public_name(request)
    return parts_of(request).public_url if is_free else ""


def is_at_public_name(request: Request) -> bool:
    """Tell whether ``Host`` names the public URL's host and port."""
    public_url = parts_of(request).public_url
    try:
        asked = origin_of(f"{public_url.partition(':')[0]}://{request.headers.get('host', '')}")
        return asked == origin_of(public_url)
    except ValueError:  # a port that can't be
        return False
