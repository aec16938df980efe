"""The headers that keep an answer of ours from being misused in a browser. Pure ASGI.

Set only where the answer does not set them itself: a page allows its own stylesheet and forms, JSON allows nothing.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.pages import CONTENT_SECURITY_POLICY

NOTHING_ALLOWED = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
HSTS = "max-age=31536000"

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ResponseHeadersMiddleware:
    """Adds the protective headers to every answer of the wrapped application."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        https = public_url.startswith("https://")
        self._always = {**_ALWAYS, "Strict-Transport-Security": HSTS} if https else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._protect(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_protected)

    def _protect(self, headers: MutableHeaders) -> None:
        is_page = headers.get("content-type", "").startswith("text/html")
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY if is_page else NOTHING_ALLOWED)
        for name, value in self._always.items():
            headers.setdefault(name, value)
