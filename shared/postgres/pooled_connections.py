"""The connections of a pool: released and closed without errors in the log, whatever state they are in."""

import asyncio
import contextlib

import asyncpg
from asyncpg.pool import PoolConnectionProxy


class SilentlyClosed(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection whose ``close`` never raises: where the server does not answer, it is aborted.

    The pool closes idle connections in background tasks that nobody awaits. An error there would be logged with a
    traceback, as "Task exception was never retrieved"; in a request it would replace an answer that is complete.
    """

    __slots__ = ()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's own
        """Terminate the session within ``timeout`` seconds, or those of a command; never raises."""
        with contextlib.suppress(Exception):  # asyncpg aborts it then
            await super().close(timeout=timeout)


async def leave_session(_: asyncpg.Connection) -> None:
    """Replace asyncpg's reset; a transaction that was still open has been rolled back before."""


async def give_back(pool: asyncpg.Pool, connection: PoolConnectionProxy) -> None:
    """Release a connection to its pool, even if the caller is cancelled meanwhile; later errors are dropped.

    asyncpg releases it in a shielded task, and forgets that task when the caller is cancelled. An error would then be
    logged as "Task exception was never retrieved".
    """
    given_back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(releasing: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if releasing.cancelled() else releasing.exception()
        if given_back.done():  # the caller was cancelled
            return
        if error is None:
            given_back.set_result(None)
        else:
            given_back.set_exception(error)

    asyncio.create_task(pool.release(connection)).add_done_callback(tell)
    await given_back
