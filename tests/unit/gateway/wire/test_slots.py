"""The slots at an upstream, and the wait for one."""

import asyncio
import socket
import time

import pytest

from gateway.wire.limits import ConnectionUse, Limits
from gateway.wire.slots import Slots
from shared.errors import Unavailable


async def test_time_in_which_we_stood_still_does_not_count() -> None:
    """Who waits for a slot gets the one that came free while the process stood still."""
    slots, loop = Slots(Limits(connections=1, wait=0.2)), asyncio.get_running_loop()
    await slots.take(ConnectionUse.WHOLE)
    waiting = asyncio.create_task(slots.take(ConnectionUse.WHOLE))
    upstream, ours = socket.socketpair()
    with upstream, ours:

        def take_answer() -> None:
            loop.remove_reader(ours)
            slots.give_back(ConnectionUse.WHOLE)

        loop.add_reader(ours, take_answer)
        await asyncio.sleep(0)
        upstream.send(b"an answer")
        time.sleep(0.4)  # noqa: ASYNC251 - what the test is about
        await waiting
    assert (slots.in_use, slots.waiting) == (1, 0)


async def test_with_no_slot_in_time_it_is_shed() -> None:
    """Who gets no slot in the time for waiting is refused, and waits no more."""
    slots = Slots(Limits(connections=1, wait=0.1))
    await slots.take(ConnectionUse.WHOLE)
    with pytest.raises(Unavailable):
        await slots.take(ConnectionUse.WHOLE)
    assert (slots.in_use, slots.waiting) == (1, 0)
