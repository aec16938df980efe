"""Patience of a thread: it is the calling thread's own, can be taken back, and is never a reason to fail."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from auth_service.passwords.fair_queue import Owner
from auth_service.passwords.hash_threads import HashThreads
from shared.process.scheduling import schedule

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sched(7) is Linux's")


def change_twice() -> tuple[int, int]:
    """Return the policies of the calling thread while it is patient and afterwards."""
    schedule(patiently=True)
    patient = os.sched_getscheduler(0)
    schedule(patiently=False)
    return patient, os.sched_getscheduler(0)


def test_a_thread_is_patient_for_a_while() -> None:
    """A thread becomes a batch job and an ordinary one again; the other threads stay what they are."""
    before = os.sched_getscheduler(0)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(change_twice).result() == (os.SCHED_BATCH, os.SCHED_OTHER)
        pool.submit(lambda: schedule(patiently=True)).result()
        assert os.sched_getscheduler(0) == before


def test_a_system_that_forbids_it_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the call is refused, as a container's filter may, the thread goes on as it was."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    schedule(patiently=True)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


async def test_threads_that_hash_are_patient() -> None:
    """A thread that hashes never interrupts the event loop."""
    threads = HashThreads(1)
    try:
        assert await threads.run(lambda: os.sched_getscheduler(0), lambda: None, Owner()) == os.SCHED_BATCH
    finally:
        threads.stop()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
