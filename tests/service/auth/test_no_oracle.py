"""Nothing reveals whether there is an account: all answers are alike, whatever was tried before.

The one exception is documented: when a hundred tries from elsewhere have closed an account, an address from which it
was signed in to is still let in. Somebody who shares that address and spends a hundred tries learns that.
"""

from collections.abc import Mapping

import asyncpg
import httpx2
import pytest

from tests.support.guessing import (
    ELSEWHERE,
    FAR,
    HOME,
    WRONG,
    Replica,
    device_of,
    hold_still,
    sign_in,
    spend_address,
)
from tests.support.people import PASSWORD, Person

STRANGERS = [f"192.0.2.{number}" for number in range(20, 26)]
# What was tried before, and from where; then what was done to the counts.
STATES: Mapping[str, tuple[list[str], str]] = {
    "untouched": ([], ""),
    "one failure at home": ([HOME], ""),
    "one failure elsewhere": ([ELSEWHERE], ""),
    "four failures": ([HOME] * 4, ""),
    "five failures at home": ([HOME] * 5, ""),
    "five failures elsewhere": ([ELSEWHERE] * 5, ""),
    "twenty failures at home": ([HOME] * 5, "UPDATE attempts SET in_a_row = 20 WHERE in_a_row = 5"),
    "spent": ([HOME, ELSEWHERE], "spend"),
    "spent, five failures": ([*[HOME] * 5, ELSEWHERE], "spend"),
    "an hour later": ([HOME] * 5, "UPDATE attempts SET last_at = last_at - interval '1 hour'"),
    "many strangers": (STRANGERS, ""),
    "many strangers, a hundred": (STRANGERS, "UPDATE attempts SET in_a_row = 100 WHERE in_a_row = 6"),
}


async def answers_to(
    client: httpx2.AsyncClient, database: asyncpg.Connection, email: str, state: tuple[list[str], str]
) -> list[tuple[int, bytes, list[tuple[str, str]]]]:
    """Return status, body and headers of tries from two addresses, after reaching a state."""
    before, then = state
    given = []
    for address in before:
        given.append(await sign_in(client, email, address=address))
        await database.execute("UPDATE attempts SET last_at = last_at - interval '61 seconds'")
    if then == "spend":
        await spend_address(database)
    elif then:
        await database.execute(then)
    for _ in range(3):
        await hold_still(database)
        is_closed = "in_a_row = 6" in then  # the exception
        addresses = (ELSEWHERE, FAR) if is_closed else (HOME, ELSEWHERE, FAR)
        given.extend([await sign_in(client, email, address=address) for address in addresses])
    return [without_what_varies(answer) for answer in given]


def without_what_varies(answer: httpx2.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return an answer without its id, its date and the elapsed seconds of a wait."""
    wait = answer.headers.get("retry-after", "")
    body = answer.content.replace(f'"retryAfter":{wait}'.encode(), b'"retryAfter":n')
    kept = [(name, "n" if value == wait else value) for name, value in answer.headers.multi_items()]
    return answer.status_code, body, [pair for pair in kept if pair[0] not in {"x-request-id", "date"}]


@pytest.mark.parametrize("cookie_of", [None, 1000])
@pytest.mark.parametrize("state", STATES)
async def test_no_account_is_told_from_none(
    guarded: httpx2.AsyncClient,
    newcomer: Person,
    database: asyncpg.Connection,
    replicas: list[Replica],
    state: str,
    cookie_of: int | None,
) -> None:
    """The same tries at an account that was signed in to from home and at none get the same bytes.

    Whether the address is known or not, used up or not, and with a device cookie for another account too.
    """
    assert (await sign_in(guarded, newcomer.email, PASSWORD, HOME)).status_code == 200
    if cookie_of is not None:
        guarded.cookies.update(device_of(replicas, newcomer.id + cookie_of))
    known = await database.fetch("SELECT key, forget_at FROM attempts WHERE is_known")
    answers = []
    for email in (newcomer.email, "nobody@example.com"):
        await database.execute("DELETE FROM attempts")
        for row in known:
            insert = "INSERT INTO attempts (key, forget_at, is_known) VALUES ($1, $2, true)"
            await database.execute(insert, *row)
        answers.append(await answers_to(guarded, database, email, STATES[state]))
    assert answers[0] == answers[1]
    assert {status for status, _, _ in answers[0]} <= {401, 429}
    assert WRONG not in str(answers)
