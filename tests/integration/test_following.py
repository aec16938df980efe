"""What happens to a user or a session reaches everyone: over HTTP, at the gateway and at the posts service itself."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.posts import write_post
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

WITHIN = 2.0  # seconds in which an ended session is refused everywhere
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
    """Check that the person's token is refused within the time that is promised."""
    answer = await wait_until(
        lambda: list_posts(client, person), lambda answer: answer.status_code != 200, seconds=WITHIN
    )
    assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
    assert answer.headers["www-authenticate"] == ENDED


async def sign_in_again(client: httpx2.AsyncClient, person: Person) -> Person:
    """Return the same person with another session."""
    answer = await client.post("/api/login", json={"username": person.email, "password": PASSWORD})
    return Person(person.id, person.name, person.email, answer.json()["accessToken"])


async def test_a_token_is_refused_everywhere_after_sign_out(
    client: httpx2.AsyncClient, posts: httpx2.AsyncClient, ada: Person
) -> None:
    """A copied token opens nothing two seconds after its session was ended; the user's other session is not touched."""
    other = await sign_in_again(client, ada)
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
        lambda: client.get("/userposts", headers=ada.bearer), lambda answer: answer.status_code == 302, seconds=WITHIN
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
