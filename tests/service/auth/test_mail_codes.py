"""The table of codes: what is good, for whom, how often, and for how long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from starlette.applications import Starlette

from auth_service.mail.codes import TRIES, Purpose
from auth_service.tables.codes import (
    Code,
    NewCode,
    delete_past_codes,
    end_codes_of,
    find_link,
    find_newest,
    insert_code,
    try_code,
    use_code,
)
from shared.postgres.epochs import DataMoved
from tests.support.rows_read import Reading, watch_readings

RIGHT, WRONG = b"right", b"wrong"
NEW = NewCode(Purpose.RESET, 7, (b"address",), RIGHT, b"flow", {"email": "ada@example.com"})


async def try_right(connection: asyncpg.Connection) -> Code | None:
    """Offer the right code, as the browser that asked for it."""
    return await try_code(connection, Purpose.RESET, (b"flow",), (RIGHT,))


async def test_a_code_is_used_once(database: asyncpg.Connection) -> None:
    """The right code is found as often as one likes, and used once."""
    await insert_code(database, NEW)
    code = await try_right(database)
    assert code is not None
    assert (code.user_id, code.facts) == (7, {"email": "ada@example.com"})
    assert await try_right(database) == code
    assert await use_code(database, code.id)
    assert not await use_code(database, code.id)
    assert await try_right(database) is None


async def test_of_fifty_one_wins(mail_app: Starlette, database: asyncpg.Connection) -> None:
    """However many use a code at the same moment, one of them does."""
    await insert_code(database, NEW)
    code = await try_right(database)
    assert code is not None

    async def use() -> bool:
        async with mail_app.state.parts.database.transaction() as connection:
            return await use_code(connection, code.id)

    assert sum(await asyncio.gather(*(use() for _ in range(50)))) == 1


@contextlib.asynccontextmanager
async def for_a_while(database: asyncpg.Connection, change: str) -> AsyncIterator[None]:
    """Change something, and take it back."""
    changed = database.transaction()
    await changed.start()
    try:
        await database.execute(change)
        yield
    finally:
        await changed.rollback()


async def test_a_code_of_before_a_restore_is_refused(database: asyncpg.Connection) -> None:
    """Where the database was put back, whether a code had been used, or ended, may be part of what was lost."""
    await insert_code(database, NEW)
    code = await try_right(database)
    assert code is not None
    async with for_a_while(database, "UPDATE epochs SET is_loss = true, began_at = clock_timestamp()"):
        assert not await use_code(database, code.id)
    assert await use_code(database, code.id)


async def test_no_code_is_used_before_a_restore_is_noticed(database: asyncpg.Connection) -> None:
    """Between a restore and the look that notices it, nobody knows which codes were used: all have to wait."""
    await insert_code(database, NEW)
    code = await try_right(database)
    assert code is not None
    async with for_a_while(database, "UPDATE epochs SET table_id = 0"):
        with pytest.raises(DataMoved):
            await use_code(database, code.id)
    assert await use_code(database, code.id)


async def test_wrong_tries_end_a_code(mail_app: Starlette, database: asyncpg.Connection) -> None:
    """After so many wrong tries, even simultaneous ones, the right code is refused as well."""
    await insert_code(database, NEW)

    async def guess() -> None:
        async with mail_app.state.parts.database.connection() as connection:
            assert await try_code(connection, Purpose.RESET, (b"flow",), (WRONG,)) is None

    await asyncio.gather(*(guess() for _ in range(TRIES - 1)))
    assert await try_right(database) is not None
    await guess()
    assert await try_right(database) is None


@pytest.mark.parametrize(
    ("purpose", "flow"),
    [(Purpose.RESET, b"another flow"), (Purpose.PROVE_ADDRESS, b"flow"), (Purpose.SIGN_IN, b"flow")],
)
async def test_a_code_is_for_one_browser_and_purpose(
    database: asyncpg.Connection, purpose: Purpose, flow: bytes
) -> None:
    """The right code from another browser, or for something else, is refused, and costs nobody a try."""
    await insert_code(database, NEW)
    for _ in range(TRIES):
        assert await try_code(database, purpose, (flow,), (RIGHT,)) is None
    assert await try_right(database) is not None


async def test_a_new_code_ends_the_older_ones(database: asyncpg.Connection) -> None:
    """Of the codes for one address and purpose the newest is good; those of others are untouched."""
    await insert_code(database, NEW)
    other = NewCode(Purpose.RESET, 8, (b"another address",), RIGHT, b"another flow")
    await insert_code(database, other)
    await insert_code(database, NewCode(Purpose.RESET, 7, (b"address",), b"newer", b"newer flow"))
    assert await try_right(database) is None
    assert await try_code(database, Purpose.RESET, (b"another flow",), (RIGHT,)) is not None
    assert await try_code(database, Purpose.RESET, (b"newer flow",), (b"newer",)) is not None


async def test_a_clock_that_steps_back_changes_nothing(database: asyncpg.Connection) -> None:
    """The newest code of a browser is the one that was asked for last, whatever time it was, by whichever key."""
    for flow, address in ((b"flow", b"another address"), (b"before", b"a third address")):
        await insert_code(database, NewCode(Purpose.RESET, 7, (address,), b"older", flow))
    await database.execute("UPDATE codes SET created_at = now() + interval '1 hour', used_at = now()")
    await insert_code(database, NEW)
    for macs in ((b"flow", b"before"), (b"before", b"flow")):
        assert await try_code(database, Purpose.RESET, macs, (RIGHT,)) is not None
        assert await find_newest(database, Purpose.RESET, macs) is not None


async def test_a_code_is_good_for_a_while(database: asyncpg.Connection) -> None:
    """A code that is too old is refused, even if it was right a moment before; housekeeping deletes it."""
    await insert_code(database, NEW)
    code = await try_right(database)
    assert code is not None
    assert await delete_past_codes(database, 10) == 0
    await database.execute("UPDATE codes SET expires_at = now()")
    assert await try_right(database) is None
    assert not await use_code(database, code.id)
    await database.execute("UPDATE codes SET expires_at = now() - interval '1 second'")
    assert await delete_past_codes(database, 10) == 1


async def test_all_codes_of_a_user_end(database: asyncpg.Connection) -> None:
    """What ends all codes of a user ends those for every purpose."""
    await insert_code(database, NEW)
    await end_codes_of(database, 8)
    assert await try_right(database) is not None
    await end_codes_of(database, 7)
    assert await try_right(database) is None


async def test_a_link_is_found_without_being_used(database: asyncpg.Connection) -> None:
    """A link can be looked at by any browser, and is used once; a code that was typed is no link."""
    await insert_code(database, NEW)
    await insert_code(database, NewCode(Purpose.SIGN_IN, 7, (b"address",), b"token"))
    assert await find_link(database, Purpose.RESET, (RIGHT,)) is None
    link = await find_link(database, Purpose.SIGN_IN, (b"token",))
    assert link is not None
    assert await find_link(database, Purpose.SIGN_IN, (b"token",)) == link
    assert await use_code(database, link.id)
    assert await find_link(database, Purpose.SIGN_IN, (b"token",)) is None


@pytest.mark.parametrize(
    ("flow", "purpose"), [(b"flow", Purpose.RESET), (b"many", Purpose.PROVE_ADDRESS)], ids=["another's", "its own"]
)
async def test_a_flow_with_many_codes_is_no_burden(database: asyncpg.Connection, flow: bytes, purpose: Purpose) -> None:
    """Anybody can ask for codes again and again as one browser: no newest one takes long to find."""
    await database.execute(
        """
        INSERT INTO codes (purpose, address_mac, code_mac, flow_mac, facts, tries_left, expires_at)
        SELECT 'prove_address', int4send(number), int4send(number), 'many', '{}', 5, now() + interval '1 minute'
        FROM generate_series(1, 5000) AS number
        """
    )
    await insert_code(database, NEW)
    await database.execute("ANALYZE codes")
    found, [reading] = await watch_readings(
        database, lambda: find_newest(database, purpose, (flow, b"before")), "codes"
    )
    assert found is not None
    assert reading.scans == 0
    assert reading.rows < 10  # the planner itself looks at some
    found, readings = await watch_readings(database, lambda: find_newest(database, Purpose.SIGN_UP, (flow,)), "codes")
    assert (found, readings) == (None, [Reading(0, 0)])


async def test_a_link_is_found_among_many(database: asyncpg.Connection) -> None:
    """However many links wait, each is found by its hash, even where the planner knows nothing of the table yet."""
    await database.execute(
        """
        INSERT INTO codes (purpose, address_mac, code_mac, facts, tries_left, expires_at)
        SELECT 'sign_in', int4send(number), sha256(int4send(number)), '{}', 5, now() + interval '1 minute'
        FROM generate_series(1, 5000) AS number
        """
    )
    await insert_code(database, NewCode(Purpose.SIGN_IN, 7, (b"address",), RIGHT))
    found, readings = await watch_readings(database, lambda: find_link(database, Purpose.SIGN_IN, (RIGHT,)), "codes")
    assert found is not None
    assert readings == [Reading(scans=0, rows=1)]
