"""``POST /api/auth/session``, called by ``update()`` of ``next-auth/react``: only the name may change."""

import httpx2
import pytest

from tests.support import next_auth
from tests.support.next_auth import open_session_cookie
from tests.support.people import Person

PATH = "/api/auth/session"


async def update(client: httpx2.AsyncClient, **members: object) -> httpx2.Response:
    """Send what ``update(data)`` sends."""
    body = {"csrfToken": await next_auth.get_csrf_token(client), **members}
    return await client.post(PATH, json=body)


async def test_the_name_changes(client: httpx2.AsyncClient, ada: Person) -> None:
    """The answer, the cookie, the access token in it and the account have the new name."""
    await next_auth.sign_in(client, ada.email)
    answer = await update(client, data={"name": "Countess"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"user", "expires"}
    user = answer.json()["user"]
    assert (user["name"], user["id"], user["email"]) == ("Countess", ada.id, ada.email)
    assert open_session_cookie(client)["name"] == "Countess"
    me = await client.get("/api/me", headers={"authorization": user["accessToken"]})
    assert me.json()["name"] == "Countess"
    again: dict[str, object] = (await next_auth.get_session(client))["user"]  # type: ignore[assignment]
    assert again["name"] == "Countess"


@pytest.mark.parametrize("data", [None, {}, {"email": "eve@example.com", "id": 7, "sub": "7", "roles": ["admin"]}])
async def test_nothing_else_changes(client: httpx2.AsyncClient, ada: Person, data: object) -> None:
    """Without a name the answer is the present session, whatever else is requested."""
    await next_auth.sign_in(client, ada.email)
    members = {} if data is None else {"data": data}
    user = (await update(client, **members)).json()["user"]
    assert (user["id"], user["sub"], user["email"], user["name"]) == (ada.id, str(ada.id), ada.email, ada.name)
    assert "roles" not in user


@pytest.mark.parametrize("members", [{"csrfToken": "x"}, {"csrfToken": None}, {"csrfToken": ["x"]}, {"data": "Eve"}])
async def test_what_is_not_understood_changes_nothing(
    client: httpx2.AsyncClient, ada: Person, members: dict[str, object]
) -> None:
    """Without the browser's csrf token, or with data that is not an object: 400, ``{}``, and nothing is done."""
    await next_auth.sign_in(client, ada.email)
    answer = await update(client, **{"data": {"name": "Eve"}, **members})
    assert (answer.status_code, answer.json()) == (400, {})
    assert open_session_cookie(client)["name"] == ada.name


@pytest.mark.parametrize("name", ["", " ", "a\nb", None, 7, "x" * 101])
async def test_a_name_that_can_not_be_one(client: httpx2.AsyncClient, ada: Person, name: object) -> None:
    """A wrong name is 422 and named."""
    await next_auth.sign_in(client, ada.email)
    answer = await update(client, data={"name": name})
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"name"})


async def test_nobody_has_no_session_to_change(client: httpx2.AsyncClient) -> None:
    """With nobody signed in: ``{}``, as for a GET."""
    answer = await update(client, data={"name": "Eve"})
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"[]", 400), (b"{", 400), (b"[" * 33_000, 413)])
async def test_a_body_that_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes, status: int) -> None:
    """A body that is not a JSON object is refused, never a 500."""
    answer = await client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
