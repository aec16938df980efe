"""The way in: one gateway, or several of which those are asked that say they are ready, as a balancer does.

A balancer asks ``/readyz`` every second or so and sends nothing new to who is not ready; a gateway that can't be
connected to, so that nothing was sent, is passed over. Nothing else is tried twice.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx2

PROBE_EVERY = 0.5  # seconds
PROBE_PATIENCE = 2.0
ANSWER_PATIENCE = 15.0  # seconds; longer than any answer may take


class Doors:
    """The gateways on these ports of this machine; with more than one they are probed while the block runs."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.public_url = f"http://localhost:{ports[0]}"
        self._ports = ports
        self._clients = self._make_clients()
        self._ready = list(self._clients)
        self._turn = itertools.count()
        self._probing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._start_probing()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def hang_up(self) -> None:
        """Close all connections, once nothing is sent any more; a gateway keeps unused ones for much longer."""
        await self._close()
        self._clients = self._make_clients()
        self._ready = list(self._clients)
        self._start_probing()

    def _start_probing(self) -> None:
        if len(self._clients) > 1:
            self._probing = asyncio.create_task(self._probe())

    async def _close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
        for client in self._clients:
            await client.aclose()

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return what a gateway answers; raises httpx2.TransportError."""
        number = next(self._turn)
        ready = self._ready or self._clients
        for attempt in range(len(ready)):
            try:
                return await ready[(number + attempt) % len(ready)].request(method, path, json=json, headers=headers)
            except httpx2.ConnectError:
                if attempt + 1 == len(ready):
                    raise
        raise AssertionError("no gateway")

    def _make_clients(self) -> list[httpx2.AsyncClient]:
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=3)
        return [
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Host": f"localhost:{self._ports[0]}"},
                timeout=ANSWER_PATIENCE,
                limits=limits,
                trust_env=False,
            )
            for port in self._ports
        ]

    async def _probe(self) -> None:
        while True:
            answers = await asyncio.gather(*(self._is_ready(client) for client in self._clients))
            self._ready = [client for client, is_ready in zip(self._clients, answers, strict=True) if is_ready]
            await asyncio.sleep(PROBE_EVERY)

    async def _is_ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get("/readyz", timeout=PROBE_PATIENCE)).is_success
        except httpx2.TransportError:
            return False
