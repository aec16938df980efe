"""The gateway is patient while many requests are on their way, and only then."""

import asyncio
import os
import sys

import pytest

from gateway.patience import MANY
from tests.support.gateway_in_process import RunningGateway, eventually
from tests.support.raw_upstream import RawUpstream, Received

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sched(7) is Linux's")


async def test_many_requests_make_it_patient(gateway: RunningGateway, posts: RawUpstream) -> None:
    """With many requests on their way the thread of the event loop is a batch job, with fewer an ordinary one."""
    may_answer = asyncio.Event()

    async def answer_later(request: Received) -> None:
        await may_answer.wait()
        await request.answer(b"ok")

    posts.script = answer_later
    async with gateway.client() as client:
        few = [asyncio.create_task(client.get("/public/a")) for _ in range(MANY - 1)]
        await eventually(lambda: len(posts.received) == len(few))
        await asyncio.sleep(0.3)
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
        one_more = asyncio.create_task(client.get("/public/a"))
        await eventually(lambda: os.sched_getscheduler(0) == os.SCHED_BATCH)
        may_answer.set()
        await eventually(lambda: os.sched_getscheduler(0) == os.SCHED_OTHER)
        assert {answer.status_code for answer in await asyncio.gather(*few, one_more)} == {200}
