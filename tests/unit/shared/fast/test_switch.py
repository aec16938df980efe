"""The switch: what is built while it is off is plain, and nothing that was built before changes."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from shared.fast.coalesced_reads import SHARED, CoalescedReads, PlainReads, share_reads
from shared.fast.lazy_timer import LazyTimer
from shared.fast.memory import Memory
from shared.fast.service_protocol import ServiceProtocol, choose_protocol
from shared.fast.switch import FAST, Switch
from shared.process.half_close import PlainServiceProtocol
from tests.support.house import list_modules


@pytest.fixture
def without_fast() -> Iterator[None]:
    """Turn the switch off for one test."""
    was, FAST.is_on = FAST.is_on, False
    yield
    FAST.is_on = was


async def answer(questions: Sequence[int]) -> list[int]:
    """Return each question's double."""
    return [2 * question for question in questions]


def test_it_is_on() -> None:
    """The optimisations are on, whatever the settings."""
    assert Switch().is_on


@pytest.mark.only_fast
def test_fast_things_are_built() -> None:
    """While the switch is on, the fast variants are built."""
    assert isinstance(share_reads(answer, lambda _: 1, SHARED), CoalescedReads)
    assert choose_protocol() is ServiceProtocol


async def test_plain_reads_answer_each_question_by_its_own_query(without_fast: None) -> None:
    """Equal questions too, and an error reaches only the caller."""
    del without_fast
    asked: list[list[int]] = []

    async def ask(questions: Sequence[int]) -> list[int]:
        asked.append(list(questions))
        if questions == [13]:
            raise ValueError
        return await answer(questions)

    reads = share_reads(ask, lambda _: 1, SHARED)
    assert isinstance(reads, PlainReads)
    answers = await asyncio.gather(*(reads.read(number) for number in (1, 13, 1)), return_exceptions=True)
    assert (answers[0], type(answers[1]), answers[2], asked) == (2, ValueError, 2, [[1], [13], [1]])


def test_a_plain_memory_keeps_nothing(without_fast: None) -> None:
    """Without the optimisation everything is computed each time."""
    del without_fast
    memory: Memory[str, int] = Memory(2)
    memory.keep("a", 1)
    assert (memory.find("a"), len(memory)) == (None, 0)


async def test_a_plain_timer_rings_at_its_last_deadline(without_fast: None) -> None:
    """Set again each time, it rings as the lazy one does: once, when the deadline noted last has passed."""
    del without_fast
    rang = asyncio.Event()
    times: list[float] = []

    def ring() -> None:
        times.append(asyncio.get_running_loop().time())
        rang.set()

    timer = LazyTimer(asyncio.get_running_loop(), ring)
    timer.expect(0.01)
    timer.expect(0.05)
    deadline = timer.deadline
    await asyncio.wait_for(rang.wait(), 10)
    assert len(times) == 1
    assert times[0] >= deadline
    timer.cancel()


def test_the_plain_protocol_is_chosen(without_fast: None) -> None:
    """It is uvicorn's own, which also answers after a half-close."""
    del without_fast
    assert choose_protocol() is PlainServiceProtocol


def test_it_is_looked_at_in_fast_only() -> None:
    """No other module checks whether it is on: they use what is built for them, and need not know."""
    users = {module.name for module in list_modules() if module.imports_any("shared.fast.switch")}
    assert users
    assert not [name for name in users if "fast" not in name.split("/")]
