"""The auth service as a whole: its health, its description, and how it treats unknown requests."""

import asyncio
import dataclasses
import json
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.app import create_app
from auth_service.parts import Parts
from auth_service.tables.users import get_newest_user_id
from shared.errors import Unavailable
from shared.observing.metrics import Metrics
from shared.postgres.epoch_watch import EpochWatch
from tests.support.letters import WITH_MAIL
from tests.support.people import PASSWORD
from tests.support.services import auth_settings, client_of, running


async def test_is_alive_and_ready(client: httpx2.AsyncClient) -> None:
    """With its database the service is alive and ready."""
    for path in ("/livez", "/readyz"):
        assert (await client.get(path)).status_code == 200


async def test_lives_without_its_database(tmp_path: Path) -> None:
    """Without a database the service starts, is alive, is not ready, and answers 503 with ``Retry-After``."""
    settings = auth_settings(f"postgresql://auth@/auth?host={tmp_path}")
    async with running(create_app(settings, Metrics())) as app, client_of(app) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).json()["lacks"] == {"database": "not connected"}
        answer = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORD})
        assert answer.status_code == 503
        assert answer.json()["retryAfter"] == int(answer.headers["retry-after"])
        assert (await client.get("/api/auth/signin")).status_code == 200


async def test_describes_its_api(client: httpx2.AsyncClient) -> None:
    """``/openapi.json`` describes the JSON API: each operation, its bodies, and who may call it; nothing internal."""
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = {
        (method, path): found
        for path, item in document["paths"].items()
        for method, found in item.items()
        if method != "parameters"
    }
    assert set(operations) == {
        ("post", "/api/user"),
        ("post", "/api/login"),
        ("post", "/api/logout"),
        ("post", "/api/token"),
        *(("get", "/api/me"), ("patch", "/api/me"), ("delete", "/api/me")),
        ("post", "/api/me/password"),
        *(("get", "/api/me/sessions"), ("delete", "/api/me/sessions"), ("delete", "/api/me/sessions/{sid}")),
        ("get", "/api/revocations"),
        *(("get", "/.well-known/jwks.json"), ("get", "/.well-known/oauth-authorization-server")),
    }
    assert set(operations["post", "/api/user"]["responses"]) >= {"201", "400", "409", "413", "415", "422", "503"}
    assert operations["get", "/api/me"]["security"] == [{"accessToken": []}]
    assert "password_hash" not in json.dumps(document)


@pytest.mark.parametrize(
    "path",
    ["/", "/nowhere", "/api/user//", "/api/user/1", "/signup//", "/internal", "/internal/users/1", "/api/login%0a"],
)
async def test_unknown_paths_are_not_found(client: httpx2.AsyncClient, path: str) -> None:
    """An unknown path is 404 in the common shape; nothing is redirected to a similar path."""
    answer = await client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "There is nothing here"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/login", "OPTIONS, POST"),
        ("GET", "/api/user", "OPTIONS, POST"),
        ("POST", "/api/me", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("DELETE", "/signup", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_other_methods_are_not_allowed(client: httpx2.AsyncClient, method: str, path: str, allowed: str) -> None:
    """A known path answers 405 with ``Allow`` for other methods, and OPTIONS with the same."""
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert (await client.options(path)).headers["allow"] == allowed


async def test_every_answer_is_protected(client: httpx2.AsyncClient) -> None:
    """Every answer names its request and forbids sniffing, framing and caching."""
    for path in ("/api/me", "/signup", "/nowhere", "/api/auth/providers"):
        answer = await client.get(path, headers={"x-request-id": "request-0001"})
        assert answer.headers["x-request-id"] == "request-0001"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"].endswith("no-store")


async def test_a_browser_gets_errors_as_pages(client: httpx2.AsyncClient) -> None:
    """A browser that asks for a page gets an error as a page; the JSON API stays JSON."""
    page = await client.get("/nowhere", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (await client.get("/api/me", headers={"accept": "text/html"})).json() == {"error": "No Authorization"}


async def test_a_fault_of_ours_says_nothing_of_the_inside(app: Starlette, client: httpx2.AsyncClient) -> None:
    """An unexpected error is 500 with the common body, identified by its request id."""
    parts = app.state.parts
    app.state.parts = None
    try:
        answer = await client.get("/api/auth/csrf", headers={"x-request-id": "request-0001"})
    finally:
        app.state.parts = parts
    assert (answer.status_code, answer.json()) == (500, {"error": "Something went wrong on our side"})
    assert answer.headers["x-request-id"] == "request-0001"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_many_sign_up_at_once_under_one_email(client: httpx2.AsyncClient) -> None:
    """Of many simultaneous sign-ups with one e-mail address, more than the pool has connections, exactly one succeeds.

    Four rounds of twenty.
    """
    for number in range(4):
        body = {"name": "Ada", "email": f"ada{number}@example.com", "password": PASSWORD}
        answers = await asyncio.gather(*(client.post("/api/user", json=body) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


class Broken(EpochWatch):
    """A watch that can't be stopped."""

    async def stop(self) -> None:
        """Fail."""
        await super().stop()
        raise ZeroDivisionError


async def test_a_part_that_fails_to_stop_holds_up_no_other(auth_database_url: str) -> None:
    """When one part can't be stopped the others are, letters' delivery too, and the failure is reported."""
    parts = Parts.build(auth_settings(auth_database_url, **WITH_MAIL), Metrics())
    parts = dataclasses.replace(parts, epoch_watch=Broken(parts.database, "users", get_newest_user_id))
    await parts.start()
    await parts.database.wait_until_ready()
    with pytest.raises(ZeroDivisionError):
        await parts.stop()
    with pytest.raises(Unavailable):
        async with parts.database.connection():
            pass
