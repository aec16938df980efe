"""Paths that guard and service could read differently are refused before anything is contacted."""

import asyncio
import re
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.running_stack import StackUrls

HOSTILE = ["/%75serposts/1", "/userposts%2f1", "/userposts%0a", "/api/%75ser/1", "/x/../userposts"]
"""One of each kind; ``tests/attacks`` has the long lists."""


@pytest.mark.parametrize("path", HOSTILE)
async def test_a_hostile_path_is_refused_and_reaches_nobody(stack: StackUrls, path: str) -> None:
    """A path with a second reading gets 400 and the posts service's own count of requests does not move."""
    before = await count_requests(stack)
    status = await send_raw(stack.gateway, path)
    assert status == 400
    assert await count_requests(stack) == before


async def test_the_count_moves_for_an_ordinary_path(stack: StackUrls) -> None:
    """The count of the posts service moves for a request that does reach it, so its standing still means something."""
    before = await count_requests(stack)
    assert await send_raw(stack.gateway, "/api/posts") == 200
    assert await count_requests(stack) == before + 1


async def count_requests(stack: StackUrls) -> int:
    """Return how many requests the posts service has answered, its health checks apart."""
    async with httpx2.AsyncClient(timeout=30) as client:
        text = (await client.get(stack.posts_metrics)).text
    counts = re.findall(r'^gatepost_requests_total{matcher="([^"]*)".*} (\S+)$', text, re.MULTILINE)
    return sum(int(float(count)) for matcher, count in counts if matcher not in {"/livez", "/readyz"})


async def send_raw(base_url: str, target: str) -> int:
    """Send a GET for exactly this target, which no client library would send, and return the status."""
    parts = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    status_line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    await writer.wait_closed()
    return int(status_line.split()[1])
