"""``/api/me/sessions``: the devices on which a user is signed in, and signing them out."""

import uuid

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.service.auth.test_internal import service_token
from tests.support.forged_tokens import read_claims
from tests.support.people import PASSWORD, Person, sign_up_and_in

PATH = "/api/me/sessions"


async def sign_in(client: httpx2.AsyncClient, person: Person, user_agent: str = "A browser") -> str:
    """Sign in on another device and return the access token."""
    body = {"username": person.email, "password": PASSWORD}
    headers = {"user-agent": user_agent, "x-forwarded-for": "203.0.113.7"}
    token: str = (await client.post("/api/login", json=body, headers=headers)).json()["accessToken"]
    return token


def sid_of(token: str) -> str:
    """Return the session of an access token."""
    return str(read_claims(token)["sid"])


async def is_live(client: httpx2.AsyncClient, token: str) -> bool:
    """Tell whether the session of a token is live."""
    return (await client.get("/api/me", headers={"authorization": token})).status_code == 200


async def list_sessions(client: httpx2.AsyncClient, person: Person) -> list[dict[str, object]]:
    """Return the sessions that a user sees."""
    answer = await client.get(PATH, headers=person.bearer)
    assert answer.status_code == 200
    found: list[dict[str, object]] = answer.json()
    return found


async def test_sessions_are_listed(client: httpx2.AsyncClient, ada: Person) -> None:
    """Each live session shows when and where it began, newest first; the current one is marked."""
    await sign_up_and_in(client, "Grace")
    token = await sign_in(client, ada, "Firefox")
    newest, oldest = await list_sessions(client, ada)
    assert set(newest) == {"id", "createdAt", "lastUsedAt", "endsAt", "userAgent", "address", "current"}
    assert (newest["id"], newest["current"]) == (sid_of(token), False)
    assert (newest["userAgent"], newest["address"]) == ("Firefox", "203.0.113.7")
    assert (oldest["id"], oldest["current"]) == (ada.session_id, True)
    assert str(newest["endsAt"]) > str(newest["createdAt"]) > str(oldest["createdAt"])


@pytest.mark.parametrize(
    "state", ["revoked_at = now(), revoked_because = 'signed_out'", "ends_at = now()", "idle_ends_at = now()"]
)
async def test_what_is_over_is_not_listed(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection, state: str
) -> None:
    """A session that was ended or has expired is no longer shown."""
    other = sid_of(await sign_in(client, ada))
    await database.execute(f"UPDATE sessions SET {state} WHERE id = $1", uuid.UUID(other))  # noqa: S608 - of three
    assert [session["id"] for session in await list_sessions(client, ada)] == [ada.session_id]


async def test_pages_hold_every_session_once(client: httpx2.AsyncClient, ada: Person) -> None:
    """``limit`` and the ``next`` link lead through all sessions, each once, in order."""
    expected = [ada.session_id, *[sid_of(await sign_in(client, ada)) for _ in range(4)]][::-1]
    seen: list[str] = []
    url: str | None = f"{PATH}?limit=2"
    while url:
        answer = await client.get(url, headers=ada.bearer)
        assert len(answer.json()) <= 2
        seen += [session["id"] for session in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert seen == expected


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x"])
async def test_a_wrong_page_is_refused(client: httpx2.AsyncClient, ada: Person, query: str) -> None:
    """An invalid limit or cursor is 422."""
    assert (await client.get(f"{PATH}?{query}", headers=ada.bearer)).status_code == 422


async def test_another_s_session_is_no_place_in_the_list(client: httpx2.AsyncClient, ada: Person) -> None:
    """A cursor that is somebody else's session leads to nothing: it does not reveal when that began."""
    grace = await sign_up_and_in(client, "Grace")
    assert (await client.get(f"{PATH}?cursor={grace.session_id}", headers=ada.bearer)).json() == []


async def test_a_session_id_has_one_spelling(client: httpx2.AsyncClient, ada: Person) -> None:
    """An id spelled differently from those in access tokens names no session."""
    sid = uuid.UUID(sid_of(await sign_in(client, ada)))
    for spelling in (f"{{{sid}}}", f"urn:uuid:{sid}", sid.hex, str(sid).upper()):
        assert (await client.delete(f"{PATH}/{spelling}", headers=ada.bearer)).status_code == 404
    assert (await client.delete(f"{PATH}/{sid}", headers=ada.bearer)).status_code == 204


async def test_one_session_is_ended(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """Ending a session is 204, ends only that one, is published and audited; repeated, it is 404."""
    other, third = await sign_in(client, ada), await sign_in(client, ada)
    path = f"{PATH}/{sid_of(other)}"
    assert (await client.delete(path, headers=ada.bearer)).status_code == 204
    assert [await is_live(client, token) for token in (ada.token, other, third)] == [True, False, True]
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert [each["sid"] for each in feed["revocations"]] == [sid_of(other)]
    line = await database.fetchrow("SELECT event, session_id::text FROM audit ORDER BY id DESC LIMIT 1")
    assert tuple(line) == ("session_revoked", sid_of(other))
    assert (await client.delete(path, headers=ada.bearer)).status_code == 404


async def test_the_own_session_can_be_ended(client: httpx2.AsyncClient, ada: Person) -> None:
    """A user may end the very session that makes the request."""
    assert (await client.delete(f"{PATH}/{ada.session_id}", headers=ada.bearer)).status_code == 204
    assert not await is_live(client, ada.token)


@pytest.mark.parametrize("sid", ["1", "x" * 36, str(uuid.UUID(int=7))])
async def test_what_is_no_session_is_not_there(client: httpx2.AsyncClient, ada: Person, sid: str) -> None:
    """A session that does not exist, or an id that can't be one, is 404."""
    assert (await client.delete(f"{PATH}/{sid}", headers=ada.bearer)).status_code == 404


async def test_nobody_ends_another_s_session(client: httpx2.AsyncClient, ada: Person) -> None:
    """Another user's session is 404 and lives on."""
    grace = await sign_up_and_in(client, "Grace")
    assert (await client.delete(f"{PATH}/{ada.session_id}", headers=grace.bearer)).status_code == 404
    assert await is_live(client, ada.token)


async def test_all_others_are_ended(client: httpx2.AsyncClient, ada: Person) -> None:
    """Ending all others spares this session and other people's; it can safely be repeated."""
    grace = await sign_up_and_in(client, "Grace")
    others = [await sign_in(client, ada) for _ in range(3)]
    for _ in range(2):
        assert (await client.delete(PATH, headers=ada.bearer)).status_code == 204
    assert not any([await is_live(client, token) for token in others])
    assert await is_live(client, ada.token)
    assert await is_live(client, grace.token)
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert {each["sid"] for each in feed["revocations"]} == {sid_of(token) for token in others}


async def test_sessions_are_forgotten_long_after_their_end(
    client: httpx2.AsyncClient, app: Starlette, ada: Person, database: asyncpg.Connection
) -> None:
    """Housekeeping deletes sessions that ended long ago, with their refresh tokens, and no others."""
    old, recent = sid_of(await sign_in(client, ada)), sid_of(await sign_in(client, ada))
    for sid, days in ((old, 91), (recent, 89)):
        await database.execute(
            "UPDATE sessions SET ends_at = now() - make_interval(days => $2) WHERE id = $1", sid, days
        )
    await app.state.parts.housekeeping.finish()
    kept = [str(row["id"]) for row in await database.fetch("SELECT id FROM sessions ORDER BY created_at")]
    assert kept == [ada.session_id, recent]
    assert await database.fetchval("SELECT count(*) FROM refresh_tokens") == len(kept)
