"""The table ``revocations``: which sessions were ended, in order, for services that verify tokens by themselves.

Each function is one SQL statement. A revocation is written in the transaction that ends the session, its id in the
order of commits (see ``user_changes``), and matters until the last access token of that session has expired.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from auth_service.tables.sessions import SessionId
from shared.postgres.database import Connection

PAGE = 500  # revocations
SPARE = dt.timedelta(seconds=60)
"""How long a revocation outlasts the last token. A request that found the session live just before may sign a token
until it is given up (``shared.web.deadline``: 7 s), by the clock of its own machine, which may be ahead of ours."""

TURN = 4_709_203  # any number, but a different one for each feed


@dataclass(frozen=True, slots=True)
class Revocation:
    """One session that was ended."""

    id: int
    session_id: SessionId
    until: dt.datetime

    @property
    def until_second(self) -> int:
        """The end of ``until``'s second, in Unix seconds."""
        return math.ceil(self.until.timestamp())


async def insert_revocations(connection: Connection, session_ids: Sequence[SessionId], token_ttl: dt.timedelta) -> None:
    """Record that sessions were ended whose access tokens live for ``token_ttl`` from their signing."""
    await connection.execute(
        """
        INSERT INTO revocations (session_id, until)
        SELECT ended.id, clock_timestamp() + $2::interval
        FROM (SELECT pg_advisory_xact_lock($3)) AS in_turn, unnest($1::uuid[]) AS ended (id)
        """,
        list(session_ids),
        token_ttl + SPARE,
        TURN,
    )


async def list_revocations(connection: Connection, after: int) -> list[Revocation]:
    """Return the revocations after a number that still matter, in order, at most a page of them."""
    rows = await connection.fetch(
        "SELECT id, session_id, until FROM revocations WHERE id > $1 AND until > now() ORDER BY id LIMIT $2",
        after,
        PAGE,
    )
    return [Revocation(**row) for row in rows]


async def get_newest_revocation(connection: Connection) -> int:
    """Return the number of the last revocation, 0 before the first. It is never deleted: a trigger keeps it."""
    newest: int = await connection.fetchval("SELECT coalesce(max(id), 0) FROM revocations")
    return newest


async def delete_past_revocations(connection: Connection, limit: int) -> int:
    """Delete some revocations that no longer matter, and return how many."""
    rows = await connection.fetch(
        """
        DELETE FROM revocations WHERE id = ANY(ARRAY(
            SELECT id FROM revocations WHERE until <= now() ORDER BY until LIMIT $1 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
        """,
        limit,
    )
    return len(rows)
