"""What ``next-auth/react`` sends, in short functions."""

import time
from collections.abc import Mapping

import httpx2

from shared.settings import SAMPLE_SECRETS
from shared.tokens.session_cookie import SessionSealer
from tests.support.people import PASSWORD

CALLBACK = "/api/auth/callback/credentials"
SESSION_COOKIE = "next-auth.session-token"
CSRF_COOKIE = "next-auth.csrf-token"
CALLBACK_COOKIE = "next-auth.callback-url"
SEALER = SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], 30 * 86_400)


async def get_csrf_token(client: httpx2.AsyncClient) -> str:
    """Return the browser's csrf token, as the client asks for it."""
    answer = await client.get("/api/auth/csrf", headers={"content-type": "application/json"})
    token: str = answer.json()["csrfToken"]
    return token


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD, **members: str) -> httpx2.Response:
    """Sign in as ``signIn("credentials", ...)`` does."""
    form = {"username": email, "password": password, "redirect": "false", "json": "true"}
    form["csrfToken"] = await get_csrf_token(client)
    return await client.post(CALLBACK, data={**form, **members})


async def get_session(client: httpx2.AsyncClient) -> dict[str, object]:
    """Return what ``getSession()`` sees."""
    answer = await client.get("/api/auth/session", headers={"content-type": "application/json"})
    assert answer.status_code == 200
    session: dict[str, object] = answer.json()
    return session


async def sign_out(client: httpx2.AsyncClient, **members: str) -> httpx2.Response:
    """Sign out as ``signOut()`` does."""
    form = {"csrfToken": await get_csrf_token(client), "json": "true"}
    return await client.post("/api/auth/signout", data={**form, **members})


def open_session_cookie(client: httpx2.AsyncClient) -> Mapping[str, object]:
    """Return what the browser's session cookie holds."""
    claims = SEALER.open(client.cookies[SESSION_COOKIE], int(time.time()))
    assert claims is not None
    return claims
