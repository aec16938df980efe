"""Other people's providers for the tests: programs in ``tests/providers``, and what a browser does at one."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
from starlette.applications import Starlette

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.next_auth_5 import JSON_MODE
from tests.support.node import NodeProgram, install_packages, running_program
from tests.support.ports import find_free_port
from tests.support.services import PUBLIC_URL, auth_settings, running

FOLDER = Path(__file__).parents[1] / "providers"
CLIENT, CLIENT_SECRET = "gatepost", "a secret of ours: %+&="
STEPS = 8  # redirects and forms of one sign-in there


@dataclass(frozen=True, slots=True)
class Running:
    """A provider that runs."""

    id: str
    port: int
    program: NodeProgram

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def callback(self) -> str:
        """Where it sends browsers back to."""
        return f"{PUBLIC_URL}/api/auth/callback/{self.id}"

    def know(self, sub: str, email: str | None = None, *, is_proven: bool = True, name: str = "") -> None:
        """Make somebody known there, with these claims."""
        claims = {"sub": sub, "name": name or sub.title()}
        self.program.ask({"person": {**claims, **({"email": email, "email_verified": is_proven} if email else {})}})

    def say(self, **changed: object) -> None:
        """Let the hostile one answer like this from now on."""
        self.program.ask({"say": changed})


@contextlib.contextmanager
def running_provider(
    name: str = "ours", script: str = "provider.mjs", port: int | None = None, **environment: str
) -> Iterator[Running]:
    """Give a provider, which knows us by that id."""
    install_packages(FOLDER)
    chosen = port or find_free_port()
    callback = f"{PUBLIC_URL}/api/auth/callback/{name}"
    told = {"PORT": str(chosen), "CLIENT_SECRET": CLIENT_SECRET, "REDIRECT_URIS": callback}
    with running_program(FOLDER / script, {**told, **environment}) as program:
        program.ask({})  # it answers once it listens
        yield Running(name, chosen, program)


def write_providers(folder: Path, *tables: str) -> Path:
    """Write a file of providers, of the words of each table, and the secret that all of them have."""
    (folder / "client.secret").write_text(CLIENT_SECRET, encoding="utf-8")
    about = f'client_id = "{CLIENT}"\nclient_secret_file = "client.secret"\n'
    path = folder / "providers.toml"
    path.write_text("".join(f"[[provider]]\n{table}\n{about}\n" for table in tables), encoding="utf-8")
    return path


def describe(provider: Running) -> str:
    """Return the words of a provider's table."""
    return f'id = "{provider.id}"\nissuer = "{provider.issuer}"\nname = "The {provider.id}"'


@contextlib.asynccontextmanager
async def running_with_providers(database_url: str, file: Path, **changes: object) -> AsyncIterator[Starlette]:
    """Give an auth service in which people can sign in with the providers of a file."""
    settings = auth_settings(database_url, providers_file=file, **changes)
    async with running(create_app(settings, Metrics())) as app:
        await app.state.parts.database.wait_until_ready()
        yield app


class ReachedElsewhere(httpx2.AsyncHTTPTransport):
    """The network of a browser, in which every name leads to one port of one machine."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__()
        self._host, self._port = host, port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request there."""
        url = request.url.copy_with(host=self._host, port=self._port)
        return await super().handle_async_request(
            httpx2.Request(request.method, url, headers=request.headers, stream=request.stream)
        )


async def begin(browser: httpx2.AsyncClient, provider: str, query: str = "", **members: str) -> str:
    """Return where ``signIn("<id>")`` leads a browser; what either version of the client sends."""
    form = {"csrfToken": await next_auth.get_csrf_token(browser), "json": "true", **members}
    answer = await browser.post(f"/api/auth/signin/{provider}{query}", data=form, headers=JSON_MODE)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["url"]
    return url


async def prove_there(url: str, person: str, there: httpx2.AsyncClient | None = None) -> str:
    """Do at a provider what somebody does in a browser, and return where that sends them back to."""
    async with contextlib.AsyncExitStack() as stack:
        client = there or await stack.enter_async_context(httpx2.AsyncClient(timeout=30))
        for _ in range(STEPS):
            answer = await client.get(url)
            if form := next(iter(read_forms(answer.text).values()), None):
                answer = await client.post(form.action, data={**form.fields, "login": person, "password": "any"})
            assert answer.is_redirect, answer.text
            url = urljoin(str(answer.url), answer.headers["location"])
            if urlsplit(url).path.startswith("/api/auth/callback/"):
                return url
    raise AssertionError("it never leads back")


async def sign_in(browser: httpx2.AsyncClient, provider: str, person: str) -> httpx2.Response:
    """Sign somebody in with a provider, and return the answer to the way back."""
    return await browser.get(await prove_there(await begin(browser, provider), person))


def read_error(answer: httpx2.Response) -> str:
    """Return the error that an answer leads to; empty when it leads on."""
    assert answer.status_code == 302, answer.text
    place, _, error = answer.headers["location"].partition("?error=")
    assert place.endswith("/api/auth/error") or not error
    return error
