"""What is done by mail while something else happens to the same account.

Rows are locked in one order, and nothing is done for a session, or an address, that is the user's no more.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest

from auth_service.tables import revocations, user_changes
from tests.support import next_auth
from tests.support.address_proofs import MOVE_BY, NEW_EMAIL, PROVE_BY, ask_to_move, ask_to_prove, type_code
from tests.support.html_forms import read_forms
from tests.support.letters import find_code, find_letter
from tests.support.people import PASSWORD, sign_up_and_in

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
async def other(database: asyncpg.Connection, auth_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give the connection of somebody who does something else, in a transaction that waits a second for a lock."""
    del database  # it has been emptied
    connection = await asyncpg.connect(auth_database_url, server_settings={"lock_timeout": "1s"})
    yield connection
    await connection.close()


async def wait_for_waiter(database: asyncpg.Connection) -> None:
    """Return once somebody waits for a lock."""
    async with asyncio.timeout(30):
        while not await database.fetchval(WAITING):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_an_address_is_proven_in_the_order_of_the_reset(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """Who proves an address while a reset ends all their codes waits for it, and is refused: there is no deadlock."""
    person = await sign_up_and_in(mail_client, "Mary Shelley")
    await ask_to_prove(mail_client, person)
    code = await find_code(database)
    async with other.transaction():
        await other.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", person.id)
        proving = asyncio.create_task(type_code(mail_client, PROVE_BY, person, code))
        await wait_for_waiter(database)
        await other.execute("UPDATE codes SET used_at = now() WHERE user_id = $1", person.id)
    assert (await proving).status_code == 400
    assert await database.fetchval("SELECT email_verified_at FROM users WHERE id = $1", person.id) is None


async def test_a_link_to_an_address_that_the_account_has_left_signs_nobody_in(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A link that was asked for while the account moved, and so outlived the codes that the move ended, is refused."""
    person = await sign_up_and_in(mail_client, "Mary Shelley")
    form = {"email": person.email, "csrfToken": await next_auth.get_csrf_token(mail_client)}
    await mail_client.post("/api/auth/signin/email", data=form)
    link = (await find_letter(database)).facts["url"]
    page = await mail_client.get(link)
    moved = "UPDATE users SET email = $2, email_key = $2, email_verified_at = now() WHERE id = $1"
    await database.execute(moved, person.id, NEW_EMAIL)
    button = read_forms(page.text)["/api/auth/callback/email"].fields
    answer = await mail_client.post("/api/auth/callback/email", data=button)
    assert answer.headers["location"].endswith("/api/auth/error?error=Verification")
    assert await next_auth.get_session(mail_client) == {}


async def test_a_session_that_has_ended_moves_no_account(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """A session that ends while its code is on its way moves nothing, even if the code came after all others ended.

    A request that was let in just before may be slow, as may the one that asked for the code.
    """
    person = await sign_up_and_in(mail_client, "Mary Shelley")
    await ask_to_move(mail_client, person)
    code = await find_code(database)
    async with other.transaction():
        await other.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", person.id)
        moving = asyncio.create_task(type_code(mail_client, MOVE_BY, person, code))
        await wait_for_waiter(database)
        await other.execute("UPDATE sessions SET revoked_at = now(), revoked_because = 'password_reset'")
    assert (await moving).status_code == 400
    assert await database.fetchval("SELECT email FROM users WHERE id = $1", person.id) == person.email


async def test_a_move_and_a_sign_up_take_their_turns_at_the_feeds_in_one_order(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """Who signs up in a browser that was signed in waits for their turn to publish its end before they take any other.

    As does an account that moves or is deleted: otherwise each could wait for the other's turn.
    """
    person = await sign_up_and_in(mail_client, "Mary Shelley")
    await next_auth.sign_in(mail_client, person.email)
    form = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    form["csrfToken"] = await next_auth.get_csrf_token(mail_client)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", revocations.TURN)
        signing_up = asyncio.create_task(mail_client.post("/signup", data=form))
        await wait_for_waiter(database)
        assert await other.fetchval("SELECT pg_try_advisory_xact_lock($1)", user_changes.TURN)
    assert (await signing_up).status_code == 303


async def test_a_takeover_ends_the_browsers_session_before_its_turn_at_the_feed(
    mail_client: httpx2.AsyncClient, database: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """A link that takes over an account waits for a session that is just being ended, and takes no turn meanwhile.

    Whoever ends that session needs the turn.
    """
    person = await sign_up_and_in(mail_client, "Mary Shelley")
    ada = await sign_up_and_in(mail_client, "Ada Lovelace")
    await next_auth.sign_in(mail_client, ada.email)
    form = {"email": person.email, "csrfToken": await next_auth.get_csrf_token(mail_client)}
    await mail_client.post("/api/auth/signin/email", data=form)
    page = await mail_client.get((await find_letter(database)).facts["url"])
    button = read_forms(page.text)["/api/auth/callback/email"].fields
    async with other.transaction():
        await other.execute("SELECT FROM sessions WHERE user_id = $1 FOR UPDATE", ada.id)
        pressing = asyncio.create_task(mail_client.post("/api/auth/callback/email", data=button))
        await wait_for_waiter(database)
        assert await other.fetchval("SELECT pg_try_advisory_xact_lock($1)", revocations.TURN)
    assert (await pressing).status_code == 302
    session = await next_auth.get_session(mail_client)
    assert session["user"]["email"] == person.email  # type: ignore[index]
    live = await database.fetch("SELECT user_id FROM live_sessions ORDER BY user_id")
    assert [row["user_id"] for row in live] == [person.id, ada.id]  # that of ada's program goes on
