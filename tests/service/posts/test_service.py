"""The service around its endpoints: health, description, headers, methods, metrics, start without a database."""

import httpx2
import pytest
from prometheus_client import generate_latest

from posts_service.app import create_app
from shared.observing.metrics import Metrics
from tests.support.people import Person
from tests.support.services import client_of, posts_settings, running
from tests.support.waiting import wait_until


async def test_it_is_alive_and_ready(client: httpx2.AsyncClient) -> None:
    """``/livez`` and ``/readyz`` answer 200 when the database is there."""
    assert (await client.get("/livez")).status_code == 200
    answer = await wait_until(lambda: client.get("/readyz"), lambda answer: "remarks" not in answer.json())
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_it_starts_without_its_database() -> None:
    """Without its database the service is alive, not ready, and answers 503 with Retry-After."""
    settings = posts_settings("postgresql://posts@127.0.0.1:9/posts")
    async with running(create_app(settings, Metrics())) as app, client_of(app) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).json()["lacks"] == {"database": "not connected"}
        answer = await client.get("/api/posts")
        assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryAfter"]) == (503, "1", 1)
        page = await client.get("/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/posts", "GET, HEAD, OPTIONS, POST"),
        ("/api/posts/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/api/user/1", "GET, HEAD, OPTIONS"),
        ("/userposts/1/delete", "OPTIONS, POST"),
    ],
)
async def test_other_methods_are_refused_and_named(client: httpx2.AsyncClient, path: str, allowed: str) -> None:
    """An unsupported method is 405 with Allow; OPTIONS lists the same."""
    refused = await client.request("PUT", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    options = await client.options(path)
    assert (options.status_code, options.headers["allow"]) == (204, allowed)


async def test_head_is_where_get_is(client: httpx2.AsyncClient, ada: Person) -> None:
    """HEAD answers as GET does."""
    for path in ("/api/posts", "/", "/userposts", f"/api/user/{ada.id}"):
        assert (await client.head(path, headers=ada.bearer)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/posts//", "/userposts//", "/api/posts/1/x", "/api/user", "/nowhere", "/userposts%0a"]
)
async def test_no_path_leads_elsewhere(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """An unknown path is 404: at most one trailing slash is ignored, and no line break."""
    assert (await client.get(path, headers=ada.bearer)).status_code == 404


async def test_answers_are_named_and_protected(client: httpx2.AsyncClient) -> None:
    """Every answer, including an error, carries the request's id and the protective headers."""
    for path in ("/api/posts", "/", "/nowhere", "/api/user/1"):
        answer = await client.get(path, headers={"x-request-id": "0123456789abcdef"})
        assert answer.headers["x-request-id"] == "0123456789abcdef"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_the_description_is_made_from_the_models(client: httpx2.AsyncClient) -> None:
    """``/openapi.json`` describes every operation of the API with its bodies, bounds and headers."""
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = {(m, p) for p, item in document["paths"].items() for m in item if m != "parameters"}
    assert operations == {
        ("get", "/api/user/{id}"),
        ("get", "/api/posts"),
        ("post", "/api/posts"),
        ("get", "/api/posts/{id}"),
        ("patch", "/api/posts/{id}"),
        ("delete", "/api/posts/{id}"),
    }
    assert document["components"]["schemas"]["PostChange"]["minProperties"] == 1
    assert document["components"]["schemas"]["PostDraft"]["properties"]["title"]["maxLength"] == 200
    [header] = document["paths"]["/api/posts"]["post"]["parameters"]
    assert header["name"] == "Idempotency-Key"


async def test_requests_are_counted_by_route(posts_database_url: str, ada: Person) -> None:
    """Metrics count by route and never by anything that a client typed."""
    metrics = Metrics()
    async with running(create_app(posts_settings(posts_database_url), metrics)) as app, client_of(app) as client:
        await client.get("/api/posts/12345", headers=ada.bearer)
        await client.get("/secret-12345")
    text = generate_latest(metrics.registry).decode()
    assert 'matcher="/api/posts/{id}",method="GET"' in text
    assert "12345" not in text
