"""The headers that keep an answer of ours from being misused in a browser. Pure ASGI.

Set only if the answer does not set them itself: a page may use its stylesheet, script and forms; JSON, nothing.
"""

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.pages import content_security_policy

RawHeaders = list[tuple[bytes, bytes]]
"""As they are sent, names in lower case."""

NOTHING_ALLOWED = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
HSTS = "max-age=31536000"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ProtectiveHeaders:
    """Adds the protective headers to answers under one public URL."""

    def __init__(self, public_url: str) -> None:
        https = public_url.startswith("https://")
        always = {**_ALWAYS, "Strict-Transport-Security": HSTS} if https else _ALWAYS
        self._of_pages = _encode({"Content-Security-Policy": content_security_policy(), **always})
        self._of_others = _encode({"Content-Security-Policy": NOTHING_ALLOWED, **always})
        self._names = [name for name, _ in self._of_others]

    def add(self, headers: RawHeaders) -> RawHeaders:
        """Return an answer's headers, completed by those that it does not set itself."""
        given = dict(headers)
        is_page = given.get(b"content-type", b"").startswith(b"text/html")
        added = self._of_pages if is_page else self._of_others
        if given.keys().isdisjoint(self._names):
            return headers + added
        return headers + [header for header in added if header[0] not in given]


class ResponseHeadersMiddleware:
    """Adds the protective headers to every answer of the wrapped application."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        self._protective = ProtectiveHeaders(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def send_protected(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = self._protective.add(list(message["headers"]))
            return send(message)

        await self.app(scope, receive, send_protected)


def _encode(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
