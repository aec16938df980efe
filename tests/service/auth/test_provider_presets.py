"""The presets without an ID token: how GitHub and Naver are asked who somebody is, and what of it is believed."""

import dataclasses
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.providers import file
from auth_service.providers.presets import PRESETS, Preset
from tests.support import next_auth
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.people import Person
from tests.support.providers import begin, read_error, running_with_providers, write_providers
from tests.support.services import PUBLIC_URL, client_of

ROOT = Path(__file__).parents[3]
TOKEN = {"access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "token_type": "bearer", "scope": "user:email"}


@pytest.fixture
async def server() -> AsyncIterator[MisbehavingServer]:
    """Give what stands for both providers' servers."""
    async with MisbehavingServer().running() as running:
        running.answers = {
            "/login/oauth/access_token": TOKEN,
            "/user": {"id": 583231, "login": "octocat", "name": "Mona"},
            "/user/emails": [{"email": "mona@example.com", "primary": True, "verified": True}],
            "/oauth2.0/token": {**TOKEN, "expires_in": "3600"},
            "/v1/nid/me": {"resultcode": "00", "response": {"id": "n-1", "email": "a@naver.com", "name": "아다"}},
        }
        yield running


@pytest.fixture
async def browser(
    server: MisbehavingServer,
    auth_database_url: str,
    tmp_path: Path,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at a service whose presets lead to that server."""
    del database
    near = {name: _move(preset, server.origin) for name, preset in PRESETS.items() if preset.endpoints}
    monkeypatch.setattr(file, "PRESETS", near)
    tables = write_providers(tmp_path, *(f'id = "{name}"\npreset = "{name}"' for name in near))
    async with running_with_providers(auth_database_url, tables) as app, client_of(app) as client:
        yield client


def _move(preset: Preset, origin: str) -> Preset:
    """Return a preset whose endpoints are at an origin."""
    assert preset.endpoints is not None
    moved = dataclasses.replace(
        preset.endpoints,
        authorization=origin + urlsplit(preset.endpoints.authorization).path,
        token=origin + urlsplit(preset.endpoints.token).path,
        documents=tuple(origin + urlsplit(each).path for each in preset.endpoints.documents),
    )
    return dataclasses.replace(preset, issuer=origin, origins=(), endpoints=moved)


async def come_back(browser: httpx2.AsyncClient, provider: str, **more: str) -> httpx2.Response:
    """Return the answer to the way back from a provider."""
    state = parse_qs(urlsplit(await begin(browser, provider)).query)["state"][0]
    return await browser.get(f"/api/auth/callback/{provider}", params={"code": "c", "state": state, **more})


async def test_github(browser: httpx2.AsyncClient, server: MisbehavingServer, database: asyncpg.Connection) -> None:
    """The code goes there with the verifier and our secret; the number is who they are, the primary address proven."""
    asked = dict(parse_qsl(urlsplit(await begin(browser, "github")).query))
    assert (asked["scope"], asked["code_challenge_method"]) == ("read:user user:email", "S256")
    assert "nonce" not in asked
    assert read_error(await come_back(browser, "github")) == ""
    sent = dict(parse_qsl(server.bodies["/login/oauth/access_token"]))
    assert sent.keys() == {"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"}
    assert sent["redirect_uri"] == f"{PUBLIC_URL}/api/auth/callback/github"
    row = await database.fetchrow("SELECT name, email, email_verified_at FROM users")
    assert row is not None
    assert (row["name"], row["email"]) == ("Mona", "mona@example.com")
    assert row["email_verified_at"] is not None
    assert await database.fetchval("SELECT subject FROM identities") == "583231"


async def test_their_tokens_are_dropped(browser: httpx2.AsyncClient, database: asyncpg.Connection) -> None:
    """What the provider lets us do in somebody's name reaches neither the browser nor the database."""
    assert read_error(await come_back(browser, "github")) == ""
    session = await next_auth.get_session(browser)
    kept = await database.fetchval(
        """
        SELECT concat((SELECT json_agg(identities) FROM identities), (SELECT json_agg(users) FROM users),
            (SELECT json_agg(sessions) FROM sessions), (SELECT json_agg(audit) FROM audit))
        """
    )
    for told in (str(dict(browser.cookies)), str(next_auth.open_session_cookie(browser)), str(session), kept):
        assert "gho_" not in told


async def test_github_says_no_with_status_200(browser: httpx2.AsyncClient, server: MisbehavingServer) -> None:
    """An error that GitHub sends as a success is an error; and an answer of another issuer is refused here, too."""
    assert read_error(await come_back(browser, "github", iss="https://evil.example")) == "OAuthCallback"
    assert server.asked["/login/oauth/access_token"] == 0
    server.answers["/login/oauth/access_token"] = {"error": "bad_verification_code"}
    assert read_error(await come_back(browser, "github")) == "OAuthCallback"
    assert server.asked["/user"] == 0


async def test_an_unverified_address_of_github(
    browser: httpx2.AsyncClient, server: MisbehavingServer, ada: Person
) -> None:
    """It opens nobody's account."""
    server.answers["/user/emails"] = [{"email": ada.email, "primary": True, "verified": False}]
    assert read_error(await come_back(browser, "github")) == "OAuthAccountNotLinked"
    server.answers["/user/emails"] = [{"email": ada.email, "primary": False, "verified": True}]
    assert read_error(await come_back(browser, "github")) == "OAuthCreateAccount"


async def test_naver(
    browser: httpx2.AsyncClient, server: MisbehavingServer, database: asyncpg.Connection, ada: Person
) -> None:
    """Naver's id is who they are; an address from there is never proven, and opens nobody's account."""
    assert "scope=" not in await begin(browser, "naver")
    assert "auth_type=reauthenticate" in await begin(browser, "naver", "?prompt=login")
    assert read_error(await come_back(browser, "naver")) == ""
    assert next_auth.open_session_cookie(browser)["name"] == "아다"
    assert await database.fetchval("SELECT email_verified_at FROM users WHERE email = 'a@naver.com'") is None
    await database.execute("UPDATE users SET email_verified_at = now()")
    server.answers["/v1/nid/me"] = {"resultcode": "00", "response": {"id": "n-2", "email": ada.email}}
    assert read_error(await come_back(browser, "naver")) == "OAuthAccountNotLinked"
    server.answers["/v1/nid/me"] = {"resultcode": "024", "message": "Authentication failed"}
    assert read_error(await come_back(browser, "naver")) == "OAuthCallback"


async def test_where_addresses_have_to_be_proven(
    app: Starlette,
    server: MisbehavingServer,
    auth_database_url: str,
    tmp_path: Path,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With ``EMAIL_VERIFICATION=required`` an account needs an address that the provider verified, then and later."""
    del app
    near = {name: _move(preset, server.origin) for name, preset in PRESETS.items() if preset.endpoints}
    monkeypatch.setattr(file, "PRESETS", near)
    tables = write_providers(tmp_path, *(f'id = "{name}"\npreset = "{name}"' for name in near))
    mail = {"smtp_url": "smtp://127.0.0.1:9?tls=none", "mail_from": "a@example.com", "email_verification": "required"}
    async with running_with_providers(auth_database_url, tables, **mail) as strict, client_of(strict) as browser:
        assert read_error(await come_back(browser, "naver")) == "OAuthCreateAccount"
        assert await database.fetchval("SELECT count(*) FROM users") == 0
        assert read_error(await come_back(browser, "github")) == ""
        await database.execute("UPDATE users SET email_verified_at = NULL, email = 'x@example.com', email_key = 'x'")
        assert read_error(await come_back(browser, "github")) == "EmailUnproven"


def test_without_providers_nothing_of_it_is_there() -> None:
    """Where there are none, a service is built without joserfc, and has no route for any, nor for identities."""
    program = """
import sys
from auth_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.services import auth_settings
app = create_app(auth_settings("postgresql:///none"), Metrics())
assert app.state.parts.providers is None
assert not [name for name in sys.modules if name.partition(".")[0] == "joserfc"]
paths = [getattr(route, "path", "") for route in app.routes]
assert [path for path in paths if "/callback/" in path] == ["/api/auth/callback/credentials"]
assert not [path for path in paths if "identities" in path]
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
