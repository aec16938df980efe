"""Reads that share queries: while one query runs, incoming questions gather; the next query answers them all.

Knows neither posts nor SQL: ``ask`` runs one query for some questions and returns their answers in the same order.

1. Freshness is exact: a question is only ever answered by a query that began after the question came. So every write
   that was acknowledged before the question is seen.
2. With no query under way a question is asked at once: nobody waits for company.
3. Equal questions that gather are one question to the query.
4. A caller that stops waiting does not affect the others: the query goes on, and none begins if nobody is left.
5. An error reaches those who shared the failed query, and nobody else.
6. A slow query holds up only those who share it: after a while the next one begins beside it. The size of a query, the
   number that run at once and the wait for one to begin are all bounded.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeAlias, TypeVar

import structlog

from shared.errors import Unavailable
from shared.fast.switch import FAST

LOOK_AGAIN = 0.02  # seconds between checks on those who wait, while a query runs

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

log = structlog.get_logger("coalesced_reads")


@dataclass(frozen=True, slots=True)
class Sharing:
    """How reads share queries.

    ``most`` is the total weight of the questions in one query, and ``at_once`` the number of queries that may run at
    the same time. After ``patience`` seconds the next query begins although another is still running; questions that
    wait longer than ``longest_wait`` seconds are refused.
    """

    most: int = 640
    at_once: int = 4
    patience: float = 0.02
    longest_wait: float = 2.0


SHARED = Sharing()
ONE_BY_ONE = Sharing(most=1, at_once=10, patience=0.0)
"""One query for each question, as many at once as there are connections: what sharing is measured against."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Answer]):
    """Those who wait for the answer to one question, the first of them since a given time of the loop's clock."""

    since: float
    answers: list[asyncio.Future[Answer]] = field(default_factory=list)


class CoalescedReads(Generic[Question, Answer]):
    """Answers questions, simultaneous ones by one query."""

    def __init__(
        self,
        ask: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        weigh: Callable[[Question], int],
        sharing: Sharing,
    ) -> None:
        self._ask = ask
        self._weigh = weigh
        self._sharing = sharing
        self._gathered: dict[Question, _Waiting[Answer]] = {}  # the oldest first
        self._queries: set[asyncio.Task[None]] = set()
        self._is_beginning = False  # the last query created has not taken its questions yet
        self._next_look: asyncio.TimerHandle | None = None

    async def read(self, question: Question) -> Answer:
        """Return the answer to a question; raises Unavailable, or whatever the query raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        waiting = self._gathered.get(question)
        if waiting is None:
            waiting = self._gathered[question] = _Waiting(loop.time())
        waiting.answers.append(answer)
        if self._next_look is None:  # otherwise a check is due already, and no query may begin yet
            self._proceed()
        try:
            return await answer
        except Exception as error:
            # Logged here, where the request is known: the query belongs to none of them.
            log.warning("shared_query_failed", error=type(error.__cause__ or error).__name__)
            raise

    def _proceed(self) -> None:
        """Begin a query if one may begin now; while anybody still waits, check again later."""
        if not self._gathered:
            return
        is_free = not self._queries or (
            len(self._queries) < self._sharing.at_once and self._longest_wait() >= self._sharing.patience
        )
        if is_free and not self._is_beginning:
            self._is_beginning = True
            # In a context of its own, not that of the request that happened to come first.
            query = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
            self._queries.add(query)
            query.add_done_callback(self._finish)
        elif self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(LOOK_AGAIN, self._look_again)

    def _longest_wait(self) -> float:
        return asyncio.get_running_loop().time() - next(iter(self._gathered.values())).since

    def _take(self) -> Mapping[Question, Sequence[asyncio.Future[Answer]]]:
        """Take the questions of one query, oldest first; those that nobody waits for any more are dropped."""
        taken: dict[Question, Sequence[asyncio.Future[Answer]]] = {}
        weight = 0
        while self._gathered:
            question, waiting = next(iter(self._gathered.items()))
            answers = [answer for answer in waiting.answers if not answer.done()]
            weight += self._weigh(question) if answers else 0
            if taken and weight > self._sharing.most:
                break
            del self._gathered[question]
            if answers:
                taken[question] = answers
        return taken

    async def _run(self) -> None:
        """Run one query and pass the answers, or its error, to those who wait for them."""
        asked = self._take()
        self._is_beginning = False
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        self._proceed()
        if not asked:
            return
        try:
            answers = await self._ask(list(asked))
            for waiting, answer in zip(asked.values(), answers, strict=True):
                for future in waiting:
                    if not future.done():  # its request may have gone meanwhile
                        future.set_result(answer)
        except asyncio.CancelledError:
            _fail(chain(*asked.values()), Unavailable())
            raise
        except Exception as error:  # noqa: BLE001 - it is passed to the callers
            _fail(chain(*asked.values()), error)

    def _finish(self, query: asyncio.Task[None]) -> None:
        self._queries.discard(query)
        self._proceed()

    def _look_again(self) -> None:
        self._next_look = None
        while self._gathered and self._longest_wait() > self._sharing.longest_wait:
            question = next(iter(self._gathered))
            _fail(self._gathered.pop(question).answers, Unavailable())
        self._proceed()


class PlainReads(Generic[Question, Answer]):
    """Answers each question by a query of its own."""

    def __init__(self, ask: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask = ask

    async def read(self, question: Question) -> Answer:
        """Return the answer to a question; raises whatever the query raised."""
        [answer] = await self._ask([question])
        return answer


Reads: TypeAlias = CoalescedReads[Question, Answer] | PlainReads[Question, Answer]


def share_reads(
    ask: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]], weigh: Callable[[Question], int], sharing: Sharing
) -> Reads[Question, Answer]:
    """Return a reader whose queries are shared."""
    return CoalescedReads(ask, weigh, sharing) if FAST.is_on else PlainReads(ask)


def _fail(waiting: Iterable[asyncio.Future[Answer]], error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
