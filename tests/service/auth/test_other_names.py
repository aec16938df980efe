"""Pages opened under another name that reaches us: signing in works there, or leads to where it does."""

import httpx2
import pytest

from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.people import Person
from tests.support.services import PUBLIC_URL

OTHERS = ["127.0.0.1:3000", "[::1]:3000", "localhost:3001", "localhost", "gateway:3000", "evil.example/x", "x:y", ""]
PAGES = ["/api/auth/signin", "/signup", "/api/auth/signout"]
NAVIGATION = {"accept": "text/html"}


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", PAGES)
async def test_pages_that_sign_in_lead_to_the_public_name(client: httpx2.AsyncClient, path: str, host: str) -> None:
    """Before anything is typed, the browser is redirected to the same page at the public URL, its query kept."""
    answer = await client.get(path, headers=NAVIGATION | {"host": host})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{PUBLIC_URL}{path}?moved=1")
    answer = await client.get(f"{path}/?callbackUrl=%2Fuserposts%3Fa%3Db", headers=NAVIGATION | {"host": host})
    assert answer.headers["location"] == f"{PUBLIC_URL}{path}?callbackUrl=%2Fuserposts%3Fa%3Db&moved=1"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost:3000", "LOCALHOST:3000"])
@pytest.mark.parametrize("path", PAGES)
async def test_the_public_name_is_not_left(client: httpx2.AsyncClient, path: str, host: str) -> None:
    """Under the public name, however spelled, the page is shown at once."""
    assert (await client.get(path, headers={"host": host})).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_is_sent_around_in_circles(client: httpx2.AsyncClient, path: str) -> None:
    """Behind a front end or proxy that changes Host, the second request shows the page."""
    answer = await client.get(path, headers={"host": "gateway:3000"})
    again = await client.get(answer.headers["location"], headers={"host": "gateway:3000"})
    assert again.status_code == 200


@pytest.mark.parametrize("path", ["/api/auth/csrf", "/api/auth/session", "/api/auth/providers"])
async def test_programs_are_answered_under_any_name(client: httpx2.AsyncClient, path: str) -> None:
    """JSON is served under any name: a front end's server calls the gateway by a name of its own."""
    assert (await client.get(path, headers={"host": "gateway:3000"})).status_code == 200


async def test_a_form_of_the_account_leads_on_where_it_was_sent(client: httpx2.AsyncClient, ada: Person) -> None:
    """On another port of the host, where the cookie is valid too, the answer to a form leads to that port."""
    await next_auth.sign_in(client, ada.email)
    other = {"host": "localhost:3001"} | NAVIGATION
    form = read_forms((await client.get("/account", headers=other)).text)["/account"]
    answer = await client.post("/account", data=form.fields | {"name": "Ada King"}, headers=other)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=renamed")
    client.cookies.clear()
    answer = await client.post("/account/password", data={}, headers=other)
    assert answer.headers["location"].startswith("/api/auth/signin?callbackUrl=")
