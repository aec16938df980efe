"""``POST /internal/session``: a fresh access token for the session in a browser's cookie, while it is live."""

import time

import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.parts import Parts
from shared.tokens.session_cookie import find_session_value, parse_cookies
from tests.service.auth.test_internal import service_token
from tests.support.people import Person

PATH = "/internal/session"
NAME = "next-auth.session-token"


@pytest.fixture
def parts(app: Starlette) -> Parts:
    """Give the keys of the service."""
    found = app.state.parts
    assert isinstance(found, Parts)
    return found


def seal(parts: Parts, ada: Person) -> str:
    """Return the sealed session of somebody's browser, whose access token has expired."""
    return parts.sealer.seal({"sub": str(ada.id), "sid": ada.session_id, "accessToken": "old"}, int(time.time()))


async def renew(client: httpx2.AsyncClient, session: str, pieces: list[str]) -> dict[str, object]:
    """Return the answer for a session."""
    answer = await client.post(
        PATH, json={"session": session, "pieces": pieces}, headers=service_token(caller="gateway")
    )
    assert answer.status_code == 200
    renewed: dict[str, object] = answer.json()
    return renewed


async def test_a_live_session_is_renewed(client: httpx2.AsyncClient, ada: Person, parts: Parts) -> None:
    """The token is a valid one of that session, the cookie holds it, and pieces no longer needed are cleared."""
    pieces = [f"{NAME}.0", f"{NAME}.1"]
    renewed = await renew(client, seal(parts, ada), pieces)
    token, cookies = str(renewed["accessToken"]), renewed["setCookie"]
    assert isinstance(cookies, list)
    claims = parts.access_tokens.verify(token, int(time.time()))
    assert (claims.user_id, claims.session_id) == (ada.id, ada.session_id)
    assert [cookie.partition("=")[0] for cookie in cookies] == [*pieces, NAME]
    assert all("Max-Age=0" in cookie for cookie in cookies[:2])
    sealed = find_session_value(parse_cookies([(b"cookie", cookies[2].partition(";")[0].encode())]), NAME)
    opened = parts.sealer.open(str(sealed), int(time.time()))
    assert opened is not None
    assert (opened["accessToken"], opened["sid"], opened["name"]) == (token, ada.session_id, ada.name)


async def test_an_ended_session_is_cleared(client: httpx2.AsyncClient, ada: Person, parts: Parts) -> None:
    """An ended session gets no token, and each piece of its cookie is cleared."""
    sealed = seal(parts, ada)
    await client.post("/api/logout", headers=ada.bearer)
    renewed = await renew(client, sealed, [NAME])
    assert renewed == {"accessToken": None, "setCookie": [f"{NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]}


@pytest.mark.parametrize("sealed", ["", "x", "a..b.c.d"])
async def test_what_does_not_open_is_no_session(client: httpx2.AsyncClient, sealed: str) -> None:
    """A cookie not sealed with our key is no session; other names listed as pieces are left alone."""
    renewed = await renew(client, sealed, ["evil", f"{NAME}.99999", NAME])
    assert renewed["accessToken"] is None
    assert [str(cookie).partition("=")[0] for cookie in list(renewed["setCookie"])] == [NAME]  # type: ignore[call-overload]


async def test_only_services_may_renew(client: httpx2.AsyncClient, ada: Person, parts: Parts) -> None:
    """Without a service token: 401, whoever calls."""
    body = {"session": seal(parts, ada), "pieces": [NAME]}
    assert (await client.post(PATH, json=body)).status_code == 401
    assert (await client.post(PATH, json=body, headers=ada.bearer)).status_code == 401
