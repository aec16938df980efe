"""Asking for a new password tells nobody whether an address has an account.

How long it takes is measured by ``tests/benchmarks/reset_times.py``: no test depends on a time.
"""

import collections
import contextvars
import re
from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.support.letters import list_letters
from tests.support.recovery import FLOW_COOKIE, ask, confirm
from tests.support.services import client_of

MANY = 300  # addresses of each kind
VARYING = {"x-request-id", "date", "set-cookie"}
FLOW = re.compile(rf"{FLOW_COOKIE}=[A-Za-z0-9_-]{{43}}; Path=/; Expires=[^;]{{29}}; HttpOnly; SameSite=Lax")
SIGNED_UP = """
    INSERT INTO users (name, email, email_key, password_hash)
    SELECT 'Known', 'known' || n || '@example.com', 'known' || n || '@example.com', 'none'
    FROM generate_series(1, $1::int) AS n
"""

RUNS = ("execute", "fetch", "fetchrow", "fetchval")  # asyncpg's methods that run a statement

noted: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("noted", default=None)
"""Where the statements of this task are noted; those of background tasks are not."""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the statements that the test's own requests run, in their order."""

    def note(run: Callable[..., object]) -> Callable[..., object]:
        def run_noted(connection: asyncpg.Connection, query: str, *arguments: object, **options: object) -> object:
            if (found := noted.get()) is not None:
                found.append(query)
            return run(connection, query, *arguments, **options)

        return run_noted

    for name in RUNS:
        monkeypatch.setattr(asyncpg.Connection, name, note(getattr(asyncpg.Connection, name)))
    return []


async def test_three_hundred_known_and_unknown_addresses_are_answered_alike(
    mail_app: Starlette, database: asyncpg.Connection
) -> None:
    """Status, bytes and headers of all answers are the same, cookies have one form, and each address gets a letter.

    So it is for the code that is typed then, which is wrong.
    """
    await database.execute(SIGNED_UP, MANY)
    asked, confirmed = {}, {}
    for kind in ("known", "other"):
        asked[kind], confirmed[kind] = collections.Counter(), collections.Counter()
        for number in range(1, MANY + 1):
            email = f"{kind}{number}@example.com"
            async with client_of(mail_app) as client:
                answer = await ask(client, email)
                assert FLOW.fullmatch(answer.headers["set-cookie"]), answer.headers
                asked[kind][describe(answer)] += 1
                confirmed[kind][describe(await confirm(client, email, "7K3F-9QXM"))] += 1
    assert len(asked["known"]) == len(confirmed["known"]) == 1
    assert asked["known"] == asked["other"]
    assert confirmed["known"] == confirmed["other"]
    addresses = collections.Counter(letter.address for letter in await list_letters(database))
    assert set(addresses.values()) == {1}
    assert len(addresses) == await database.fetchval("SELECT count(*) FROM codes") == 2 * MANY


def describe(answer: httpx2.Response) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """Return an answer without what varies from one to the next."""
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in VARYING]
    return answer.status_code, answer.content, tuple(kept)


@pytest.mark.parametrize("typed", ["7K3F-9QXM", "no code"])
async def test_the_same_statements_are_run(
    mail_app: Starlette, database: asyncpg.Connection, statements: list[str], typed: str
) -> None:
    """The database is asked the same, in the same order, whether an address has an account or not."""
    await database.execute(SIGNED_UP, 1)
    run = []
    for email in ("known1@example.com", "other1@example.com"):
        async with client_of(mail_app) as client:
            noted.set(statements)
            assert (await ask(client, email)).status_code == 202
            assert (await confirm(client, email, typed)).status_code == 400
            noted.set(None)
        run.append(list(statements))
        statements.clear()
    assert sum("INSERT INTO letters" in statement for statement in run[0]) == 1
    assert sum("INSERT INTO codes" in statement for statement in run[0]) == 1
    assert run[0] == run[1]
