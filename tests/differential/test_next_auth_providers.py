"""Other providers beside next-auth 4.24 itself: the same requests to both, with one oidc-provider behind them.

Both believe in the same public URL and have the same secret, so each even takes the other's check cookies.
"""

import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.providers.checks import CheckCookies, Checks
from shared.settings import SAMPLE_SECRETS
from shared.tokens.session_cookie import CookieNames, parse_cookies
from tests.support.next_auth_package import FOLDER
from tests.support.node import install_packages, running_program
from tests.support.own_postgres import own_postgres
from tests.support.protocol_answers import Answer, read_answer, update_jar
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
from tests.support.services import PUBLIC_URL, client_of

START, CALLBACK = "/api/auth/signin/ours", "/api/auth/callback/ours"
SECRET = SAMPLE_SECRETS["NEXTAUTH_SECRET"]
COOKIES = CheckCookies(CookieNames.of(PUBLIC_URL), SECRET)
DOWN = "http://127.0.0.1:9"
NEW_EACH_TIME = ("state", "nonce", "code_challenge")

# What differs, each meant, by the case and what of its answer it is; and what does for all.
ALWAYS = {
    "cookie next-auth.csrf-token": "next-auth sets it with every answer, we when a browser has none",
    "cookie next-auth.callback-url": "next-auth sets it with every answer, we when it changes",
    "cookie gatepost.device": "a browser's last sign-in, which only we remember",
    "cookie next-auth.nonce": "next-auth leaves out its Max-Age, without which it lives by the browser's clock alone",
    "cache-control": "nothing of ours is ever stored",
}
MEANT = {
    ("POST to the callback", "status"): "answers are read from the query alone: no provider is asked to post one",
    ("POST to the callback", "location"): "the same",
    ("POST to the callback", "allow"): "the same",
    ("POST to the callback", "body"): "the same",
    ("POST to the callback", "content-type"): "the same",
}


@dataclass
class Server:
    """A server of NextAuth's protocol, and a browser at it that keeps its cookies."""

    client: httpx2.AsyncClient
    jar: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> httpx2.Response:
        """Return the answer to a request."""
        headers = {"Host": "localhost:3000"}
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        answer = await self.client.request(method, path, data=dict(fields) if fields else None, headers=headers)
        self.client.cookies.clear()
        update_jar(self.jar, answer)
        return answer

    async def get_token(self) -> str:
        """Return the csrf token."""
        token: str = (await self.send("GET", "/api/auth/csrf")).json()["csrfToken"]
        return token

    async def begin(self, provider: str = "ours", **more: str) -> httpx2.Response:
        """Return what ``signIn()`` gets."""
        form = {"csrfToken": await self.get_token(), "json": "true", **more}
        return await self.send("POST", f"/api/auth/signin/{provider}", form)

    async def come_back(self, change: str = "", **more: str) -> httpx2.Response:
        """Return the answer to the way back, changed by ``pattern=>replacement``."""
        back = await prove_there((await self.begin(**more)).json()["url"], "ada")
        pattern, _, replacement = change.partition("=>")
        return await self.send("GET", re.sub(pattern, replacement, back) if pattern else back)


@pytest.fixture(scope="module")
def provider() -> Iterator[Running]:
    """Give the provider that stands behind both."""
    with running_provider("ours") as running:
        running.know("ada", "ada@example.com", name="Ada Lovelace")
        yield running


@pytest.fixture(scope="module")
async def our_app(provider: Running, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Starlette]:
    """Give our auth service, with that provider and two more."""
    down = f'id = "down"\nissuer = "{DOWN}"\nname = "Down"'
    again = f'id = "again"\nissuer = "{provider.issuer}"\nname = "Again"'
    file = write_providers(tmp_path_factory.mktemp("providers"), describe(provider), down, again)
    with own_postgres() as urls:
        async with running_with_providers(urls.auth, file) as app:
            yield app


@pytest.fixture(scope="module")
def their_url(provider: Running) -> Iterator[str]:
    """Give where next-auth's own server listens, with the same providers."""
    install_packages(FOLDER)
    known = {"clientId": CLIENT, "clientSecret": CLIENT_SECRET}
    providers = [
        {"id": name, "name": title, "wellKnown": f"{issuer}/.well-known/openid-configuration", **known}
        for name, title, issuer in (
            ("ours", "The ours", provider.issuer),
            ("down", "Down", DOWN),
            ("again", "Again", provider.issuer),
        )
    ]
    settings = {
        "NEXTAUTH_URL": PUBLIC_URL,
        "NEXTAUTH_SECRET": SECRET,
        "PROVIDERS": json.dumps(providers),
        "NODE_ENV": "production",
    }
    with running_program(FOLDER / "oauth_server.mjs", settings) as program:
        yield f"http://127.0.0.1:{program.ask('port')}"


@pytest.fixture
async def servers(our_app: Starlette, their_url: str) -> AsyncIterator[tuple[Server, Server]]:
    """Give next-auth's server and ours."""
    async with contextlib.AsyncExitStack() as stack:
        theirs = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        ours = await stack.enter_async_context(client_of(our_app))
        theirs.event_hooks["request"].append(_lead_to(their_url))
        theirs.base_url = httpx2.URL(PUBLIC_URL)
        yield Server(theirs), Server(ours)


def _lead_to(url: str) -> object:
    async def lead(request: httpx2.Request) -> None:
        request.url = request.url.copy_with(host="127.0.0.1", port=urlsplit(url).port)

    return lead


CASES: dict[str, Callable[[Server], Awaitable[httpx2.Response]]] = {
    "the list of providers": lambda server: server.send("GET", "/api/auth/providers"),
    "signIn()": lambda server: server.begin(),
    "signIn() with a place to go to": lambda server: server.begin(callbackUrl="/userposts"),
    "signIn() without a csrf token": lambda server: server.send("POST", START, {"json": "true"}),
    "signIn() with one that is down": lambda server: server.begin("down"),
    "a button": lambda server: server.begin(json=""),
    "a button without a csrf token": lambda server: server.send("POST", START, {"a": "b"}),
    "a button of one that is down": lambda server: server.begin("down", json=""),
    "the way back": lambda server: server.come_back(),
    "the way back to a place": lambda server: server.come_back(callbackUrl="/userposts"),
    "an answer that nobody asked for": lambda server: server.send("GET", f"{CALLBACK}?code=c&state=s"),
    "an answer of another state": lambda server: server.come_back("state=[^&]+=>state=another"),
    "an answer without a state": lambda server: server.come_back("state=[^&]+=>s=1"),
    "an answer of another issuer": lambda server: server.come_back("iss=[^&]+=>iss=https%3A%2F%2Fevil.example"),
    "an answer without its issuer": lambda server: server.come_back("iss=[^&]+=>i=1"),
    "an answer of another code": lambda server: server.come_back("code=[^&]+=>code=another"),
    "an answer to another provider's address": lambda server: server.come_back("callback/ours=>callback/again"),
    "somebody says no": lambda server: server.come_back("code=[^&]+=>error=access_denied"),
    "nothing comes back": lambda server: server.come_back("[?].*=>"),
    "POST to the callback": lambda server: server.send("POST", CALLBACK, {"code": "c", "state": "s"}),
    **{
        f"the page of {error}": lambda server, error=error: server.send("GET", f"/api/auth/error?error={error}")  # type: ignore[misc]
        for error in ("OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "OAuthAccountNotLinked", "Callback")
    },
}


def read_all(answer: httpx2.Response) -> dict[str, str]:
    """Return what a client sees of an answer; of an address of the provider's what it asks, in order."""
    found: Answer = read_answer(answer)
    seen = found.everything()
    if answer.headers.get("content-type", "").startswith("application/json"):
        members = answer.json()
        if isinstance(members, dict) and isinstance(members.get("url"), str):
            seen["body"] = json.dumps({"url": _sort_query(members["url"])})
        elif "ours" in (members or {}):
            seen["body"] = json.dumps({name: members[name] for name in ("ours", "down", "again")}, sort_keys=True)
    elif seen.get("location"):
        seen["body"] = ""  # a redirect's says where it leads once more, or nothing
        seen["location"] = _sort_query(seen["location"])
    return {name: text for name, text in seen.items() if text}


def _sort_query(url: str) -> str:
    parts = urlsplit(url)
    query = sorted((name, "new" if name in NEW_EACH_TIME else value) for name, value in parse_qsl(parts.query))
    return parts._replace(query=urlencode(query)).geturl() if "/auth?" in url and ":3000" not in parts.netloc else url


@pytest.mark.parametrize("case", CASES)
async def test_the_answers_are_the_same(servers: tuple[Server, Server], case: str) -> None:
    """Whatever is asked about other providers, our answer is next-auth's, but for what is listed with its reason."""
    theirs, ours = [read_all(await CASES[case](server)) for server in servers]
    differing = {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)}
    unexplained = {name for name in differing if name not in ALWAYS and (case, name) not in MEANT}
    assert {name: (theirs.get(name), ours.get(name)) for name in unexplained} == {}


async def test_each_takes_the_others_check_cookies(servers: tuple[Server, Server], provider: Running) -> None:
    """What next-auth sealed, we open, for the same provider alone; and it completes a sign-in that we began."""
    theirs, ours = servers
    asked = dict(parse_qsl(urlsplit((await theirs.begin()).json()["url"]).query))
    kept = parse_cookies([(b"cookie", "; ".join(f"{name}={value}" for name, value in theirs.jar.items()).encode())])
    found = COOKIES.find(kept, "ours", int(time.time()))
    assert found is not None
    assert (found.state, found.nonce, found.challenge) == tuple(asked[name] for name in NEW_EACH_TIME)
    assert COOKIES.find(kept, "again", int(time.time())) is None
    checks = Checks.make()
    url = (await ours.begin()).json()["url"]
    sent = dict(parse_qsl(urlsplit(url).query))
    sent |= {"state": checks.state, "nonce": checks.nonce, "code_challenge": checks.challenge}
    for cookie in COOKIES.write(checks, "ours", int(time.time())):
        name, _, value = cookie.partition(";")[0].partition("=")
        theirs.jar[name] = value
    back = await prove_there(f"{provider.issuer}/auth?{urlencode(sent)}", "ada")
    answer = await theirs.send("GET", back)
    assert "error" not in answer.headers["location"]
    assert "next-auth.session-token" in theirs.jar
