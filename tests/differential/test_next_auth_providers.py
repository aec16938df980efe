"""Signing in elsewhere beside next-auth itself, 4.24 and 5: the same requests to both, with one oidc-provider behind.

Both believe in the same public URL and have the same secret. Both have accounts for the same addresses, and send links
there. ``docs/next-auth.md`` shows the result.
"""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import httpx2
import pytest

from auth_service.browser.csrf import CsrfTokens
from auth_service.providers.checks import CheckCookies, Checks
from shared.settings import SAMPLE_SECRETS
from shared.tokens.protocol import PROTOCOLS, Version
from shared.tokens.session_cookie import CookieNames, parse_cookies
from tests.support.elsewhere import ADA, KNOWN, NAMELESS, READER, STRANGER, Browser, list_dances
from tests.support.letters import WITH_MAIL, forget_letters, list_letters
from tests.support.next_auth_package import FOLDER, name_settings
from tests.support.node import NodeProgram, install_packages, running_program
from tests.support.own_postgres import own_postgres
from tests.support.people import PASSWORD
from tests.support.protocol_table import Comparison, check_page, list_needless, list_unexplained
from tests.support.providers import (
    CLIENT,
    CLIENT_SECRET,
    Running,
    describe,
    prove_there,
    running_provider,
    running_with_providers,
    write_providers,
)
from tests.support.running_stack import ROOT
from tests.support.services import PUBLIC_URL, client_of

PAGE = ROOT / "docs" / "next-auth.md"
SECRET = SAMPLE_SECRETS["NEXTAUTH_SECRET"]
DOWN = "http://127.0.0.1:9"
PROGRAMS = {"4": "oauth_server.mjs", "5": "oauth_server_5.mjs"}
VERSIONS: tuple[Version, ...] = ("4", "5")


@dataclass(frozen=True, slots=True)
class Sides:
    """Both servers of one version: a browser at either, of its own each time."""

    version: Version
    theirs: httpx2.AsyncClient
    ours: httpx2.AsyncClient
    program: NodeProgram
    database: asyncpg.Connection

    def open_theirs(self) -> Browser:
        """Return a browser at next-auth's server."""
        return Browser(self.theirs, PROTOCOLS[self.version], self._read_theirs)

    def open_ours(self) -> Browser:
        """Return a browser at ours."""
        return Browser(self.ours, PROTOCOLS[self.version], self._read_ours)

    async def _read_theirs(self) -> str:
        answer = self.program.ask({})
        assert isinstance(answer, dict)
        return str(answer["letter"])

    async def _read_ours(self) -> str:
        return (await list_letters(self.database))[-1].facts["url"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Running]:
    """Give the provider that stands behind both."""
    with running_provider("ours") as running:
        running.know(ADA, "ada@example.com", name="Ada Lovelace")
        running.know(STRANGER, KNOWN, is_proven=False)
        running.know(NAMELESS)
        yield running


@pytest.fixture(scope="module", params=VERSIONS)
async def sides(
    request: pytest.FixtureRequest, provider: Running, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sides]:
    """Give both servers, with that provider, another name of it, and one that is down."""
    version: Version = request.param
    down = f'id = "down"\nissuer = "{DOWN}"\nname = "Down"'
    again = f'id = "again"\nissuer = "{provider.issuer}"\nname = "Again"'
    file = write_providers(tmp_path_factory.mktemp("providers"), describe(provider), down, again)
    async with contextlib.AsyncExitStack() as stack:
        urls = stack.enter_context(own_postgres())
        settings = {**WITH_MAIL, "nextauth_protocol": version, "email_verification": "off"}
        app = await stack.enter_async_context(running_with_providers(urls.auth, file, **settings))
        await app.state.parts.delivery.stop()
        ours = await stack.enter_async_context(client_of(app))
        for email in (KNOWN, READER):
            made = await ours.post("/api/user", json={"name": "Known", "email": email, "password": PASSWORD})
            assert made.status_code == 201
        program = stack.enter_context(running_theirs(version, provider))
        theirs = await stack.enter_async_context(httpx2.AsyncClient(timeout=20, base_url=PUBLIC_URL))
        theirs.event_hooks["request"].append(_lead_to(program))
        database = await asyncpg.connect(urls.auth)
        stack.push_async_callback(database.close)
        yield Sides(version, theirs, ours, program, database)


@contextlib.contextmanager
def running_theirs(version: Version, provider: Running) -> Iterator[NodeProgram]:
    """Give next-auth's own server, with the same providers."""
    install_packages(FOLDER)
    known = {"clientId": CLIENT, "clientSecret": CLIENT_SECRET}
    providers = [
        {"id": "ours", "name": "The ours", "issuer": provider.issuer, **known},
        {"id": "down", "name": "Down", "issuer": DOWN, **known},
        {"id": "again", "name": "Again", "issuer": provider.issuer, **known},
    ]
    about = {"PROVIDERS": json.dumps(providers), "KNOWN": f"{KNOWN} {READER}", "NODE_ENV": "production"}
    with running_program(FOLDER / PROGRAMS[version], {**name_settings(PUBLIC_URL), **about}) as program:
        yield program


def _lead_to(program: NodeProgram) -> object:
    answer = program.ask({})
    assert isinstance(answer, dict)

    async def lead(request: httpx2.Request) -> None:
        request.url = request.url.copy_with(host="127.0.0.1", port=answer["port"])

    return lead


@pytest.fixture(scope="module")
async def comparisons(sides: Sides, provider: Running) -> list[Comparison]:
    """Give both answers to every request."""
    found = []
    for dance in list_dances(sides.version):
        await forget_letters(sides.database)
        theirs, ours = [await dance.ask(each, provider.issuer) for each in (sides.open_theirs(), sides.open_ours())]
        found.append(Comparison(dance.case, theirs, ours, sides.version, is_elsewhere=True))
    return found


def test_every_difference_has_its_reason(comparisons: list[Comparison]) -> None:
    """Whatever is asked about providers and links, our answer is next-auth's, but for differences with a reason."""
    assert list_unexplained(comparisons) == []


def test_every_reason_is_needed(comparisons: list[Comparison]) -> None:
    """No reason is listed for a difference that there is not."""
    assert list_needless(comparisons) == []


def test_the_page_shows_the_answers(comparisons: list[Comparison], pytestconfig: pytest.Config) -> None:
    """``docs/next-auth.md`` shows exactly what the two servers answered."""
    check_page(PAGE, comparisons, is_written=pytestconfig.getoption("write_tables"))


async def test_whose_check_cookies_are_taken(sides: Sides, provider: Running) -> None:
    """next-auth completes a sign-in that we began. What it sealed says of no browser, so it is not taken here."""
    theirs, ours = sides.open_theirs(), sides.open_ours()
    names = CookieNames.of(PUBLIC_URL, theirs.protocol)
    cookies = CheckCookies(names, SECRET)
    assert (await theirs.sign_in("ours")).status_code == 200
    kept = parse_cookies([(b"cookie", "; ".join(f"{name}={value}" for name, value in theirs.jar.items()).encode())])
    token = CsrfTokens(SECRET).find_token(kept[names.csrf])
    assert token is not None
    assert cookies.find(kept, "ours", token, int(time.time())) is None
    checks = Checks.make()
    sent = dict(parse_qsl(urlsplit((await ours.sign_in("ours")).json()["url"]).query))
    sent |= {"state": checks.state, "nonce": checks.nonce, "code_challenge": checks.challenge}
    for cookie in cookies.write(checks, "ours", token, int(time.time())):
        name, _, value = cookie.partition(";")[0].partition("=")
        theirs.jar[name] = value
    back = await prove_there(f"{provider.issuer}/auth?{urlencode(sent)}", ADA)
    answer = await theirs.send("GET", back)
    assert "error" not in answer.headers["location"]
    assert f"{theirs.protocol.cookies}.session-token" in theirs.jar
