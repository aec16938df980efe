"""``POST /api/token``: a refresh token is used once, yields the same again for a moment, and gives a thief away."""

import asyncio
import time

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.parts import Parts
from tests.service.auth.test_internal import service_token
from tests.support.forged_tokens import read_claims
from tests.support.people import PASSWORD, Person

REFUSED = {"error": "This refresh token is not valid. Sign in again"}


async def refresh(client: httpx2.AsyncClient, token: object) -> httpx2.Response:
    """Exchange a refresh token."""
    return await client.post("/api/token", json={"refreshToken": token})


@pytest.fixture
async def token(client: httpx2.AsyncClient, ada: Person) -> str:
    """Give the refresh token of a second session of somebody's."""
    found: str = (await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})).json()[
        "refreshToken"
    ]
    return found


async def let_pass(database: asyncpg.Connection, seconds: int) -> None:
    """Backdate every use of a refresh token."""
    await database.execute("UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)", float(seconds))


async def test_a_pair_for_a_token(client: httpx2.AsyncClient, ada: Person, app: Starlette, token: str) -> None:
    """The answer has a valid access token of the same session, a new refresh token, and the lifetime in seconds."""
    answer = await refresh(client, token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.json()) == {"accessToken", "refreshToken", "expiresIn"}
    parts: Parts = app.state.parts
    claims = parts.access_tokens.verify(answer.json()["accessToken"], int(time.time()))
    assert (claims.user_id, claims.name) == (ada.id, ada.name)
    assert answer.json()["refreshToken"] != token
    assert answer.json()["expiresIn"] == claims.expires_at - claims.issued_at
    me = await client.get("/api/me", headers={"authorization": answer.json()["accessToken"]})
    assert me.json()["id"] == ada.id


async def test_each_token_leads_to_the_next(client: httpx2.AsyncClient, token: str) -> None:
    """A client that always uses its newest token stays signed in, in one session, with a new token each time."""
    seen = [token]
    sessions = set()
    for _ in range(5):
        pair = (await refresh(client, seen[-1])).json()
        seen.append(pair["refreshToken"])
        sessions.add(read_claims(pair["accessToken"])["sid"])
    assert (len(set(seen)), len(sessions)) == (6, 1)


async def test_again_at_once_gives_the_same_successor(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """A client that lost the answer asks again within ten seconds and gets the same successor, which works."""
    first = (await refresh(client, token)).json()
    await let_pass(database, 9)
    again = (await refresh(client, token)).json()
    assert again["refreshToken"] == first["refreshToken"]
    assert (await refresh(client, again["refreshToken"])).status_code == 200


async def test_parallel_calls_get_one_successor(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """Fifty simultaneous calls with one token all succeed with one and the same successor; the session lives on.

    Ten rounds, each with the successor of the one before.
    """
    for _ in range(10):
        answers = await asyncio.gather(*(refresh(client, token) for _ in range(50)))
        assert [answer.status_code for answer in answers] == [200] * 50
        (token,) = {answer.json()["refreshToken"] for answer in answers}
    assert (await refresh(client, token)).status_code == 200
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'refresh_reused'") == 0


async def test_a_lost_answer_is_given_again_however_late(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """As long as the successor is unused, a token yields it again, hours later and more than once."""
    first = (await refresh(client, token)).json()
    for _ in range(3):
        await let_pass(database, 3600)
        answer = await refresh(client, token)
        assert (answer.status_code, answer.json().get("refreshToken")) == (200, first["refreshToken"])
    following = (await refresh(client, first["refreshToken"])).json()
    assert (await refresh(client, following["refreshToken"])).status_code == 200
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'refresh_reused'") == 0


async def test_two_who_take_turns_are_found_out(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """A thief and an owner who use the same token an hour apart are noticed the second time."""
    first = (await refresh(client, token)).json()["refreshToken"]
    await let_pass(database, 3600)
    assert (await refresh(client, token)).json()[
        "refreshToken"
    ] == first  # the other one: a lost answer, for all we know
    second = (await refresh(client, first)).json()["refreshToken"]
    await let_pass(database, 3600)
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, second)).status_code == 401
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'refresh_reused'") == 1


async def test_a_token_used_again_after_its_successor_ends_the_session(
    client: httpx2.AsyncClient, ada: Person, token: str, database: asyncpg.Connection
) -> None:
    """Reused after its successor was used, a token ends its session for everybody, with an audit line, and no other."""
    pair = (await refresh(client, (await refresh(client, token)).json()["refreshToken"])).json()
    await let_pass(database, 11)
    answer = await refresh(client, token)
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert (await refresh(client, pair["refreshToken"])).status_code == 401
    headers = {"authorization": pair["accessToken"]}
    assert (await client.get("/api/me", headers=headers)).status_code == 401
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200
    sid = read_claims(pair["accessToken"])["sid"]
    events = await database.fetch("SELECT event, session_id::text FROM audit ORDER BY id DESC LIMIT 2")
    assert [tuple(row) for row in events] == [("session_revoked", sid), ("refresh_reused", sid)]
    assert await database.fetchval("SELECT revoked_because FROM sessions WHERE id = $1", sid) == "refresh_reused"
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert [each["sid"] for each in feed["revocations"]] == [sid]


async def test_an_older_token_of_the_chain_ends_the_session_too(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """Used tokens are remembered as long as the session lives, however many came after."""
    newest = token
    for _ in range(4):
        newest = (await refresh(client, newest)).json()["refreshToken"]
    await let_pass(database, 3600)
    assert (await refresh(client, token)).status_code == 401
    assert (await refresh(client, newest)).status_code == 401


@pytest.mark.parametrize("offered", ["", "x", "A" * 43, "\u00e9" * 43, "A" * 128])
async def test_an_unknown_token_is_refused(
    client: httpx2.AsyncClient, database: asyncpg.Connection, offered: str
) -> None:
    """An unknown refresh token is 401 and leaves no trace."""
    answer = await refresh(client, offered)
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await database.fetchval("SELECT count(*) FROM audit") == 0


@pytest.mark.parametrize("offered", [None, 1, ["x"], "A" * 129, "\0"])
async def test_what_can_not_be_a_token_is_invalid(client: httpx2.AsyncClient, offered: object) -> None:
    """A value that is not a string, or longer than any token, is 422."""
    answer = await refresh(client, offered)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"refreshToken"})


async def test_an_access_token_is_no_refresh_token(client: httpx2.AsyncClient, ada: Person) -> None:
    """One kind of token is never taken for another."""
    assert (await refresh(client, ada.token)).status_code in {401, 422}


@pytest.mark.parametrize("column", ["ends_at", "idle_ends_at"])
async def test_the_session_s_end_is_the_token_s(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection, column: str
) -> None:
    """When the session has reached its absolute or its idle end, its refresh token is refused."""
    await database.execute(f"UPDATE sessions SET {column} = now()")  # noqa: S608 - of two names
    assert (await refresh(client, token)).status_code == 401


async def test_signing_out_ends_the_refresh_token(client: httpx2.AsyncClient, token: str) -> None:
    """After signing out the refresh token is refused, even within the grace period."""
    pair = (await refresh(client, token)).json()
    await client.post("/api/logout", headers={"authorization": pair["accessToken"]})
    assert (await refresh(client, token)).status_code == 401
    assert (await refresh(client, pair["refreshToken"])).status_code == 401


async def test_refreshing_puts_off_the_idle_end(
    client: httpx2.AsyncClient, token: str, database: asyncpg.Connection
) -> None:
    """A refresh is a use of the session: its idle end moves, its absolute end does not."""
    query = "SELECT ends_at, idle_ends_at FROM sessions ORDER BY created_at DESC LIMIT 1"
    await database.execute("UPDATE sessions SET idle_ends_at = now() + interval '1 minute'")
    before = await database.fetchrow(query)
    await refresh(client, token)
    after = await database.fetchrow(query)
    assert after["idle_ends_at"] > before["idle_ends_at"]
    assert after["ends_at"] == before["ends_at"]


async def test_the_table_holds_no_token(client: httpx2.AsyncClient, token: str, database: asyncpg.Connection) -> None:
    """Neither a token nor its successor can be read from the database."""
    successor = (await refresh(client, token)).json()["refreshToken"]
    rows = str([dict(row) for row in await database.fetch("SELECT token_hash, salt FROM refresh_tokens")])
    assert not any(each in rows or each.encode().hex() in rows for each in (token, successor))
