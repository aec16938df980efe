"""How PostgreSQL runs the services' own statements: EXPLAIN (ANALYZE, BUFFERS), with the plan made once and anew.

Blocks are what a statement looks at, wherever they were: unlike times, they are the same on every machine.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from shared.postgres.database import Connection

PLAN_MODES = ("force_custom_plan", "force_generic_plan")

Given = TypeVar("Given")

Node = Mapping[str, Any]
"""A node of a plan, as PostgreSQL writes it in JSON."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution of a statement looked at: blocks of 8 kB, tables read from end to end, and indexes."""

    blocks: int
    scanned_tables: frozenset[str]
    indexes: frozenset[str]


class ExplainedConnection:
    """In the place of a connection: explains each statement, which runs it, and runs it again for its rows."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.executions: list[Execution] = []

    async def fetch(self, query: str, *arguments: object) -> object:
        """Return the rows."""
        await self._explain(query, arguments)
        return await self._connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: object) -> object:
        """Return the first row, or None."""
        await self._explain(query, arguments)
        return await self._connection.fetchrow(query, *arguments)

    async def execute(self, query: str, *arguments: object) -> object:
        """Return what was done."""
        await self._explain(query, arguments)
        return await self._connection.execute(query, *arguments)

    async def _explain(self, query: str, arguments: tuple[object, ...]) -> None:
        literals = f"({', '.join(quote_literal(each) for each in arguments)})" if arguments else ""
        await self._connection.execute(f"PREPARE explained AS {query}")
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE explained{literals}"
        text = await self._connection.fetchval(explain)
        await self._connection.execute("DEALLOCATE explained")
        self.executions.append(read_execution(json.loads(text)[0]["Plan"]))


async def explain(
    connection: asyncpg.Connection, mode: str, run: Callable[[Connection, Given], Awaitable[object]], given: Given
) -> Execution:
    """Return what the statements that ``run`` asks for, given that, look at together; what they change is undone."""
    await connection.execute(f"SET plan_cache_mode TO {mode}")
    explained = ExplainedConnection(connection)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await run(explained, given)
    finally:
        await transaction.rollback()
    found = explained.executions
    return Execution(
        sum(each.blocks for each in found),
        frozenset().union(*(each.scanned_tables for each in found)),
        frozenset().union(*(each.indexes for each in found)),
    )


def read_execution(plan: Node) -> Execution:
    """Return what a plan that was carried out looked at."""
    nodes = list(_walk(plan))
    return Execution(
        int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"]),
        frozenset(str(node["Relation Name"]) for node in nodes if node["Node Type"] == "Seq Scan"),
        frozenset(str(node["Index Name"]) for node in nodes if "Index Name" in node),
    )


def quote_literal(value: object) -> str:
    """Return an argument as a literal of SQL, whose type the statement knows (PostgreSQL, 8.15.2 for arrays)."""
    if value is None:
        return "NULL"
    if isinstance(value, list):
        value = "{" + ",".join(_quote_element(each) for each in value) + "}"
    return "'" + str(value).replace("'", "''") + "'"


def _quote_element(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)
