"""News: a stream of server-sent events, and a page that shows them. Nothing is about Gatepost but ``Remote-Name``."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

PING = 10  # seconds
PAGE = """<!doctype html>
<title>News</title>
<ol></ol>
<script>
  const source = new EventSource("/news/events");
  source.addEventListener("tick", (event) => {
    document.querySelector("ol").append(Object.assign(document.createElement("li"), { textContent: event.data }));
  });
</script>
"""


async def show_page(_request: Request) -> Response:
    """Show the page."""
    return HTMLResponse(PAGE)


async def stream_events(request: Request) -> Response:
    """Stream an event each second, from the one after the last that the browser has seen."""
    seen = int(request.headers.get("last-event-id", "0"))
    name = request.headers["remote-name"].encode("latin-1").decode()  # the gateway writes UTF-8
    return EventSourceResponse(_events(name, seen), ping=PING)


async def _events(name: str, seen: int) -> AsyncIterator[ServerSentEvent]:
    for number in range(seen + 1, 1_000_000):
        yield ServerSentEvent(f"{number} for {name}", id=str(number), event="tick", retry=100)
        await asyncio.sleep(1)


app = Starlette(routes=[Route("/news", show_page), Route("/news/events", stream_events)])
