"""Several hosts with one sign-in: cookies of a domain, and the way from one host to another and back."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from shared.tokens.protocol import PROTOCOLS
from shared.tokens.session_cookie import CookieNames
from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.providers import (
    begin,
    describe,
    prove_there,
    running_provider,
    running_with_providers,
    write_providers,
)
from tests.support.services import auth_settings, client_of, running

ID, APP, WIKI = "https://id.example.com", "https://app.example.com", "https://wiki.example.com:8443"
PAGE = "/api/auth/signin"
NAMES = CookieNames.of(ID, PROTOCOLS["4"], "example.com")
HOSTS = "app.example.com,wiki.example.com:8443,gateway:3000"


@pytest.fixture(scope="module")
async def shared_app(app: Starlette, auth_database_url: str) -> AsyncIterator[Starlette]:
    """Give the service with one sign-in for several hosts."""
    del app  # the tables are there
    changes = {"nextauth_url": ID, "cookie_domain": "example.com", "gateway_hosts": HOSTS}
    async with running(create_app(auth_settings(auth_database_url, **changes), Metrics())) as shared_app:
        await shared_app.state.parts.database.wait_until_ready()
        yield shared_app


@pytest.fixture
async def browser(shared_app: Starlette, database: asyncpg.Connection) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser, which keeps cookies by host and domain as browsers do."""
    del database  # it has been emptied
    async with client_of(shared_app, ID) as browser:
        yield browser


@pytest.fixture
async def ada(browser: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up, with a browser of her own that knows nothing."""
    ada = await sign_up_and_in(browser, "Ada Lovelace")
    browser.cookies.clear()
    return ada


def list_kept(answer: httpx2.Response) -> dict[str, str]:
    """Return the cookies that an answer has a browser keep, and for which domain: empty for the host alone."""
    lines = [line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" not in line]
    return {line.partition("=")[0]: line.partition("Domain=")[2].partition(";")[0] for line in lines}


async def sign_in(browser: httpx2.AsyncClient, origin: str, email: str, **members: str) -> httpx2.Response:
    """Sign in with next-auth's client on a page of an origin."""
    token = (await browser.get(f"{origin}/api/auth/csrf")).json()["csrfToken"]
    form = {"csrfToken": token, "username": email, "password": PASSWORD, "json": "true", **members}
    return await browser.post(origin + next_auth.CALLBACK, data=form)


async def get_user(browser: httpx2.AsyncClient, origin: str) -> object:
    """Return the name of who is signed in at an origin."""
    session = (await browser.get(f"{origin}/api/auth/session")).json()
    return session["user"]["name"] if session else None


async def test_a_sign_in_at_one_host_counts_at_all(browser: httpx2.AsyncClient, ada: Person) -> None:
    """The session and a device belong to the domain; the csrf token and a device of its own to the host alone."""
    answer = await sign_in(browser, ID, ada.email)
    of_the_domain = dict.fromkeys((NAMES.session, NAMES.shared_device, NAMES.callback), "example.com")
    assert list_kept(answer) == of_the_domain | {NAMES.device: ""}
    kept = list_kept(await browser.get(f"{APP}/api/auth/csrf"))
    assert kept == {NAMES.csrf: ""}
    assert [await get_user(browser, origin) for origin in (ID, APP, WIKI)] == ["Ada Lovelace"] * 3


@pytest.mark.parametrize("where", [ID, APP])
async def test_signing_out_at_one_host_signs_out_at_all(browser: httpx2.AsyncClient, ada: Person, where: str) -> None:
    """Whether people signed in here or elsewhere, the session ends, and no cookie of it is left."""
    for begun_at in (ID, APP):
        assert (await sign_in(browser, begun_at, ada.email)).status_code == 200
        token = (await browser.get(f"{where}/api/auth/csrf")).json()["csrfToken"]
        form = {"csrfToken": token, "callbackUrl": where, "json": "true"}
        answer = await browser.post(f"{where}/api/auth/signout", data=form)
        assert answer.json()["url"] == where
        assert [await get_user(browser, origin) for origin in (ID, APP, WIKI)] == [None] * 3
        assert NAMES.session not in browser.cookies


async def test_the_sign_in_page_leads_back_to_the_host_it_was_asked_at(
    browser: httpx2.AsyncClient, ada: Person
) -> None:
    """From another host the page is at the public name, knows where to go, and may lead there by its policy."""
    for query, back in (
        ("?callbackUrl=%2Fx%3Fa%3Db", f"{APP}/x?a=b"),
        ("", APP),
        (f"?callbackUrl={WIKI}/", f"{WIKI}/"),
    ):
        moved = await browser.get(APP + PAGE + query)
        assert moved.status_code == 307
        page = await browser.get(moved.headers["location"])
        assert str(page.url).startswith(ID + PAGE)
        form = read_forms(page.text)[next_auth.CALLBACK]
        assert form.fields["callbackUrl"] == back
        led_to = APP if back.startswith(APP) else WIKI
        assert f"form-action 'self' {led_to};" in page.headers["content-security-policy"]
        answer = await browser.post(
            ID + next_auth.CALLBACK, data=form.fields | {"username": ada.email, "password": PASSWORD}
        )
        assert (answer.status_code, answer.headers["location"]) == (302, back)
        browser.cookies.clear()


async def test_what_else_the_page_was_asked_moves_along(browser: httpx2.AsyncClient) -> None:
    """The error, the prompt and the notice are asked for at the public name, too."""
    answer = await browser.get(f"{APP}{PAGE}?error=SessionRequired&callbackUrl=/y&prompt=login")
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {
        "callbackUrl": [f"{APP}/y"],
        "error": ["SessionRequired"],
        "prompt": ["login"],
        "moved": ["1"],
    }


@pytest.mark.parametrize("wanted", ["https://evil.example.com/", "https://gateway:3000/", "//evil.example", "http://x"])
async def test_no_other_host_is_led_to(browser: httpx2.AsyncClient, ada: Person, wanted: str) -> None:
    """A host of the domain that is not listed is as foreign as any: signing in and moving lead to a site of ours."""
    moved = await browser.get(f"{APP}{PAGE}", params={"callbackUrl": wanted})
    assert parse_qs(urlsplit(moved.headers["location"]).query)["callbackUrl"] == [APP]
    assert (await sign_in(browser, ID, ada.email, callbackUrl=wanted)).json()["url"] == ID
    assert (await sign_in(browser, WIKI, ada.email, callbackUrl=wanted)).json()["url"] == WIKI


async def test_a_name_outside_the_domain_is_served_as_before(browser: httpx2.AsyncClient) -> None:
    """A front end's server asks by a name of its own: pages move to the public name, and lead back to it."""
    answer = await browser.get(f"{ID}{PAGE}?callbackUrl=%2Fx", headers={"host": "gateway:3000"})
    assert answer.headers["location"] == f"{ID}{PAGE}?callbackUrl=%2Fx&moved=1"


async def test_cookies_from_before_the_domain_move_into_it(browser: httpx2.AsyncClient, ada: Person) -> None:
    """Who was signed in by a cookie of one host stays so, and then at all hosts; nothing of the old one is left."""
    await sign_in(browser, ID, ada.email)
    sealed = browser.cookies[NAMES.session]
    browser.cookies.clear()
    answer = await browser.get(f"{ID}/api/auth/session", headers={"cookie": f"{NAMES.session}={sealed}"})
    assert answer.json()["user"]["name"] == "Ada Lovelace"
    lines = answer.headers.get_list("set-cookie")
    assert [line.partition("=")[0] for line in lines] == [NAMES.session, NAMES.session]
    assert lines[0].startswith(f"{NAMES.session}=; Max-Age=0; Path=/;")
    assert "; Domain=example.com; Path=/; Expires=" in lines[1]


async def test_the_last_sign_in_decides_where_two_cookies_have_one_name(
    browser: httpx2.AsyncClient, ada: Person
) -> None:
    """An older cookie of the host comes first in the header; the device cookie of the domain names the newer.

    The answer sets the right one and clears the other, by the name that both have.
    """
    await sign_in(browser, ID, ada.email)
    old = browser.cookies[NAMES.session]
    browser.cookies.clear()
    grace = await sign_up_and_in(browser, "Grace Hopper")
    browser.cookies.clear()
    await sign_in(browser, APP, grace.email)
    new, device = browser.cookies[NAMES.session], browser.cookies[NAMES.shared_device]
    browser.cookies.clear()
    cookies = f"{NAMES.session}={old}; {NAMES.session}={new}; {NAMES.shared_device}={device}"
    answer = await browser.get(f"{ID}/api/auth/session", headers={"cookie": cookies})
    assert answer.json()["user"]["name"] == "Grace Hopper"
    assert answer.headers.get_list("set-cookie")[0].startswith(f"{NAMES.session}=; Max-Age=0; Path=/;")


@pytest.mark.parametrize(("where", "who"), [(ID, "Ada Lovelace"), (APP, "Mallory")])
async def test_what_cookies_of_another_host_of_the_domain_can_do(
    browser: httpx2.AsyncClient, ada: Person, where: str, who: str
) -> None:
    """Where people signed in, their session counts while it is live, whatever a host that is not ours sets.

    At the other hosts it is signed in to its own account: only ``__Host-`` cookies tell who set them.
    """
    mallory = await sign_up_and_in(browser, "Mallory")
    browser.cookies.clear()
    await sign_in(browser, ID, mallory.email)
    tossed = "; ".join(f"{name}={browser.cookies[name]}" for name in (NAMES.session, NAMES.shared_device))
    browser.cookies.clear()
    await sign_in(browser, ID, ada.email)
    own = "; ".join(f"{name}={browser.cookies[name]}" for name in (NAMES.session, NAMES.shared_device))
    if where == ID:
        own += f"; {NAMES.device}={browser.cookies[NAMES.device]}"
    browser.cookies.clear()
    answer = await browser.get(f"{where}/api/auth/session", headers={"cookie": f"{tossed}; {own}"})
    assert answer.json()["user"]["name"] == who


async def test_a_csrf_token_of_the_domain_is_none(browser: httpx2.AsyncClient, ada: Person) -> None:
    """A host of the domain that is not ours can set no csrf cookie that counts: the name is bound to one host."""
    token = (await browser.get(f"{APP}/api/auth/csrf")).json()["csrfToken"]
    tossed = browser.cookies[NAMES.csrf]
    browser.cookies.clear()
    form = {"csrfToken": token, "username": ada.email, "password": PASSWORD, "json": "true"}
    for name in ("next-auth.csrf-token", "__Secure-next-auth.csrf-token"):
        answer = await browser.post(ID + next_auth.CALLBACK, data=form, headers={"cookie": f"{name}={tossed}"})
        assert answer.status_code == 403


async def test_version_5_shares_its_cookies_under_its_own_names(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str
) -> None:
    """With next-auth 5's protocol the same cookies belong to the domain, by the names that its clients know."""
    del app, database  # the tables are there, and emptied
    changes = {"nextauth_url": ID, "cookie_domain": "example.com", "gateway_hosts": HOSTS, "nextauth_protocol": "5"}
    names = CookieNames.of(ID, PROTOCOLS["5"], "example.com")
    settings = auth_settings(auth_database_url, **changes)
    async with running(create_app(settings, Metrics())) as app_5, client_of(app_5, ID) as browser:
        await app_5.state.parts.database.wait_until_ready()
        ada = await sign_up_and_in(browser, "Ada Lovelace")
        answer = await sign_in(browser, APP, ada.email, callbackUrl="/x")
        of_the_domain = dict.fromkeys((names.session, names.shared_device, names.callback), "example.com")
        assert list_kept(answer) == of_the_domain | {names.device: ""}
        assert answer.headers["location"] == f"{APP}/x"
        assert [await get_user(browser, origin) for origin in (ID, APP, WIKI)] == ["Ada Lovelace"] * 3


HERE, THERE = "http://id.gate.localhost:3000", "http://app.gate.localhost:3000"


async def test_a_sign_in_with_another_provider_begins_at_one_host_and_ends_at_another(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str, tmp_path: Path
) -> None:
    """The provider knows the public host alone; what binds its answer to the browser is for all hosts."""
    del app, database  # the tables are there, and emptied
    back = f"{HERE}/api/auth/callback/ours"
    with running_provider("ours", REDIRECT_URIS=back) as provider:
        provider.know("ada", "ada@example.com", name="Ada Lovelace")
        file = write_providers(tmp_path, describe(provider))
        changes = {"nextauth_url": HERE, "cookie_domain": "gate.localhost", "gateway_hosts": "app.gate.localhost:3000"}
        async with (
            running_with_providers(auth_database_url, file, **changes) as app_there,
            client_of(app_there, THERE) as browser,
        ):
            token = (await browser.get("/api/auth/csrf")).json()["csrfToken"]
            form = {"csrfToken": token, "callbackUrl": f"{THERE}/x", "json": "true"}
            begun = await browser.post("/api/auth/signin/ours", data=form)
            led_back = await prove_there(begun.json()["url"], "ada")
            assert led_back.startswith(back)
            led_on = (await browser.get(led_back)).headers["location"]
            assert led_on == led_back.replace(HERE, THERE)
            answer = await browser.get(led_on)
            assert answer.headers["location"] == f"{THERE}/x"
            assert [await get_user(browser, origin) for origin in (HERE, THERE)] == ["Ada Lovelace"] * 2
            names = {cookie.name for cookie in browser.cookies.jar}
            assert not [name for name in names if name.endswith((".state", ".nonce", ".code_verifier"))]


async def test_what_another_browser_began_counts_at_no_host(
    app: Starlette, database: asyncpg.Connection, auth_database_url: str, tmp_path: Path
) -> None:
    """A sibling domain can set a visitor the check cookies of its own sign-in: that signs nobody in, at any host."""
    del app, database  # the tables are there, and emptied
    with running_provider("ours", REDIRECT_URIS=f"{HERE}/api/auth/callback/ours") as provider:
        provider.know("eve", "eve@example.com", name="Eve")
        file = write_providers(tmp_path, describe(provider))
        changes = {"nextauth_url": HERE, "cookie_domain": "gate.localhost", "gateway_hosts": "app.gate.localhost:3000"}
        async with (
            running_with_providers(auth_database_url, file, **changes) as app_there,
            client_of(app_there, THERE) as eve,
            client_of(app_there, THERE) as visitor,
        ):
            led_back = await prove_there(await begin(eve, "ours"), "eve")
            await next_auth.get_csrf_token(visitor)
            for cookie in eve.cookies.jar:
                if cookie.name.endswith((".state", ".nonce", ".code_verifier")):
                    visitor.cookies.set(cookie.name, cookie.value or "", domain=cookie.domain)
            led_on = (await visitor.get(led_back)).headers["location"]
            assert led_on.startswith(f"{THERE}/api/auth/callback/ours?")
            refused = await visitor.get(led_on)
            assert refused.headers["location"] == f"{HERE}/api/auth/error?error=OAuthCallback"
            assert [await get_user(visitor, origin) for origin in (HERE, THERE)] == [None, None]
