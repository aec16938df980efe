"""What ``next-auth/react`` of version 5 sends, and what a Next.js server does with its cookie, in short functions."""

import time
from collections.abc import Mapping

import httpx2

from shared.settings import SAMPLE_SECRETS
from shared.tokens.protocol import PROTOCOLS
from shared.tokens.session_cookie import CookieNames, SessionSealer
from tests.support.next_auth import get_csrf_token
from tests.support.people import PASSWORD

NAMES = CookieNames.of("http://localhost:3000", PROTOCOLS["5"])
SEALER = SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], 30 * 86_400, (), NAMES)
JSON_MODE = {"x-auth-return-redirect": "1"}
SETTING = {"nextauth_protocol": "5"}


async def submit(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    """Send what the client sends, with the browser's csrf token."""
    form = {"csrfToken": await get_csrf_token(client), **fields}
    return await client.post(f"/api/auth{path}", data=form, headers=JSON_MODE)


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD, **fields: str) -> httpx2.Response:
    """Sign in as ``signIn("credentials", ...)`` does."""
    return await submit(client, "/callback/credentials", username=email, password=password, **fields)


async def sign_out(client: httpx2.AsyncClient) -> httpx2.Response:
    """Sign out as ``signOut()`` does."""
    return await submit(client, "/signout")


async def get_session(client: httpx2.AsyncClient, cookies: Mapping[str, str] | None = None) -> object:
    """Return what ``getSession()`` sees; ``cookies`` are sent instead of the browser's own."""
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    answer = await client.get("/api/auth/session", headers=headers)
    assert answer.status_code == 200
    session: object = answer.json()
    return session


def open_session(sealed: str) -> Mapping[str, object]:
    """Return what a session cookie holds."""
    claims = SEALER.open(sealed, int(time.time()))
    assert claims is not None
    return claims


def roll(sealed: str) -> str:
    """Return the session as a Next.js server sets it anew: with the same claims and another thirty days."""
    return SEALER.seal(open_session(sealed), int(time.time()))
