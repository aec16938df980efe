"""``GET /api/me``, signing out, and what makes an access token valid."""

import asyncpg
import httpx2
import pytest

from shared.settings import SAMPLE_SECRETS
from shared.tokens.session_cookie import SessionSealer
from tests.support.forged_tokens import forge, list_faulty_tokens, make_claims, read_claims
from tests.support.people import PASSWORD, Person
from tests.support.service_callers import tokens_of

NO_AUTHORIZATION = b'{"error":"No Authorization"}'


async def get_me(client: httpx2.AsyncClient, credential: str) -> httpx2.Response:
    """Request the bearer's account."""
    return await client.get("/api/me", headers={"authorization": credential.encode()})


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "Bearer   "])
async def test_answers_the_caller(client: httpx2.AsyncClient, ada: Person, scheme: str) -> None:
    """The token is accepted bare and after ``Bearer``."""
    answer = await get_me(client, scheme + ada.token)
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "name", "email", "createdAt", "updatedAt", "emailVerified", "hasPassword"}
    about = [answer.json()[name] for name in ("id", "emailVerified", "hasPassword")]
    assert about == [ada.id, None, True]


async def test_answers_from_the_database(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The answer is what the database says now, not what the token said when it was signed."""
    await database.execute("UPDATE users SET name = 'Ada King' WHERE id = $1", ada.id)
    assert (await get_me(client, ada.token)).json()["name"] == "Ada King"


async def test_without_a_token_the_challenge_names_no_error(client: httpx2.AsyncClient) -> None:
    """Without any token: 401, the common body, and a challenge without an error code (RFC 6750, section 3.1)."""
    answer = await client.get("/api/me")
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    assert answer.headers["www-authenticate"] == 'Bearer realm="gatepost"'


async def test_every_faulty_token_is_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """A token made by hand is accepted when all is right; with any single fault it is 401, never 500."""
    claims = read_claims(ada.token)
    assert (await get_me(client, forge(claims))).status_code == 200
    for fault, token in list_faulty_tokens(claims).items():
        answer = await get_me(client, f"Bearer {token}")
        assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION), fault
        assert "invalid_token" in answer.headers["www-authenticate"], fault


async def test_other_kinds_of_tokens_are_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """A service token, a session cookie and a refresh token are no access tokens."""
    service = tokens_of(SAMPLE_SECRETS["SERVICE_SECRET"])
    claims = read_claims(ada.token)
    signed_in = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    others = (
        service.sign(caller="posts_service", callee="gatepost", now=int(str(claims["iat"]))),
        SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], 60).seal(claims, int(str(claims["iat"]))),
        signed_in.json()["refreshToken"],
    )
    for token in others:
        assert (await get_me(client, token)).status_code == 401


async def test_two_authorization_headers_are_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """Two credentials in one request are no credential, even when both are right."""
    headers = [("authorization", ada.token), ("authorization", ada.token)]
    assert (await client.get("/api/me", headers=headers)).status_code == 401


async def test_the_challenge_says_when_a_token_has_expired(client: httpx2.AsyncClient, ada: Person) -> None:
    """An expired token is named as such in the challenge; the body stays the same."""
    claims = read_claims(ada.token)
    expired = {**claims, "iat": int(str(claims["iat"])) - 7200, "exp": int(str(claims["exp"])) - 7200}
    answer = await get_me(client, forge(expired))
    assert answer.content == NO_AUTHORIZATION
    assert 'error_description="The access token expired"' in answer.headers["www-authenticate"]


async def test_a_deleted_user_is_nobody(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The token of a deleted user is 401, and so is one of a user who never existed."""
    await database.execute("DELETE FROM users WHERE id = $1", ada.id)
    assert (await get_me(client, ada.token)).content == NO_AUTHORIZATION
    assert (await get_me(client, forge(make_claims(user_id=999)))).status_code == 401


async def test_signing_out_ends_the_session(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Signing out is 204, revokes the session with the reason, is audited, and can safely be repeated."""
    for _ in range(2):
        answer = await client.post("/api/logout", headers=ada.bearer)
        assert (answer.status_code, answer.content) == (204, b"")
    row = await database.fetchrow("SELECT revoked_at, revoked_because FROM sessions")
    assert row["revoked_at"] is not None
    assert row["revoked_because"] == "signed_out"
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'signed_out'") == 1


async def test_after_signing_out_the_service_knows_the_token_no_more(client: httpx2.AsyncClient, ada: Person) -> None:
    """The auth service itself refuses the token of an ended session, and says so in the challenge."""
    await client.post("/api/logout", headers=ada.bearer)
    answer = await get_me(client, ada.token)
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    assert 'error_description="The session was ended"' in answer.headers["www-authenticate"]


async def test_signing_out_ends_no_other_session(client: httpx2.AsyncClient, ada: Person) -> None:
    """Another device of the same user stays signed in."""
    other = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    await client.post("/api/logout", headers=ada.bearer)
    assert (await get_me(client, other.json()["accessToken"])).status_code == 200


async def test_only_somebody_can_sign_out(client: httpx2.AsyncClient) -> None:
    """Signing out without a token is 401."""
    assert (await client.post("/api/logout")).content == NO_AUTHORIZATION


@pytest.mark.parametrize("column", ["ends_at", "idle_ends_at"])
async def test_a_session_ends_by_itself(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, column: str
) -> None:
    """A session that reached its absolute or its idle end is over."""
    await database.execute(f"UPDATE sessions SET {column} = now() - interval '1 second'")  # noqa: S608 - of two names
    assert (await get_me(client, ada.token)).status_code == 401
