"""The header by which services compare their clocks."""

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.observing.clocks import Clocks
from shared.observing.metrics import Metrics
from shared.web.clock_header import CLOCK_HEADER, ClockMiddleware, note_clock


async def refuse(_: Request) -> Response:
    """Refuse a request."""
    return Response(status_code=401)


@pytest.mark.parametrize(("path", "has_header"), [("/internal/x", True), ("/internal/nothing", True), ("/x", False)])
async def test_each_answer_to_a_service_says_the_time(path: str, has_header: bool) -> None:  # noqa: FBT001 - of a table
    """Calls between services are answered with both times, refusals and unknown paths too; others are not."""
    app = ClockMiddleware(Starlette(routes=[Route("/internal/x", refuse), Route("/x", refuse)]))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        answer = await client.get(path)
    assert (CLOCK_HEADER in answer.headers) is has_header
    if has_header:
        received, sent = map(float, answer.headers[CLOCK_HEADER].split())
        assert received <= sent


@pytest.mark.parametrize(
    ("stamps", "offset"),
    [
        ("1000.0 1006.0", 0.0),  # held for six seconds, and no way at all
        ("1600.5 1606.5", 600.0),
        ("400.0 406.0", -600.0),
        ("999.0 1005.0", -1.0),
    ],
)
def test_how_long_an_answer_was_waited_for_does_not_matter(stamps: str, offset: float) -> None:
    """Of a request that was sent at 1000 s and answered at 1006.5 s, the way alone, half a second, is uncertain."""
    metrics = Metrics()
    note_clock(Clocks(metrics), "peer", stamps, 1000.0, 1006.5)
    found = metrics.registry.get_sample_value("gatepost_clock_offset_seconds", {"peer": "peer"})
    assert found == pytest.approx(offset, abs=0.51)


@pytest.mark.parametrize("stamps", [None, "", "1", "1 2 3", "now then"])
def test_another_release_says_nothing(stamps: str | None) -> None:
    """An answer without the header, or with another one, is no reason to say anything."""
    clocks = Clocks(Metrics())
    note_clock(clocks, "peer", stamps, 0.0, 0.0)
    assert clocks.find_remark() is None
