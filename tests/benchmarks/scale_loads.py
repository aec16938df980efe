"""How each question is put, over HTTP by wrk and to PostgreSQL one by one; and what its statements look at."""

import asyncio
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median

import asyncpg

from tests.benchmarks.plans import PLAN_MODES, Execution, explain
from tests.benchmarks.posts_upstream import POSTS_IN_ANSWER
from tests.benchmarks.processes import get_program
from tests.benchmarks.rounds import Contender
from tests.benchmarks.scale_questions import DRAFT, OF_AUTH, OF_POSTS, PATHS, POST, TITLE, WRITE, Statements
from tests.benchmarks.scale_side import Side
from tests.benchmarks.upstreams import request_headers
from tests.benchmarks.wrk import Ask, Load, LoadInvalid, Plan, fetch, send_load, write_plan

ASKS = 1000
EXPLAINED = 20  # executions of each statement, in each mode


def name_contender(question: str, side: Side) -> str:
    """Return what a question at one size is called among the samples."""
    return f"{question} at {side.name}"


def list_readers(sides: Sequence[Side], directory: Path) -> list[Contender]:
    """Return those who read over HTTP; a question at each size, then the next."""
    found = []
    for number, question in enumerate(PATHS):
        for side in sides:
            plan = write_plan(directory / f"read-{number}-{side.amount.posts}.lua", Plan(_learn_asks(side, question)))
            found.append(_contend(question, side, plan))
    return found


def list_writers(sides: Sequence[Side], directory: Path) -> list[Contender]:
    """Return those who write posts over HTTP."""
    found = []
    for side in sides:
        asks = [Ask("/api/posts", request_headers(token), content=DRAFT) for token in side.tokens]
        plan = Plan(asks, status=HTTPStatus.CREATED, part=f'"title":"{TITLE}"')
        found.append(_contend(WRITE, side, write_plan(directory / f"write-{side.amount.posts}.lua", plan)))
    return found


def list_statements(sides: Sequence[Side]) -> list[Contender]:
    """Return those who ask the auth service's database."""
    return [
        Contender(
            name_contender(question, side),
            own_pids=(side.postgres.child.process.pid,),
            pids_behind=(),
            send=partial(_send_statements, side, statements),
        )
        for question, statements in OF_AUTH.items()
        for side in sides
    ]


def explain_all(side: Side) -> dict[str, Execution]:
    """Return what each question's statements look at: blocks in the median, tables and indexes of all executions."""
    return {
        **asyncio.run(_explain_each(side, side.postgres.urls.posts, OF_POSTS)),
        **asyncio.run(_explain_each(side, side.postgres.urls.auth, OF_AUTH)),
    }


def check_no_scans(executions: Mapping[str, Execution]) -> None:
    """Raise LoadInvalid where a statement reads a table from end to end."""
    scans = [
        f"{question}: {', '.join(sorted(each.scanned_tables))}"
        for question, each in executions.items()
        if each.scanned_tables
    ]
    if scans:
        raise LoadInvalid(f"tables are read from end to end for {'; '.join(scans)}")


def summarize(executions: Sequence[Execution]) -> Execution:
    """Return the median of the blocks, and all tables and indexes."""
    return Execution(
        int(median(each.blocks for each in executions)),
        frozenset().union(*(each.scanned_tables for each in executions)),
        frozenset().union(*(each.indexes for each in executions)),
    )


def rank(latencies: Iterable[float], seconds: float) -> Load:
    """Return what a client that asked one thing after another reached; latencies are seconds."""
    ranked = sorted(latencies)
    p50, p99 = (ranked[math.ceil(share * len(ranked)) - 1] * 1e3 for share in (0.5, 0.99))
    return Load(len(ranked), seconds, p50, p99, busy=0.0)


def _contend(question: str, side: Side, plan: Path) -> Contender:
    send = partial(send_load, get_program("wrk"), side.posts.port, plan)
    return Contender(name_contender(question, side), (side.posts.pid,), (side.postgres.child.process.pid,), send)


def _learn_asks(side: Side, question: str) -> list[Ask]:
    """Return requests with what is answered to them now; a post may be a draft, which is not there for others."""
    picks = side.make_picks()
    asks = [Ask(PATHS[question](picks), request_headers(side.tokens[i % len(side.tokens)])) for i in range(ASKS)]
    answers = [(ask, *fetch(side.posts.port, ask.path, ask.headers)) for ask in asks]
    found = [Ask(ask.path, ask.headers, body) for ask, status, body in answers if status == HTTPStatus.OK]
    if len(found) < ASKS * (0.75 if question == POST else 1):
        raise LoadInvalid(f"{question}: only {len(found)} of {ASKS} requests are answered")
    if question != POST and any(len(json.loads(ask.body)) != POSTS_IN_ANSWER for ask in found):
        raise LoadInvalid(f"{question}: a list is not full")
    return found


def _send_statements(side: Side, statements: Statements, *, seconds: int, connections: int) -> Load:
    """Ask for that long, on one connection however many there may be."""
    del connections
    return asyncio.run(_time_statements(side, statements, seconds))


async def _time_statements(side: Side, statements: Statements, seconds: int) -> Load:
    connection = await asyncpg.connect(side.postgres.urls.auth)
    latencies = []
    try:
        picks = side.make_picks()
        begun = before = time.perf_counter()
        while before < begun + seconds:
            await statements(connection, picks)
            after = time.perf_counter()
            latencies.append(after - before)
            before = after
    finally:
        await connection.close()
    return rank(latencies, before - begun)


async def _explain_each(side: Side, url: str, questions: Mapping[str, Statements]) -> dict[str, Execution]:
    connection = await asyncpg.connect(url)
    found = {}
    try:
        for question, statements in questions.items():
            picks = side.make_picks()
            executions = [
                await explain(connection, mode, statements, picks) for mode in PLAN_MODES for _ in range(EXPLAINED)
            ]
            found[question] = summarize(executions)
    finally:
        await connection.close()
    return found
