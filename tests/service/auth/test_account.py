"""What a user does with their own account: ``/api/me`` and ``/api/me/password``."""

import asyncio

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from tests.service.auth.test_internal import service_token
from tests.support.people import PASSWORD, Person, sign_up_and_in

OTHER_PASSWORD = "staple battery horse"
Members = dict[str, object]


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> httpx2.Response:
    """Sign in."""
    return await client.post("/api/login", json={"username": email, "password": password})


async def change_password(client: httpx2.AsyncClient, person: Person, current: str, new: str) -> httpx2.Response:
    """Change the password."""
    return await client.post(
        "/api/me/password", json={"currentPassword": current, "newPassword": new}, headers=person.bearer
    )


async def delete(client: httpx2.AsyncClient, person: Person, password: str) -> httpx2.Response:
    """Delete the account."""
    return await client.request("DELETE", "/api/me", json={"password": password}, headers=person.bearer)


async def list_events(database: asyncpg.Connection) -> list[str]:
    """Return the audited events, in order."""
    return [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]


async def list_changes(client: httpx2.AsyncClient) -> list[Members]:
    """Return the feed of user changes."""
    answer = await client.get("/internal/users/changes", headers=service_token())
    return [{"kind": change["kind"], **change["user"]} for change in answer.json()["changes"]]


# The name


async def test_the_name_is_changed(client: httpx2.AsyncClient, ada: Person) -> None:
    """The new name is in the answer, stored, in the next token, and published to followers."""
    answer = await client.patch("/api/me", json={"name": "Ada King \U0001f451"}, headers=ada.bearer)
    assert (answer.status_code, answer.json()["name"], answer.json()["id"]) == (200, "Ada King \U0001f451", ada.id)
    assert answer.json()["updatedAt"] > answer.json()["createdAt"]
    assert (await sign_in(client, ada.email)).json()["name"] == "Ada King \U0001f451"
    assert await list_changes(client) == [
        {"kind": "renamed", "id": ada.id, "name": "Ada King \U0001f451", "email": ada.email},
    ]


@pytest.mark.parametrize("change", [{}, {"name": "Ada Lovelace"}])
async def test_nothing_to_change(client: httpx2.AsyncClient, ada: Person, change: Members) -> None:
    """No name, or the present one, gets the usual answer, and no change is published."""
    answer = await client.patch("/api/me", json=change, headers=ada.bearer)
    assert (answer.status_code, answer.json()["name"]) == (200, ada.name)
    assert len(await list_changes(client)) == 1


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"email": "other@example.com"}, "email"),
        ({"roles": ["admin"]}, "roles"),
        ({"id": 7}, "id"),
    ],
)
async def test_what_can_not_be_changed(client: httpx2.AsyncClient, ada: Person, change: Members, wrong: str) -> None:
    """An invalid name, and any other member, is 422 and named."""
    answer = await client.patch("/api/me", json=change, headers=ada.bearer)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {wrong})


# The password


async def test_the_password_is_changed(client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection) -> None:
    """The new password works and the old one no longer; this session goes on, all others end, and that is published."""
    other = (await sign_in(client, ada.email)).json()
    grace = await sign_up_and_in(client, "Grace Hopper")
    answer = await change_password(client, ada, PASSWORD, OTHER_PASSWORD)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await sign_in(client, ada.email)).status_code == 401
    assert (await sign_in(client, ada.email, OTHER_PASSWORD)).status_code == 200
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200
    assert (await client.get("/api/me", headers=grace.bearer)).status_code == 200
    assert (await client.get("/api/me", headers={"authorization": other["accessToken"]})).status_code == 401
    assert (await client.post("/api/token", json={"refreshToken": other["refreshToken"]})).status_code == 401
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert len(feed["revocations"]) == 1
    assert [event for event in await list_events(database) if event in {"password_changed", "session_revoked"}] == [
        "password_changed",
        "session_revoked",
    ]


async def test_a_session_that_has_just_expired_is_ended_too(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """The last access token of an expired session is revoked, too; a session that expired long ago has none."""
    for _ in range(2):
        assert (await sign_in(client, ada.email)).status_code == 200
    expired = [row["id"] for row in await database.fetch("SELECT id FROM sessions ORDER BY created_at DESC LIMIT 2")]
    for session, age in zip(expired, ("1 minute", "2 days"), strict=True):
        statement = "UPDATE sessions SET idle_ends_at = now() - $2::text::interval WHERE id = $1"
        await database.execute(statement, session, age)
    assert (await change_password(client, ada, PASSWORD, OTHER_PASSWORD)).status_code == 204
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert [revoked["sid"] for revoked in feed["revocations"]] == [str(expired[0])]


async def test_a_wrong_current_password_changes_nothing(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """422 beside ``currentPassword``, audited; both sessions stay live and the old password still works."""
    answer = await change_password(client, ada, "not the password", OTHER_PASSWORD)
    assert (answer.status_code, answer.json()["fields"]) == (422, {"currentPassword": "is not right"})
    assert (await sign_in(client, ada.email)).status_code == 200
    assert (await list_events(database))[-2:] == ["password_refused", "signed_in"]


@pytest.mark.parametrize("wanted", ["short", "password", "Ada Lovelace", "x" * 1025, "\0" * 8])
async def test_the_new_password_keeps_the_rules(client: httpx2.AsyncClient, ada: Person, wanted: str) -> None:
    """A password that is not accepted at sign-up is not accepted in a change either."""
    answer = await change_password(client, ada, PASSWORD, wanted)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"newPassword"})
    assert (await sign_in(client, ada.email)).status_code == 200


async def test_no_session_outlives_the_password_it_began_with(
    client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """No sign-in with the old password during the change leaves a live session behind. Ten rounds."""
    for _ in range(10):
        await database.execute("UPDATE users SET password_set_at = clock_timestamp()")
        answers = await asyncio.gather(
            change_password(client, ada, PASSWORD, OTHER_PASSWORD), *(sign_in(client, ada.email) for _ in range(4))
        )
        assert answers[0].status_code == 204
        live = await database.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
        assert live == 1
        assert (await change_password(client, ada, OTHER_PASSWORD, PASSWORD)).status_code == 204


# Deletion


async def test_the_account_is_deleted(
    client: httpx2.AsyncClient, app: Starlette, ada: Person, database: asyncpg.Connection
) -> None:
    """With the password, the account is deleted: all sessions end, the deletion is published, and the audit stays.

    Housekeeping deletes the rows of its sessions soon after.
    """
    other = (await sign_in(client, ada.email)).json()
    answer = await delete(client, ada, PASSWORD)
    assert (answer.status_code, answer.content) == (204, b"")
    for token in (ada.token, other["accessToken"]):
        assert (await client.get("/api/me", headers={"authorization": token})).status_code == 401
    assert (await client.post("/api/token", json={"refreshToken": other["refreshToken"]})).status_code == 401
    assert (await sign_in(client, ada.email)).status_code == 401
    assert (await list_changes(client))[-1] == {"kind": "deleted", "id": ada.id}
    feed = (await client.get("/internal/revocations", headers=service_token())).json()
    assert len(feed["revocations"]) == 2
    await app.state.parts.housekeeping.finish()
    for table in ("users", "sessions", "refresh_tokens"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - of three names
    assert "account_deleted" in await list_events(database)


async def test_the_email_address_is_free_again(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signing up with the address of a deleted account creates another user, with another id."""
    await delete(client, ada, PASSWORD)
    again = await client.post("/api/user", json={"name": "Ada", "email": ada.email, "password": PASSWORD})
    assert again.status_code == 201
    assert again.json()["id"] != ada.id


async def test_a_wrong_password_deletes_nothing(client: httpx2.AsyncClient, ada: Person) -> None:
    """Without the right password: 422 beside ``password``, and everything stays."""
    answer = await delete(client, ada, "not the password")
    assert (answer.status_code, answer.json()["fields"]) == (422, {"password": "is not right"})
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200


async def test_deleting_while_signing_in_leaves_no_fault(client: httpx2.AsyncClient) -> None:
    """Sign-ins during the deletion succeed before it or are refused after it. Ten rounds, and no 500."""
    for number in range(10):
        person = await sign_up_and_in(client, f"Person{number}")
        answers = await asyncio.gather(
            delete(client, person, PASSWORD), *(sign_in(client, person.email) for _ in range(4))
        )
        assert answers[0].status_code == 204
        assert {answer.status_code for answer in answers[1:]} <= {200, 401}
        for answer in answers[1:]:
            if answer.status_code == 200:
                headers = {"authorization": answer.json()["accessToken"]}
                assert (await client.get("/api/me", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/me", {"name": "Eve"}),
        ("DELETE", "/api/me", {"password": PASSWORD}),
        ("POST", "/api/me/password", {"currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD}),
        ("GET", "/api/me/sessions", None),
        ("DELETE", "/api/me/sessions", None),
        ("DELETE", "/api/me/sessions/00000000-0000-0000-0000-000000000001", None),
    ],
)
async def test_only_a_live_session_may(
    client: httpx2.AsyncClient, ada: Person, method: str, path: str, body: Members | None
) -> None:
    """Without a token, or with one of an ended session: 401, and nothing is done."""
    assert (await client.request(method, path, json=body)).status_code == 401
    await client.post("/api/logout", headers=ada.bearer)
    answer = await client.request(method, path, json=body, headers=ada.bearer)
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert (await sign_in(client, ada.email)).json()["name"] == ada.name
