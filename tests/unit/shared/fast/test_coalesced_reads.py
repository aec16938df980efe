"""Reads that share queries: any sequence of arrivals, departures, answers and errors, and queries that never end.

Generated sequences run against queries that end when the sequence says so; a query's answer names that query.
"""

import asyncio
import contextvars
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.fast.coalesced_reads import ONE_BY_ONE, CoalescedReads, Sharing

FOREVER = 3600.0  # seconds


class Broken(Exception):
    """A query's error."""


@dataclass
class Query:
    """One query: when it began, what it was asked, and how it ends."""

    began: int
    asked: list[int]
    end: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_broken(self) -> bool:
        """Tell whether it ended with an error."""
        return self.end.done() and self.end.exception() is not None


@dataclass
class Request:
    """One request: what it asks, when it came, whether it left, and what it got."""

    question: int
    came: int = -1
    has_left: bool = False
    task: asyncio.Task[tuple[Query, int]] | None = None

    @property
    def is_waiting(self) -> bool:
        """Tell whether it came and has not been answered yet."""
        return self.came >= 0 and self.task is not None and not self.task.done() and not self.has_left


class Course:
    """Requests and queries as they occur, each at a moment of its own."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self.moments = itertools.count()
        self.requests: list[Request] = []
        self.queries: list[Query] = []
        self.broken_laws: list[str] = []
        self.reads: CoalescedReads[int, tuple[Query, int]] = CoalescedReads(
            self.run_query, lambda question: question, sharing
        )

    async def run_query(self, asked: Sequence[int]) -> Sequence[tuple[Query, int]]:
        """Run a query until the course ends it."""
        query = Query(next(self.moments), list(asked))
        waiting = {request.question for request in self.requests if request.is_waiting}
        laws = {
            "a query asks something": len(asked) > 0,
            "it asks for somebody": waiting.issuperset(asked),
            "it asks nothing twice": len(set(asked)) == len(asked),
            "it is not too heavy": len(asked) == 1 or sum(asked) <= self.sharing.most,
            "not too many run at once": len(self.running()) < self.sharing.at_once,
        }
        self.broken_laws += [law for law, holds in laws.items() if not holds]
        self.queries.append(query)
        await query.end
        return [(query, question) for question in asked]

    def running(self) -> list[Query]:
        """Return the queries that have not ended."""
        return [query for query in self.queries if not query.end.done()]

    def ask(self, question: int) -> None:
        """Let a request come."""
        request = Request(question)
        self.requests.append(request)

        async def read() -> tuple[Query, int]:
            request.came = next(self.moments)
            return await self.reads.read(question)

        request.task = asyncio.get_running_loop().create_task(read())

    def end(self, number: int) -> None:
        """Let a running query return."""
        if running := self.running():
            running[number % len(running)].end.set_result(None)

    def fail(self, number: int) -> None:
        """Let a running query fail."""
        if running := self.running():
            running[number % len(running)].end.set_exception(Broken())

    def leave(self, number: int) -> None:
        """Cancel a waiting request."""
        if waiting := [request for request in self.requests if request.is_waiting]:
            request = waiting[number % len(waiting)]
            assert request.task is not None
            request.has_left = request.task.cancel()

    async def finish(self) -> None:
        """Finish running queries until there are none."""
        await turn(9)
        while self.running():
            self.end(0)
            await turn(9)

    def check(self, request: Request) -> None:
        """Check that a request that stayed got the outcome of the first later query with its question."""
        if request.has_left:
            return
        assert request.task is not None
        assert not request.task.cancelled(), "a request was never answered"
        own = next(query for query in self.queries if query.began > request.came and request.question in query.asked)
        if own.is_broken:
            assert request.task.exception() is own.end.exception()
        else:
            assert request.task.result() == (own, request.question)


async def turn(times: int) -> None:
    """Let the event loop go round."""
    for _ in range(times):
        await asyncio.sleep(0)


ACTIONS = st.sampled_from([Course.ask, Course.ask, Course.ask, Course.end, Course.fail, Course.leave])
STEPS = st.lists(st.tuples(ACTIONS, st.integers(0, 7), st.integers(0, 4)), min_size=8, max_size=60)
SHARINGS = st.builds(
    Sharing,
    most=st.integers(1, 12),
    at_once=st.integers(1, 3),
    patience=st.sampled_from([0.0, FOREVER]),
    longest_wait=st.just(FOREVER),
)


@given(SHARINGS, STEPS)
def test_each_is_answered_by_a_query_that_began_after_it_came(
    sharing: Sharing, steps: list[tuple[Callable[[Course, int], None], int, int]]
) -> None:
    """Whatever comes, leaves and fails, in any order: who stays gets the outcome of the first query after them."""

    async def run() -> Course:
        course = Course(sharing)
        for act, number, turns in steps:
            act(course, number)
            await turn(turns)
        await course.finish()
        return course

    with capture_logs():
        course = asyncio.run(run())
    assert course.broken_laws == []
    for request in course.requests:
        course.check(request)


def asking_in_turn(
    answers: Sequence[Callable[[], Awaitable[str]]],
) -> Callable[[Sequence[str]], Awaitable[Sequence[str]]]:
    """Return an ``ask`` whose queries end one after the other as these do."""
    left = iter(answers)

    async def ask(asked: Sequence[str]) -> Sequence[str]:
        answer = await next(left)()
        return [f"{question}: {answer}" for question in asked]

    return ask


async def say_at_once() -> str:
    """Answer without a pause."""
    return "soon"


async def say_never() -> str:
    """Answer long after the test has ended."""
    await asyncio.sleep(FOREVER)
    return "never"


async def test_with_nothing_under_way_nobody_waits_for_company() -> None:
    """A read that comes when no query is running is answered by its own query, without any delay."""
    reads = CoalescedReads(asking_in_turn([say_at_once]), len, Sharing())
    reading = asyncio.get_running_loop().create_task(reads.read("a"))
    await turn(5)
    assert reading.done()
    assert reading.result() == "a: soon"


async def test_a_query_that_takes_long_holds_up_nobody_else() -> None:
    """While a query hangs, reads that came after it began are answered by another."""
    reads = CoalescedReads(asking_in_turn([say_never, say_at_once]), len, Sharing())
    held_up = asyncio.get_running_loop().create_task(reads.read("a"))
    await turn(3)
    async with asyncio.timeout(10):
        assert await reads.read("a") == "a: soon"
    assert not held_up.done()
    held_up.cancel()


async def test_nobody_waits_without_end_for_their_query_to_begin() -> None:
    """When the maximum number of queries hang, waiting reads are refused after a while; a log line says so."""
    reads = CoalescedReads(asking_in_turn([say_never]), len, Sharing(at_once=1, longest_wait=0.05))
    held_up = asyncio.get_running_loop().create_task(reads.read("a"))
    await turn(3)
    with capture_logs() as logs, pytest.raises(Unavailable):
        async with asyncio.timeout(10):
            await reads.read("b")
    assert logs == [{"event": "shared_query_failed", "error": "Unavailable", "log_level": "warning"}]
    assert not held_up.done()
    held_up.cancel()


async def say_nothing() -> str:
    """End like a query whose task is cancelled."""
    raise asyncio.CancelledError


async def test_a_query_that_is_cancelled_leaves_nobody_waiting() -> None:
    """Reads that shared a cancelled query are refused, and later ones are answered."""
    reads = CoalescedReads(asking_in_turn([say_nothing, say_at_once]), len, Sharing())
    with capture_logs(), pytest.raises(Unavailable):
        async with asyncio.timeout(10):
            await reads.read("a")
    assert await reads.read("a") == "a: soon"


async def test_a_query_that_answers_too_little_leaves_nobody_waiting() -> None:
    """If a query returns fewer answers than it had questions, those without an answer get an error."""

    async def answer_nothing(_: Sequence[str]) -> Sequence[str]:
        return []

    with capture_logs(), pytest.raises(ValueError, match="shorter"):
        async with asyncio.timeout(10):
            await CoalescedReads(answer_nothing, len, Sharing()).read("a")


async def test_a_query_knows_none_of_the_requests() -> None:
    """A query runs in a context of its own: its log lines carry no request id."""
    seen: list[str] = []
    name = contextvars.ContextVar("name", default="nobody")

    async def ask(asked: Sequence[str]) -> Sequence[str]:
        seen.append(name.get())
        return asked

    name.set("the first request")
    assert await CoalescedReads(ask, len, Sharing()).read("a") == "a"
    assert seen == ["nobody"]


async def test_what_sharing_is_measured_against_shares_nothing() -> None:
    """With ``ONE_BY_ONE`` each question has its own query, and none waits for another's."""
    asked: list[list[str]] = []
    all_asked = asyncio.Event()

    async def ask(questions: Sequence[str]) -> Sequence[str]:
        asked.append(list(questions))
        if len(asked) == ONE_BY_ONE.at_once:
            all_asked.set()
        await all_asked.wait()
        return questions

    reads = CoalescedReads(ask, len, ONE_BY_ONE)
    questions = [str(number) for number in range(ONE_BY_ONE.at_once)]
    async with asyncio.timeout(10):
        assert await asyncio.gather(*map(reads.read, questions)) == questions
    assert asked == [[question] for question in questions]
