"""The flow cookie: it binds a code that is sent by mail to the browser that asked for it (ASVS 5.0, 6.6.2).

The value is a random token; the database holds a keyed hash of it next to each code. Somebody who reads another's mail
can't use a code in it without that browser's cookie, and the cookie alone is worth nothing.

1. It is set on the page with the form that asks for a code, and again by the form. So the second of two clicks has the
   flow of the first one, whose answer the browser never saw.
2. A browser keeps its flow. An older code is still useless: only the newest code of a flow is looked at.
3. It does not reveal who asked, for what, or whether anybody has that address.
"""

import dataclasses
import time

from starlette.requests import Request

from auth_service.clients import Client, find_flow, identify_client
from auth_service.mail.codes import make_token
from auth_service.parts import parts_of
from shared.tokens.set_cookie import set_cookie

MAX_AGE = 24 * 3600  # seconds: much longer than a code, for a browser's clock may be hours ahead


def keep_flow(request: Request) -> tuple[str, list[str]]:
    """Return the browser's flow, a new one where it has none, and the cookies that keep it for a day from now."""
    flow, names = find_flow(request) or make_token(), parts_of(request).cookies
    return flow, [set_cookie(names.flow, flow, secure=names.secure, expires_at=int(time.time()) + MAX_AGE)]


def identify_asker(request: Request) -> tuple[Client, list[str]]:
    """Return who asks for a code, with a flow, and the cookies that keep it."""
    flow, cookies = keep_flow(request)
    return dataclasses.replace(identify_client(request), flow=flow), cookies
