"""A request whose token names a key that is not known waits until it can be told what that token is worth.

Pure ASGI, for services that follow published keys (``published_keys``). All other requests pass at once.
"""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unavailable
from shared.tokens.authentication import identify_again, identify_caller, names_unknown_key
from shared.tokens.published_keys import KeyFollower
from shared.web.error_responses import render_error


class UnknownKeyMiddleware:
    """Answers 503 where nobody can tell whether a token's key is one of ours."""

    def __init__(self, app: ASGIApp, follower: KeyFollower) -> None:
        self.app = app
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if _has_credential(scope) and not await self._is_settled(HTTPConnection(scope)):
            await render_error(scope, Unavailable())(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _is_settled(self, connection: HTTPConnection) -> bool:
        """Tell whether the caller is known, or known to be nobody."""
        if not names_unknown_key(identify_caller(connection)):
            return True
        is_certain = await self._follower.settle()
        return not names_unknown_key(identify_again(connection)) or is_certain


def _has_credential(scope: Scope) -> bool:
    return scope["type"] == "http" and any(name == b"authorization" for name, _ in scope["headers"])
