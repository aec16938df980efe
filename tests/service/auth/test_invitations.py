"""Who may make an account: everybody, who has an operator's invitation, or nobody; in whatever way they come."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.tables.invitations import find_invitation, use_invitation
from shared.observing.metrics import Metrics
from shared.postgres.epochs import DataMoved
from tests.support.command_line import CommandLine
from tests.support.html_forms import read_forms
from tests.support.letters import find_code, forget_letters, list_letters, running_with_mail
from tests.support.people import PASSWORD, sign_in
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

PAGE = {"accept": "text/html"}
ADA = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
COOKIE = "gatepost.invitation"
NOBODY = "A" * 43


@pytest.fixture(scope="module")
async def closed_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give an auth service where nobody makes an account by themselves."""
    del app  # the tables are there
    async with running(create_app(auth_settings(auth_database_url, sign_up="closed"), Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture(scope="module")
async def invited_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give an auth service where it takes an invitation."""
    del app
    async with running(create_app(auth_settings(auth_database_url, sign_up="invitation"), Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def closed(closed_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the first, on an emptied database."""
    del database
    async with client_of(closed_app) as client:
        yield client


@pytest.fixture
async def invited(invited_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the second, on an emptied database."""
    del database
    async with client_of(invited_app) as client:
        yield client


async def invite(line: CommandLine, *options: str) -> str:
    """Return the token of a new invitation."""
    (found,) = re.findall(r"/signup\?invitation=([\w-]{43})\b", await run(line, "invitation", "new", *options))
    return found


async def run(line: CommandLine, *arguments: str) -> str:
    """Return what a command prints."""
    status, printed, complaint = await line.run(*arguments)
    assert status == 0, complaint
    return printed


async def fill_in(client: httpx2.AsyncClient, **typed: str) -> httpx2.Response:
    """Open the form for signing up, fill it in, and send it."""
    form = read_forms((await client.get("/signup", headers=PAGE)).text)["/signup"]
    return await client.post("/signup", data={**form.fields, **ADA, **typed}, headers=PAGE)


async def count_users(database: asyncpg.Connection) -> int:
    """Return how many users there are."""
    count: int = await database.fetchval("SELECT count(*) FROM users")
    return count


async def test_where_it_is_closed_nobody_signs_up(closed: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """The API refuses, the page says so and leads to signing in, and a form that was open before is refused, too."""
    refused = await closed.post("/api/user", json=ADA)
    assert (refused.status_code, refused.json()) == (403, {"error": "New accounts are made by whoever runs this site"})
    page = await closed.get("/signup", headers=PAGE)
    assert (page.status_code, read_forms(page.text)) == (403, {})
    assert 'href="/api/auth/signin">Sign in</a>' in page.text
    token = (await closed.get("/api/auth/csrf")).json()["csrfToken"]
    assert (await closed.post("/signup", data={**ADA, "csrfToken": token}, headers=PAGE)).status_code == 403
    assert await count_users(database) == 0


async def test_where_it_is_closed_no_page_leads_there(closed: httpx2.AsyncClient, invited: httpx2.AsyncClient) -> None:
    """The sign-in page offers no account that nobody can have."""
    for client in (closed, invited):
        assert "/signup" not in (await client.get("/api/auth/signin", headers=PAGE)).text


async def test_operators_make_accounts_all_the_same(closed: httpx2.AsyncClient, command_line: CommandLine) -> None:
    """Who runs the site makes an account, and its user signs in."""
    status, _, complaint = await command_line.run("user", "create", "Ada", "ada@example.com", stdin=PASSWORD)
    assert status == 0, complaint
    assert (await sign_in(closed, "ada@example.com")).name == "Ada"


async def test_without_an_invitation_nobody_signs_up(invited: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """A missing invitation, one that never was and one that is none are refused alike, before anything costs time."""
    for body in (ADA, {**ADA, "invitation": NOBODY}, {**ADA, "invitation": "x"}):
        refused = await invited.post("/api/user", json=body)
        assert (refused.status_code, "invitation" in refused.json()["error"]) == (403, True)
    for cookie in (NOBODY, "x"):
        page = await invited.get("/signup", headers={**PAGE, "cookie": f"{COOKIE}={cookie}"})
        assert (page.status_code, "You need an invitation" in page.text) == (403, True)
    assert await count_users(database) == 0


async def test_a_link_lets_somebody_in(
    invited: httpx2.AsyncClient, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """The link leaves its token in a cookie and not in the address; the form makes an account of it, once."""
    token = await invite(command_line)
    opened = await invited.get(f"/signup?callbackUrl=%2Freports&invitation={token}", headers=PAGE)
    assert (opened.status_code, opened.headers["location"]) == (303, f"{PUBLIC_URL}/signup?callbackUrl=%2Freports")
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    await invited.get(f"/signup?invitation={token}")  # opened again: that uses nothing up
    done = await fill_in(invited)
    assert (done.status_code, done.headers["location"]) == (303, f"{PUBLIC_URL}/userposts")
    assert COOKIE not in invited.cookies
    invited.cookies.clear()
    await invited.get(f"/signup?invitation={token}")
    assert (await invited.get("/signup", headers=PAGE)).status_code == 403
    again = await invited.post("/api/user", json={**ADA, "email": "bob@example.com", "invitation": token})
    assert again.status_code == 403
    assert await count_users(database) == 1
    stored = await database.fetch("SELECT * FROM invitations")
    assert token not in repr(stored)


async def test_a_program_sends_it_along(invited: httpx2.AsyncClient, command_line: CommandLine) -> None:
    """The API takes the token as a member of the body."""
    token = await invite(command_line, "--uses", "2")
    for email, status in (("ada@example.com", 201), ("bob@example.com", 201), ("eve@example.com", 403)):
        answer = await invited.post("/api/user", json={**ADA, "email": email, "invitation": token})
        assert answer.status_code == status


async def test_no_more_get_in_than_it_is_for(
    invited: httpx2.AsyncClient, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Of many who sign up at once, as many get an account as the invitation is good for."""
    token = await invite(command_line, "--uses", "2")
    bodies = [{**ADA, "email": f"ada{number}@example.com", "invitation": token} for number in range(5)]
    answers = await asyncio.gather(*(invited.post("/api/user", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 403, 403, 403]
    assert await count_users(database) == 2
    assert await database.fetchval("SELECT uses_left FROM invitations") == 0


async def test_a_taken_address_costs_no_invitation(invited: httpx2.AsyncClient, command_line: CommandLine) -> None:
    """Who signs up with an address that has an account has not used the invitation."""
    token = await invite(command_line, "--uses", "2")
    body = {**ADA, "invitation": token}
    assert (await invited.post("/api/user", json=body)).status_code == 201
    assert (await invited.post("/api/user", json=body)).status_code == 409
    assert (await invited.post("/api/user", json={**body, "email": "bob@example.com"})).status_code == 201


async def test_a_double_click_gets_one_account(invited: httpx2.AsyncClient, command_line: CommandLine) -> None:
    """The second click on the form gets what the first one did, though that used the invitation up."""
    await invited.get(f"/signup?invitation={await invite(command_line)}")
    form = read_forms((await invited.get("/signup", headers=PAGE)).text)["/signup"]
    sent = {**form.fields, **ADA}
    cookies = dict(invited.cookies)
    answers = await asyncio.gather(*(invited.post("/signup", data=sent, headers=PAGE) for _ in range(2)))
    header = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    late = await invited.post("/signup", data=sent, headers={**PAGE, **header})
    assert [answer.status_code for answer in (*answers, late)] == [303, 303, 303]


async def test_an_invitation_ends(
    invited: httpx2.AsyncClient, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """One that is too old or revoked lets nobody in."""
    body = {**ADA, "invitation": await invite(command_line, "--note", "for Ada")}
    assert "for Ada" in await run(command_line, "invitation", "list")
    await database.execute("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert (await invited.post("/api/user", json=body)).status_code == 403
    assert "for Ada" not in await run(command_line, "invitation", "list")
    body = {**ADA, "invitation": await invite(command_line)}
    revoked = await database.fetchval("SELECT max(id) FROM invitations")
    await run(command_line, "invitation", "revoke", str(revoked))
    assert (await invited.post("/api/user", json=body)).status_code == 403
    status, _, complaint = await command_line.run("invitation", "revoke", str(revoked))
    assert (status, "no invitation of that id" in complaint) == (1, True)
    events = await database.fetch("SELECT event FROM audit WHERE event LIKE 'invitation%' ORDER BY id")
    assert [row["event"] for row in events] == ["invitation_made", "invitation_made", "invitation_revoked"]


async def test_with_everybody_invitations_mean_nothing(client: httpx2.AsyncClient) -> None:
    """Where everybody may sign up, a token that is sent along is not looked at."""
    assert (await client.post("/api/user", json={**ADA, "invitation": NOBODY})).status_code == 201


async def test_a_code_that_is_mailed_needs_one_too(
    app: Starlette, auth_database_url: str, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Where an address is proven first, the invitation is asked for before the letter, and used by the code."""
    del app  # it makes the tables
    async with (
        running_with_mail(auth_database_url, email_verification="required", sign_up="invitation") as strict,
        client_of(strict) as client,
    ):
        assert (await client.post("/api/user", json=ADA)).status_code == 403
        assert await list_letters(database) == []
        token = await invite(command_line)
        for email in ("ada@example.com", "bob@example.com"):
            await forget_letters(database)
            asked = await client.post("/api/user", json={**ADA, "email": email, "invitation": token})
            assert asked.status_code == 202
        body = {"email": "bob@example.com", "code": await find_code(database)}
        assert (await client.post("/api/user/confirm", json=body)).status_code == 201
        await forget_letters(database)
        refused = await client.post("/api/user", json={**ADA, "invitation": token})
        assert refused.status_code == 403


async def test_no_invitation_outlives_a_restore(
    app: Starlette, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Where the database was put back, an invitation may have been used or revoked in what was lost: none counts.

    Nor does one before that is noticed.
    """
    del app
    await invite(command_line)
    found = await database.fetchval("SELECT id FROM invitations")
    mac = await database.fetchval("SELECT token_mac FROM invitations")
    for change in ("UPDATE epochs SET is_loss = true, began_at = clock_timestamp()", "UPDATE epochs SET table_id = 0"):
        changed = database.transaction()
        await changed.start()
        await database.execute(change)
        if "is_loss" in change:
            assert await find_invitation(database, [mac]) is None
            assert not await use_invitation(database, found)
        else:
            with pytest.raises(DataMoved):
                await use_invitation(database, found)
        await changed.rollback()
    assert await find_invitation(database, [mac]) == found
    assert await use_invitation(database, found)
    assert not await use_invitation(database, found)
