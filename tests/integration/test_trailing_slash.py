"""One trailing slash: the policy tolerates it, so what is behind answers as it does without."""

import re

import httpx2
import pytest

from tests.support.next_auth import sign_in
from tests.support.people import Person

PATHS = [
    *("/api/auth", "/api/auth/csrf", "/api/auth/providers", "/api/auth/session", "/api/auth/signin", "/api/auth/error"),
    *("/api/auth/signout", "/api/auth/verify-request", "/api/auth/nothing", "/api/auth/callback/credentials"),
    *("/signup", "/api/me", "/api/me/password", "/api/me/sessions", "/api/user", "/api/login", "/api/token"),
    *("/signup/code", "/api/user/confirm", "/api/me/email", "/api/me/email/confirm", "/account/email"),
    *("/forgot", "/forgot/code", "/api/password-reset", "/api/password-reset/confirm"),
    *("/account", "/account/password", "/account/sessions", "/account/delete", "/api/logout"),
    *("/userposts", "/userposts/new", "/userposts/999999", "/posts/999999", "/api/user/1", "/api/user/x"),
    *("/authors/1", "/authors/999999", "/favicon.ico", "/robots.txt"),
    *("/.well-known/change-password", "/.well-known/security.txt"),
    *("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"),
    *("/api/posts", "/api/posts/999999", "/_gatepost/assets/gatepost.css", "/docs", "/openapi.json", "/nowhere"),
]
CHANGING = re.compile(
    r"<code>[0-9a-f]+</code>|\b[0-9a-f]{64}\b|\d{10}\.[0-9a-f]{64}|ey[\w.-]+|\"jti\":\"[^\"]*\"|\"(iat|exp)\":\d+"
)


def describe(answer: httpx2.Response) -> tuple[object, ...]:
    """Return what of an answer may not differ: all but times, random values, and the slash in where to come back to."""
    headers = {name: answer.headers.get(name) for name in ("content-type", "allow", "cache-control", "etag", "link")}
    location = (answer.headers.get("location") or "").removesuffix("%2F")
    return answer.status_code, location, headers, CHANGING.sub("", answer.text).replace('%2F"', '"')


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("is_signed_in", [True, False])
async def test_one_trailing_slash_changes_nothing(
    client: httpx2.AsyncClient, ada: Person, accept: str, *, is_signed_in: bool
) -> None:
    """Every path that is routed answers the same with a trailing slash, signed in or not, page or JSON."""
    if is_signed_in:
        await sign_in(client, ada.email)
    await client.get("/api/auth/csrf")
    differing = {}
    for path in PATHS:
        plain = describe(await client.get(path, headers={"accept": accept}))
        slashed = describe(await client.get(f"{path}/", headers={"accept": accept}))
        if plain != slashed:
            differing[path] = (plain, slashed)
    assert not differing


async def test_a_form_and_a_body_keep_what_they_carry(client: httpx2.AsyncClient, ada: Person) -> None:
    """What is sent to a path with a trailing slash is done, not redirected: a redirect would lose the body."""
    written = await client.post("/api/posts/", json={"title": "With a slash"}, headers=ada.bearer)
    assert written.status_code == 201
    changed = await client.patch(f"{written.headers['location']}/", json={"title": "Changed"}, headers=ada.bearer)
    assert (changed.status_code, changed.json()["title"]) == (200, "Changed")
