"""A request of the gateway's own to an upstream, and its whole answer."""

import asyncio

from gateway.wire.pool import UpstreamPool
from gateway.wire.upstream_connection import UpstreamConnection


async def fetch(pool: UpstreamPool, head: bytes, *, longest: int) -> tuple[int, bytes]:
    """Send a request without a body; return the status and body of the answer, of a body over ``longest`` bytes a part.

    Raises AppError or AnswerMissing where there is no answer.
    """
    connection = await pool.wait(fresh=True)
    try:
        connection.reader.expect()
        return await _Fetch(connection, longest).run(head, pool.answer_within)
    finally:
        connection.let_go()
        pool.release(connection)


class _Fetch:
    """Takes one answer."""

    def __init__(self, connection: UpstreamConnection, longest: int) -> None:
        self._connection = connection
        self._longest = longest
        self._body = bytearray()
        self._done = asyncio.get_running_loop().create_future()

    async def run(self, head: bytes, answer_within: float) -> tuple[int, bytes]:
        self._connection.ask(head, self, answer_within=answer_within)
        await self._done
        answer = self._connection.reader.head
        assert answer is not None
        return answer.status, bytes(self._body)

    def take_answer(self, body: bytes) -> None:
        self._body += body
        is_enough = self._connection.reader.is_complete or len(self._body) > self._longest
        if is_enough and not self._done.done():
            self._done.set_result(None)

    def lose_answer(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    def pause_request(self) -> None:
        """Nothing more is sent anyway."""

    def resume_request(self) -> None:
        """Nothing more is sent anyway."""
