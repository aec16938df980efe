"""A service that stands still (``kill -STOP``): connections to it stay open, and nothing answers."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import httpx2
import pytest

from shared.timing import PROMISE
from tests.support.people import PASSWORD, sign_up_and_in
from tests.support.supervisor import supervising

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

MARGIN = 20.0  # seconds, for a busy machine; far from what a request that nobody gives up would take


async def test_everybody_is_answered_in_time(tmp_path: Path) -> None:
    """While the auth service stands still its requests are given up and refused, and nobody else's are.

    Posts are read and written meanwhile; when it goes on, people sign in again at once. That the gateway gives up in
    time for the promise is checked in ``shared/timing.py``, and measured by the experiments in ``tests/faults``.
    """
    with supervising(tmp_path) as stack:
        async with httpx2.AsyncClient(base_url=stack.gateway, timeout=PROMISE + 2 * MARGIN) as client:
            ada = await sign_up_and_in(client, "Ada Lovelace")
            bearer = {"Authorization": f"Bearer {ada.token}"}

            async def time_of(method: str, path: str, body: object = None) -> tuple[int, float]:
                began = time.monotonic()
                answer = await client.request(method, path, json=body, headers=bearer)
                return answer.status_code, time.monotonic() - began

            sign_in = {"username": ada.email, "password": PASSWORD}
            os.kill(stack.children["auth_service"], signal.SIGSTOP)
            try:
                refused = await asyncio.gather(
                    time_of("POST", "/api/login", sign_in),
                    time_of("GET", "/api/me"),
                    time_of("GET", "/account"),
                    time_of("GET", "/api/auth/session"),
                )
                served = await asyncio.gather(
                    time_of("GET", f"/api/user/{ada.id}"),
                    time_of("POST", "/api/posts", {"title": "Notes", "content": "Meanwhile"}),
                    time_of("GET", "/livez"),
                    time_of("GET", "/readyz"),
                )
            finally:
                os.kill(stack.children["auth_service"], signal.SIGCONT)
            assert {status for status, _ in refused} <= {503, 504}
            assert max(seconds for _, seconds in refused) < PROMISE + MARGIN
            assert [status for status, _ in served] == [200, 201, 200, 200]
            assert (await time_of("POST", "/api/login", sign_in))[0] == 200
