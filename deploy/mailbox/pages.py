"""The mailbox's pages: the list of letters, one letter, its source; and the same as JSON, for tests.

Letters are untrusted. Their text is escaped. Their HTML stands in a frame without an origin, in which no script runs
and no form is sent; it inherits the page's policy, by which it loads nothing from anywhere. A link in it opens in a
tab of its own. Pages answer to this machine's own names only, so that no website reads them by its DNS.
"""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from deploy.mailbox.letters import Letter, Mailbox
from deploy.mailbox.reading import read_contents, read_source
from deploy.mailbox.smtp import listen
from shared.web.branding import ASSETS_PATH
from shared.web.pages import ASSETS, render_page
from shared.web.response_headers import ResponseHeadersMiddleware

HERE = Path(__file__).parent
HOSTS = ["127.0.0.1", "localhost", "mailbox"]  # the last within compose
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
"""What a page and the letter in its frame may load: styles of the letter's own, but nothing from elsewhere."""


def create_app(mailbox: Mailbox, smtp_socket: socket.socket) -> Starlette:
    """Return the application that shows a mailbox and, while it runs, fills it with what comes by SMTP."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as running:
            server = await listen(mailbox, smtp_socket)
            running.callback(server.close)
            yield

    app = Starlette(
        routes=[
            Route("/", show_list),
            Route("/letters/{number:int}", show_letter),
            Route("/letters/{number:int}/source", show_source),
            Route("/letters.json", list_letters),
            Route("/letters", delete_letters, methods=["DELETE"]),
            Route("/readyz", tell_ready),
            Route("/mailbox.css", show_style),
            Mount(ASSETS_PATH, StaticFiles(directory=ASSETS)),
        ],
        middleware=[
            Middleware(ResponseHeadersMiddleware, public_url="http://localhost"),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
        ],
        lifespan=lifespan,
    )
    app.state.mailbox = mailbox
    return app


async def show_list(request: Request) -> Response:
    """Show all letters; the page loads itself again every few seconds."""
    letters = [(letter, read_contents(letter.source).subject) for letter in mailbox_of(request)]
    return _render(request, "letters.html", letters=letters)


async def show_letter(request: Request) -> Response:
    """Show one letter."""
    letter = _find_letter(request)
    return _render(request, "letter.html", letter=letter, contents=read_contents(letter.source))


async def show_source(request: Request) -> Response:
    """Show a letter as it came."""
    return PlainTextResponse(read_source(_find_letter(request).source))


async def list_letters(request: Request) -> Response:
    """Return all letters, the newest first."""
    return JSONResponse([_describe(letter) for letter in mailbox_of(request)])


async def delete_letters(request: Request) -> Response:
    """Forget all letters."""
    mailbox_of(request).clear()
    return Response(status_code=204)


async def tell_ready(_: Request) -> Response:
    """Tell whoever started it that it runs: SMTP is listened for before the first page is shown."""
    return JSONResponse({"status": "ready"})


async def show_style(_: Request) -> Response:
    """Return what the pages look like beyond the look of all pages."""
    return FileResponse(HERE / "mailbox.css")


def mailbox_of(request: Request) -> Mailbox:
    """Return the mailbox that the application shows."""
    mailbox = request.app.state.mailbox
    assert isinstance(mailbox, Mailbox)
    return mailbox


def _find_letter(request: Request) -> Letter:
    letter = mailbox_of(request).find(request.path_params["number"])
    if letter is None:
        raise HTTPException(404, "This letter is not there any more, or never was.")
    return letter


def _describe(letter: Letter) -> dict[str, object]:
    contents = read_contents(letter.source)
    return {
        "number": letter.number,
        "receivedAt": letter.received_at.isoformat(),
        "sender": letter.sender,
        "recipients": list(letter.recipients),
        "subject": contents.subject,
        "text": contents.text,
        "html": contents.html,
        "source": read_source(letter.source),
    }


def _render(request: Request, template: str, **shown: object) -> Response:
    """Render a page. It is in English whoever reads it: they are developing."""
    headers = {"Content-Security-Policy": POLICY, "Content-Language": "en"}
    return render_page(request.scope, template, folder=HERE / "templates", status=200, headers=headers, **shown)
