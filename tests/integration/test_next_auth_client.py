"""The published ``next-auth/react``, unmodified, against the running stack: its own functions, on Node."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from shared.tokens.protocol import PROTOCOLS
from tests.support.next_auth import SESSION_COOKIE, sign_in
from tests.support.next_auth_package import NextAuthClient, running_client, running_server_side
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls


@pytest.fixture
def next_auth(stack: StackUrls) -> Iterator[NextAuthClient]:
    """Give a browser of its own that shows a page of the stack."""
    with running_client(f"{stack.gateway}/posts/1") as client:
        yield client


@pytest.fixture
def signed_in(next_auth: NextAuthClient, ada: Person) -> NextAuthClient:
    """Give the browser in which Ada has signed in."""
    next_auth.sign_in(ada.email, PASSWORD)
    return next_auth


def get_session(client: NextAuthClient) -> Any:
    """Return the session as ``getSession()`` gives it."""
    return client.call("getSession")


def test_get_providers_names_the_one_way_to_sign_in(next_auth: NextAuthClient, stack: StackUrls) -> None:
    """``getProviders()`` gives ``credentials`` with absolute addresses on the public origin."""
    base = f"{stack.gateway}/api/auth"
    assert next_auth.call("getProviders") == {
        "credentials": {
            "id": "credentials",
            "name": "Credentials",
            "type": "credentials",
            "signinUrl": f"{base}/signin/credentials",
            "callbackUrl": f"{base}/callback/credentials",
        }
    }


def test_get_csrf_token_keeps_its_token(next_auth: NextAuthClient) -> None:
    """``getCsrfToken()`` gives 64 hex digits, and the same ones again in the same browser."""
    token = next_auth.call("getCsrfToken")
    assert isinstance(token, str)
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert next_auth.call("getCsrfToken") == token


def test_sign_in_with_the_right_password(next_auth: NextAuthClient, ada: Person, stack: StackUrls) -> None:
    """``signIn()`` with the right password is ok, has no error, and gives the absolute page that was wanted."""
    signed_in = next_auth.sign_in(ada.email, PASSWORD, callbackUrl="/userposts")
    assert signed_in == {"error": None, "status": 200, "ok": True, "url": f"{stack.gateway}/userposts"}


def test_sign_in_takes_the_email_by_either_name(next_auth: NextAuthClient, ada: Person) -> None:
    """``signIn()`` may call the e-mail address ``email``."""
    values = {"redirect": False, "email": ada.email, "password": PASSWORD}
    next_auth.call("signIn", "credentials", values)
    assert get_session(next_auth)["user"]["email"] == ada.email


def test_sign_in_with_a_wrong_password(next_auth: NextAuthClient, ada: Person) -> None:
    """``signIn()`` with a wrong password says ``CredentialsSignin`` and 401, and nobody is signed in."""
    refused = next_auth.sign_in(ada.email, "not the password")
    assert refused == {"error": "CredentialsSignin", "status": 401, "ok": False, "url": None}
    assert get_session(next_auth) is None


def test_get_session_of_nobody_is_null(next_auth: NextAuthClient) -> None:
    """``getSession()`` gives null where nobody is signed in."""
    assert get_session(next_auth) is None


async def test_get_session_carries_the_access_token(
    signed_in: NextAuthClient, ada: Person, client: httpx2.AsyncClient
) -> None:
    """``getSession()`` gives the user with id, name, e-mail and an access token that the API takes."""
    session = get_session(signed_in)
    assert set(session) == {"user", "expires"}
    user = session["user"]
    assert (user["id"], user["sub"], user["name"], user["email"]) == (ada.id, str(ada.id), ada.name, ada.email)
    answer = await client.get(f"/api/user/{ada.id}", headers={"authorization": user["accessToken"]})
    assert answer.status_code == 200


def test_get_session_can_be_asked_again_and_again(signed_in: NextAuthClient, ada: Person) -> None:
    """Each ``getSession()`` seals the cookie anew, and the next one opens it."""
    seals = {get_session(signed_in)["user"]["jti"] for _ in range(5)}
    assert len(seals) == 5
    assert get_session(signed_in)["user"]["email"] == ada.email


def test_update_changes_the_name(signed_in: NextAuthClient, ada: Person) -> None:
    """``update({name})`` gives the session with the new name, which the next ``getSession()`` has too."""
    updated: Any = signed_in.call("update", {"name": "Countess Lovelace"})
    assert (updated["user"]["name"], updated["user"]["id"]) == ("Countess Lovelace", ada.id)
    assert get_session(signed_in)["user"]["name"] == "Countess Lovelace"


def test_update_changes_nothing_else(signed_in: NextAuthClient, ada: Person, grace: Person) -> None:
    """Whatever else ``update()`` asks for, the session stays its user's."""
    signed_in.call("update", {"id": grace.id, "sub": str(grace.id), "email": grace.email})
    user = get_session(signed_in)["user"]
    assert (user["id"], user["sub"], user["email"], user["name"]) == (ada.id, str(ada.id), ada.email, ada.name)


def test_sign_out_ends_the_session(signed_in: NextAuthClient, stack: StackUrls) -> None:
    """``signOut()`` gives the page it was called on, and afterwards there is no session."""
    assert signed_in.call("signOut", {"redirect": False}) == {"url": f"{stack.gateway}/posts/1"}
    assert get_session(signed_in) is None


def test_one_browser_signs_in_as_another_user(signed_in: NextAuthClient, grace: Person) -> None:
    """``signIn()`` while somebody is signed in makes the newcomer the session's user."""
    signed_in.sign_in(grace.email, PASSWORD)
    assert get_session(signed_in)["user"]["id"] == grace.id


async def test_a_session_that_next_auth_sealed_in_chunks_is_understood(
    client: httpx2.AsyncClient, ada: Person, stack: StackUrls
) -> None:
    """A session that ``next-auth/jwt`` sealed anew, in chunks, opens every door and is whole again."""
    await sign_in(client, ada.email)
    with running_server_side(stack.gateway) as server_side:
        claims: Any = server_side.ask({"getToken": f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}"})
        sealed = str(server_side.ask({"encode": {**claims, "picture": "x" * 4000}}))
    length = PROTOCOLS["4"].longest_piece
    pieces = {f"{SESSION_COOKIE}.0": sealed[:length], f"{SESSION_COOKIE}.1": sealed[length:]}
    async with httpx2.AsyncClient(base_url=stack.gateway, cookies=pieces, timeout=30) as browser:
        own_posts = await browser.get(f"/api/user/{ada.id}")
        session = await browser.get("/api/auth/session")
    assert own_posts.status_code == 200
    assert session.json()["user"]["email"] == ada.email
    kept, *cleared = sorted(session.headers.get_list("set-cookie"), key=len, reverse=True)
    assert kept.startswith(f"{SESSION_COOKIE}=ey")
    assert sorted(each.partition(";")[0] for each in cleared) == [f"{SESSION_COOKIE}.0=", f"{SESSION_COOKIE}.1="]
