"""What happens to a user or a session reaches everyone: over HTTP, at the gateway and at the posts service itself.

How soon an ended session is refused is measured by ``tests.benchmarks.revocation``.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.posts import write_post
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

ENDED = 'Bearer realm="gatepost", error="invalid_token", error_description="The session was ended"'


@pytest.fixture
async def posts(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the posts service itself, past the gateway."""
    async with httpx2.AsyncClient(base_url=stack.posts, timeout=10) as client:
        yield client


async def list_posts(client: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    """Ask for the person's posts with their token."""
    return await client.get(f"/api/user/{person.id}", headers=person.bearer)


async def assert_refused_soon(client: httpx2.AsyncClient, person: Person) -> None:
    """Check that the person's token comes to be refused."""
    answer = await wait_until(lambda: list_posts(client, person), lambda answer: answer.status_code != 200)
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert answer.headers["www-authenticate"] == ENDED


async def test_a_token_is_refused_everywhere_after_sign_out(
    client: httpx2.AsyncClient, posts: httpx2.AsyncClient, ada: Person
) -> None:
    """A copied token soon opens nothing once its session was ended; the user's other session is not touched."""
    other = await sign_in(client, ada.email)
    for service in (client, posts):
        assert (await list_posts(service, ada)).status_code == 200
    assert (await client.post("/api/logout", headers=ada.bearer)).status_code == 204
    for service in (client, posts):
        await assert_refused_soon(service, ada)
        assert (await list_posts(service, other)).status_code == 200
    written = await posts.post("/api/posts", json={"title": "Not any more"}, headers=ada.bearer)
    assert written.status_code == 401


async def test_a_page_is_closed_after_sign_out(client: httpx2.AsyncClient, ada: Person) -> None:
    """A page that a token opened leads to the sign-in page once its session was ended: by the gateway's own word."""
    assert (await client.get("/userposts", headers=ada.bearer)).status_code == 200
    await client.post("/api/logout", headers=ada.bearer)
    answer = await wait_until(
        lambda: client.get("/userposts", headers=ada.bearer), lambda answer: answer.status_code == 302
    )
    assert answer.headers["location"] == "/api/auth/signin?callbackUrl=%2Fuserposts"


async def test_the_feeds_show(client: httpx2.AsyncClient, posts: httpx2.AsyncClient, stack: StackUrls) -> None:
    """In a stack that is well nothing is remarked, and the metrics tell how long ago each feed was heard of."""
    for service in (client, posts):
        answer = await wait_until(
            lambda service=service: service.get("/readyz"),  # type: ignore[misc]
            lambda answer: "remarks" not in answer.json(),
        )
        assert answer.json() == {"status": "ready"}
    async with httpx2.AsyncClient(base_url=stack.posts_metrics, timeout=10) as metrics:
        text = (await metrics.get("/metrics")).text
    assert 'gatepost_feed_lag_seconds{feed="revocations"}' in text
    assert 'gatepost_feed_lag_seconds{feed="user_changes"}' in text
    assert "gatepost_revocations_known" in text


async def test_who_signs_up_is_known_to_posts(client: httpx2.AsyncClient) -> None:
    """A user who has just signed up can write at once, whether or not the posts service has heard of them."""
    person = await sign_up_and_in(client, "Katherine Johnson")
    post = await write_post(client, person, published=True)
    assert post["author"] == {"name": person.name, "email": person.email}


async def test_a_new_name_reaches_the_lists(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """Whoever renames themselves goes by the new name in lists that others see, soon after."""
    await write_post(client, ada, published=True)
    answer = await client.patch("/api/me", json={"name": "Countess Lovelace"}, headers=ada.bearer)
    assert answer.json()["name"] == "Countess Lovelace"
    path = f"/api/user/{ada.id}"
    seen = await wait_until(
        lambda: client.get(path, headers=grace.bearer),
        lambda answer: answer.json()[0]["author"]["name"] == "Countess Lovelace",
    )
    assert seen.json()[0]["author"] == {"email": ada.email, "name": "Countess Lovelace"}


async def test_a_deleted_account_takes_its_posts_along(
    client: httpx2.AsyncClient, posts: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """Once the account is deleted, its tokens open nothing and nobody sees its posts any more."""
    post = await write_post(client, ada, published=True)
    other = await write_post(client, grace, published=True)
    refused = await client.request("DELETE", "/api/me", json={"password": "a guess"}, headers=ada.bearer)
    assert refused.status_code == 422
    deleted = await client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=ada.bearer)
    assert deleted.status_code == 204
    for service in (client, posts):
        await assert_refused_soon(service, ada)
    gone = await wait_until(lambda: client.get(f"/api/posts/{post['id']}"), lambda answer: answer.status_code == 404)
    assert gone.json() == {"error": "There is nothing here"}
    assert (await client.get(f"/api/user/{ada.id}", headers=grace.bearer)).json() == []
    assert (await client.get(f"/api/posts/{other['id']}")).status_code == 200


async def test_an_ended_device_is_shut_out_everywhere(
    client: httpx2.AsyncClient, posts: httpx2.AsyncClient, ada: Person
) -> None:
    """A session that its user ends on another device is refused by gateway and posts, its refresh token at once."""
    other = await sign_in(client, ada.email)
    pair = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    assert (await client.delete("/api/me/sessions", headers=ada.bearer)).status_code == 204
    refused = await client.post("/api/token", json={"refreshToken": pair.json()["refreshToken"]})
    assert refused.status_code == 401
    for service in (client, posts):
        await assert_refused_soon(service, other)
        assert (await list_posts(service, ada)).status_code == 200


async def test_parallel_refreshes_give_one_successor(client: httpx2.AsyncClient, ada: Person) -> None:
    """Fifty tabs that refresh with one token at once all get the same successor, and the session lives on."""
    pair = (await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})).json()
    body = {"refreshToken": pair["refreshToken"]}
    answers = await asyncio.gather(*(client.post("/api/token", json=body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["refreshToken"] for answer in answers}
    assert (await client.post("/api/token", json={"refreshToken": successor})).status_code == 200


async def test_a_refreshed_token_opens_everything(
    client: httpx2.AsyncClient, posts: httpx2.AsyncClient, ada: Person
) -> None:
    """A client without a browser stays signed in with its refresh token: the new access token counts everywhere."""
    pair = (await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})).json()
    renewed = await client.post("/api/token", json={"refreshToken": pair["refreshToken"]})
    assert renewed.status_code == 200
    fresh = Person(ada.id, ada.name, ada.email, renewed.json()["accessToken"])
    for service in (client, posts):
        assert (await list_posts(service, fresh)).status_code == 200
