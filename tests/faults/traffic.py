"""Steady mixed traffic: people who read, write, change, sign in, refresh and sign up, and strangers who get nothing.

The rate is bounded, so that it says nothing about the machine. A write that was not acknowledged is repeated with its
key until it is, as a careful client does.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from tests.faults.doors import Doors
from tests.faults.ledger import Ledger, Written, judge_posts
from tests.faults.people import NotServed, Person

PEOPLE = 8
PACE = 0.2  # seconds from one request of a person to the next
RETRY_PAUSE = 0.3
QUIET = 4.0  # seconds without a failure after which all counts as well again
BACK_WITHIN = 10.0  # seconds after the fault
SETTLING = 30.0  # seconds that the reading of the ledger may take


def make_post() -> Written:
    """Return a post that nobody has written yet."""
    return Written(f"post-{uuid.uuid4().hex}", ["as written"])


class Traffic:
    """The people of one experiment. Within ``running`` they are at it."""

    def __init__(self, doors: Doors, seed: int) -> None:
        self.ledger = Ledger()
        self.doors = doors
        self.people = [Person(doors, self.ledger) for _ in range(PEOPLE)]
        self.newcomers: list[Person] = []
        self._random = random.Random(seed)  # noqa: S311 - repeatable, and no secret
        self._is_over = False
        self._may_go = asyncio.Event()
        self._may_go.set()
        self._at_it = 0  # how many people are in the middle of something

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let everybody sign up, then go on until the block ends; each ends their request first."""
        for person in self.people:
            await self._join(person)
        workers = [asyncio.create_task(self._work(person)) for person in self.people]
        try:
            yield
        finally:
            self._is_over = True
            self._may_go.set()
            await asyncio.gather(*workers)

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let nobody ask for anything while the block runs; each ends their request first."""
        self._may_go.clear()
        try:
            while self._at_it:  # noqa: ASYNC110 - a moment
                await asyncio.sleep(0.02)
            yield
        finally:
            self._may_go.set()

    async def use_at_once(self, *, sign_ins: int, writes: int) -> None:
        """Let everybody sign in so many times at once, then write; each tries again until served, or NotServed."""
        await asyncio.gather(*(until_served(person.sign_in) for person in self.people * sign_ins))
        writing = (partial(person.write, make_post(), published=True) for person in self.people * writes)
        await asyncio.gather(*(until_served(write) for write in writing))

    async def find_recovery(self, since: float) -> float:
        """Return how many seconds after a moment the last request failed, once nothing has for a while."""
        while True:
            now, last = time.monotonic(), max(self.ledger.find_last_failure() or since, since)
            if now - last > QUIET or last - since > BACK_WITHIN:
                return last - since
            await asyncio.sleep(0.1)

    async def check_ledger(self) -> None:
        """Look for all that was acknowledged; what is wrong is a breach."""
        deadline = time.monotonic() + SETTLING
        for person in [*self.people, *self.newcomers]:
            while True:
                try:
                    await person.sign_in()
                    for fault in judge_posts(person.posts, await person.list_posts()):
                        self.ledger.breach(fault)
                    break
                except NotServed:
                    if time.monotonic() > deadline:
                        self.ledger.breach("the ledger can't be read")
                        return
                    await asyncio.sleep(RETRY_PAUSE)

    async def _join(self, person: Person) -> None:
        """Let somebody sign up and write a draft; they try again while they are not served."""
        draft = make_post()
        person.posts.append(draft)

        async def join() -> None:
            await person.sign_up()
            await person.sign_in()
            await person.write(draft, published=False)
            if draft.post_id is None:  # it is still being written for an earlier try
                raise NotServed

        await until_served(join)

    async def _work(self, person: Person) -> None:
        actions: list[Callable[[Person], Awaitable[None]]] = [
            *([self._read] * 12),
            *([self._write] * 8),
            *([self._change] * 4),
            *([self._try_as_stranger] * 6),
            *([self._read_all] * 4),
            *([self._sign_in] * 2),
            *([self._refresh] * 2),
            self._sign_up,
        ]
        while not self._is_over:
            await self._may_go.wait()
            started = time.monotonic()
            self._at_it += 1
            try:
                await self._random.choice(actions)(person)
            except NotServed:
                pass
            finally:
                self._at_it -= 1
            await asyncio.sleep(max(0.0, PACE - (time.monotonic() - started)) * self._random.uniform(0.6, 1.4))

    async def _read(self, person: Person) -> None:
        found = {post["id"] for post in await person.read_newest()}
        known = [post.post_id for post in person.posts if post.post_id is not None]
        if known and known[-1] not in found:
            self.ledger.breach("a post that was acknowledged is not shown to its author")

    async def _read_all(self, person: Person) -> None:
        await person.send("read all", "GET", "/api/posts", (200,))

    async def _write(self, person: Person, *, published: bool = True) -> None:
        post = make_post()
        person.posts.append(post)
        while post.post_id is None and self._may_go.is_set() and not self._is_over:
            try:
                await person.write(post, published=published)
            except NotServed:
                await asyncio.sleep(RETRY_PAUSE)

    async def _change(self, person: Person) -> None:
        post = person.posts[0]  # a draft of their own, which nobody else may see
        if post.post_id is not None:
            await person.change(post, f"version {uuid.uuid4().hex}")

    async def _try_as_stranger(self, person: Person) -> None:
        """Ask for what is protected without, with a forged, and with somebody else's token: never 2xx."""
        other = self._random.choice(self.people)
        draft = other.posts[0].post_id
        forged = {"Authorization": person.bearer["Authorization"][:-4] + "AAAA"}
        await person.send("read as nobody", "GET", f"/api/user/{other.id}", (401,))
        await person.send("read with a forged token", "GET", f"/api/user/{other.id}", (401,), headers=forged)
        if other is not person and draft is not None:
            await person.send("read a stranger's draft", "GET", f"/api/posts/{draft}", (404,), headers=person.bearer)

    async def _sign_in(self, person: Person) -> None:
        await person.sign_in()

    async def _refresh(self, person: Person) -> None:
        await person.refresh()

    async def _sign_up(self, _: Person) -> None:
        newcomer = Person(self.doors, self.ledger)
        await newcomer.sign_up()
        self.newcomers.append(newcomer)


async def until_served(ask: Callable[[], Awaitable[None]]) -> None:
    """Ask again until it is served; raises NotServed when it is not in half a minute."""
    deadline = time.monotonic() + SETTLING
    while True:
        try:
            return await ask()
        except NotServed:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(RETRY_PAUSE)
