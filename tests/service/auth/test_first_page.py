"""Where people go on from signing in, up and out; and pages that speak of nothing that is not there."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running

HERE = {"accept": "text/html"}
WITHOUT_POSTS = {**HERE, "gatepost-lacks": "feed posts"}
APPLICATION = {**HERE, "gatepost-lacks": "account docs feed home posts"}
SIGN_IN, CALLBACK = "/api/auth/signin", "/api/auth/callback/credentials"


@pytest.fixture(scope="module")
async def branded(
    app: Starlette, auth_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Starlette]:
    """Give an auth service with a first page of an operator's own."""
    del app  # the tables are there
    folder: Path = tmp_path_factory.mktemp("branding")
    (folder / "brand.toml").write_text('name = "Acme"\nfirst_page = "/reports"\n')
    (folder / "ko.po").write_text('msgid "Sign in"\nmsgstr "들어가기"\n')
    settings = auth_settings(auth_database_url, branding=folder)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


@pytest.fixture
async def acme(branded: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of that service, on an emptied database."""
    del database
    async with client_of(branded) as client:
        yield client


async def sign_up(client: httpx2.AsyncClient, headers: dict[str, str], path: str = "/signup") -> str:
    """Sign up by the form, and return where that leads."""
    form = read_forms((await client.get(path, headers=headers)).text)["/signup"]
    typed = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    return (await client.post("/signup", data={**form.fields, **typed}, headers=headers)).headers["location"]


async def sign_in(client: httpx2.AsyncClient, headers: dict[str, str], email: str, path: str = SIGN_IN) -> str:
    """Sign in by the form, and return where that leads."""
    form = read_forms((await client.get(path, headers=headers)).text)[CALLBACK]
    typed = {"email": email, "password": PASSWORD}
    return (await client.post(CALLBACK, data={**form.fields, **typed}, headers=headers)).headers["location"]


async def sign_out(client: httpx2.AsyncClient, headers: dict[str, str]) -> str:
    """Sign out by the form, and return where that leads."""
    form = read_forms((await client.get("/api/auth/signout", headers=headers)).text)["/api/auth/signout"]
    return (await client.post("/api/auth/signout", data=form.fields, headers=headers)).headers["location"]


@pytest.mark.parametrize(
    ("headers", "up", "into", "out"),
    [
        (HERE, "/userposts", "", "/?done=signed-out"),
        (WITHOUT_POSTS, "/", "", "/api/auth/signin?notice=signed-out"),
        ({**HERE, "gatepost-lacks": "feed home posts"}, "/account", "/account", "/api/auth/signin?notice=signed-out"),
        (APPLICATION, SIGN_IN, SIGN_IN, "/api/auth/signin?notice=signed-out"),
    ],
)
async def test_people_go_on_to_what_is_there(
    client: httpx2.AsyncClient, headers: dict[str, str], up: str, into: str, out: str
) -> None:
    """Signing up leads to one's posts, signing in to the root, out to the feed: or to the next that is there."""
    assert await sign_up(client, headers) == PUBLIC_URL + up
    assert await sign_out(client, headers) == PUBLIC_URL + out
    client.cookies.clear()
    assert await sign_in(client, headers, "ada@example.com") == PUBLIC_URL + into


async def test_an_operators_first_page_comes_first(acme: httpx2.AsyncClient) -> None:
    """Where nobody asked for a page, signing up and in lead to the operator's, unless that is not there."""
    assert await sign_up(acme, HERE) == f"{PUBLIC_URL}/reports"
    await sign_out(acme, HERE)
    acme.cookies.clear()
    wanted = await sign_in(acme, HERE, "ada@example.com", f"{SIGN_IN}?callbackUrl=/userposts/3")
    assert wanted == f"{PUBLIC_URL}/userposts/3"
    acme.cookies.clear()
    assert await sign_in(acme, HERE, "ada@example.com") == f"{PUBLIC_URL}/reports"
    acme.cookies.clear()
    assert await sign_in(acme, {**HERE, "gatepost-lacks": "/reports"}, "ada@example.com") == f"{PUBLIC_URL}/userposts"


async def test_the_pages_are_the_operators(acme: httpx2.AsyncClient) -> None:
    """Name and texts are those of the folder."""
    page = (await acme.get(SIGN_IN, headers=HERE)).text
    assert "<title>Sign in · Acme</title>" in page
    korean = (await acme.get(SIGN_IN, headers={**HERE, "accept-language": "ko"})).text
    assert "<title>들어가기 · Acme</title>" in korean


@pytest.mark.parametrize("path", [SIGN_IN, "/signup", "/account", "/account/delete", "/api/auth/signout", "/nowhere"])
async def test_without_posts_no_page_speaks_of_them(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Where no rule reaches posts, their word is on no page, whoever reads it."""
    for reader in ("anonymous", "signed in"):
        if reader == "signed in":
            await sign_in(client, HERE, ada.email)
        page = (await client.get(path, headers=WITHOUT_POSTS, follow_redirects=True)).text.lower()
        assert "<h1" in page
        for word in ("posts", " post ", "you have written"):
            assert word not in page.replace('method="post"', ""), reader


async def test_a_deleted_account_is_confirmed_without_posts(client: httpx2.AsyncClient, ada: Person) -> None:
    """What was deleted is said: the account, and posts only where there are any."""
    await sign_in(client, HERE, ada.email)
    form = read_forms((await client.get("/account/delete", headers=WITHOUT_POSTS)).text)["/account/delete"]
    answer = await client.post("/account/delete", data={**form.fields, "password": PASSWORD}, headers=WITHOUT_POSTS)
    assert "Your account was deleted." in (await client.get(answer.headers["location"], headers=WITHOUT_POSTS)).text
