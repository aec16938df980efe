"""What a service does in the background: a task that begins with the service and ends with it."""

import asyncio


def obey_cancellation(error: Exception) -> None:
    """Raise the cancellation that an error replaced: a rollback that fails on a lost connection hides it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


async def end_task(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and return when it has ended; raise what it failed with, if it did.

    A caller cancelled while it waits here is cancelled, which ``suppress(CancelledError)`` around the task would hide.
    """
    if task is None:
        return
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
