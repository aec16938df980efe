"""What is asked of next-auth and of Gatepost about signing in elsewhere: with other providers, and by links in letters.

Each request is sent by a browser of its own, after what it did before at the provider or in its letters.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpx2

from shared.tokens.protocol import Protocol
from tests.support.protocol_answers import Answer, read_answer, update_jar
from tests.support.protocol_cases import Case
from tests.support.providers import prove_there

ADA, NAMELESS, STRANGER = "ada", "nameless", "stranger"
"""Who is known to the provider: with an address, without one, and with that of somebody else."""

KNOWN, READER = "known@example.com", "reader@example.com"
"""Addresses that have an account with both."""

ISSUER = "https://login.example.com"
"""What the provider is called in answers, wherever it listens."""

_NEW_EACH_TIME = re.compile(r"(state|nonce|code_challenge)=[^&]+")
_ASKED = re.compile(re.escape(ISSUER) + r"/auth\?([^}\s]*)")


@dataclass
class Browser:
    """A browser at a server of NextAuth's protocol, ``client``, that keeps its cookies.

    ``letter`` reads the link in the last letter that the server sent.
    """

    client: httpx2.AsyncClient
    protocol: Protocol
    letter: Callable[[], Awaitable[str]]
    jar: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> httpx2.Response:
        """Return the answer to a request; ``json`` among the fields asks for JSON as the version does it."""
        headers, data = {"Host": "localhost:3000"}, dict(fields or {})
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if self.protocol.json_header is not None and data.pop("json", None):
            headers[self.protocol.json_header] = "1"
        answer = await self.client.request(method, path, data=data or None, headers=headers)
        self.client.cookies.clear()
        update_jar(self.jar, answer)
        return answer

    async def press(self, way: str, **fields: str) -> httpx2.Response:
        """Return what a button of the sign-in page gets."""
        token: str = (await self.send("GET", "/api/auth/csrf")).json()["csrfToken"]
        return await self.send("POST", f"/api/auth/signin/{way}", {"csrfToken": token, **fields})

    async def sign_in(self, way: str, **fields: str) -> httpx2.Response:
        """Return what ``signIn("<id>")`` gets."""
        return await self.press(way, json="true", **fields)

    async def come_back(self, change: str = "", person: str = ADA, **fields: str) -> httpx2.Response:
        """Return the answer to what the provider leads back with, changed by ``pattern=>replacement``."""
        back = await prove_there((await self.sign_in("ours", **fields)).json()["url"], person)
        pattern, _, replacement = change.partition("=>")
        return await self.send("GET", re.sub(pattern, replacement, back) if pattern else back)

    async def open_link(self, change: str = "") -> httpx2.Response:
        """Return the answer to the link in a letter, changed in that way."""
        await self.sign_in("email", email=READER, callbackUrl="/userposts")
        parts = urlsplit(await self.letter())
        pattern, _, replacement = change.partition("=>")
        link = f"{parts.path}?{parts.query}"
        return await self.send("GET", re.sub(pattern, replacement, link) if pattern else link)


@dataclass(frozen=True, slots=True)
class Dance:
    """A request, as the table shows it, and how a browser comes to send it."""

    case: Case
    do: Callable[[Browser], Awaitable[httpx2.Response]]

    async def ask(self, browser: Browser, issuer: str) -> Answer:
        """Return the answer, in which what is new each time, and where the provider listens, is left out."""
        answer = read_answer(await self.do(browser))
        shown = {name: _hide(text.replace(issuer, ISSUER)) for name, text in answer.parts.items()}
        if "location" in shown and shown["status"] == "302":
            shown.pop("body", None)  # it says where that leads once more, or nothing
        return replace(answer, parts=shown)


def _hide(text: str) -> str:
    return _ASKED.sub(_sort_query, text)


def _sort_query(asked: re.Match[str]) -> str:
    pairs = sorted(_NEW_EACH_TIME.sub(r"\1=(new)", pair) for pair in asked[1].replace("+", "%20").split("&"))
    return f"{ISSUER}/auth?{'&'.join(pairs)}"


def _get(name: str, path: str) -> Dance:
    return Dance(Case(name, "GET", path), lambda browser: browser.send("GET", f"/api/auth{path}"))


def _post(name: str, path: str, **fields: str) -> Dance:
    return Dance(Case(name, "POST", path), lambda browser: browser.send("POST", f"/api/auth{path}", fields))


def _start(name: str, way: str, **fields: str) -> Dance:
    return Dance(Case(name, "POST", f"/signin/{way}"), lambda browser: browser.press(way, **fields))


def _back(name: str, change: str = "", person: str = ADA, path: str = "/callback/ours", **fields: str) -> Dance:
    return Dance(
        Case(f"back{name}", "GET", path),
        lambda browser: browser.come_back(change, person, **fields),
    )


def _link(name: str, change: str = "") -> Dance:
    return Dance(Case(f"link{name}", "GET", "/callback/email"), lambda browser: browser.open_link(change))


JSON = {"json": "true"}
STARTS = [
    _get("providers", "/providers"),
    _start("start", "ours", **JSON),
    _start("start, to a path", "ours", callbackUrl="/userposts", **JSON),
    _start("start, with one that is down", "down", **JSON),
    _post("start, no csrf token", "/signin/ours", csrfToken="none", **JSON),
    _start("start, form", "ours"),
    _start("start, with one that is down, form", "down"),
    _post("start, no csrf token, form", "/signin/ours", csrfToken="none"),
]
BACK = [
    _back(""),
    _back(", to a path", callbackUrl="/userposts"),
    _back(", of somebody whose address has an account", person=STRANGER),
    _back(", of somebody without an address", person=NAMELESS),
    _back(", somebody said no", "code=[^&]+=>error=access_denied"),
    Dance(
        Case("back, nobody asked", "GET", "/callback/ours"),
        lambda browser: browser.send("GET", "/api/auth/callback/ours?code=c&state=s"),
    ),
    _back(", of another state", "state=[^&]+=>state=another"),
    _back(", without a state", "state=[^&]+=>s=1"),
    _back(", of another issuer", "iss=[^&]+=>iss=https%3A%2F%2Fevil.example"),
    _back(", without its issuer", "iss=[^&]+=>i=1"),
    _back(", of another code", "code=[^&]+=>code=another"),
    _back(", to another provider's address", "callback/ours=>callback/again", path="/callback/again"),
    _back(", with nothing", "[?].*=>"),
    _post("back, by POST", "/callback/ours", code="c", state="s"),
]
LETTERS = [
    _start("letter", "email", email=READER, **JSON),
    _start("letter, to nobody", "email", email="nobody@example.com", **JSON),
    _start("letter, no address", "email", email="nobody", **JSON),
    _post("letter, no csrf token", "/signin/email", email=READER, **JSON),
    _start("letter, form", "email", email=READER),
    _start("letter, no address, form", "email", email="nobody"),
    _link(""),
    _link(", of another token", "token=[^&]+=>token=another"),
    _link(", of another address", "email=[^&]+=>email=nobody%40example.com"),
    _link(", without a token", "token=[^&]+=>t=1"),
]
ERRORS = {
    "4": ("OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "OAuthAccountNotLinked", "Callback", "EmailSignin"),
    "5": ("OAuthAccountNotLinked", "OAuthCallbackError"),
}


def list_dances(version: str) -> list[Dance]:
    """Return all of them, in the order of the table."""
    page = {"4": "/error", "5": "/signin"}[version]
    pages = [_get(f"page of {error}", f"{page}?error={error}") for error in ERRORS[version]]
    return [*STARTS, *BACK, *LETTERS, *pages]
