"""Containers come and go; what was written stays, and who was signed in stays so."""

import httpx2
import pytest

from tests.support.containers import Containers
from tests.support.people import PASSWORD, Person


async def write_post(client: httpx2.AsyncClient, author: Person, title: str) -> dict[str, object]:
    """Write a published post and return it."""
    members = {"title": title, "content": "kept", "published": True}
    answer = await client.post("/api/posts", json=members, headers=author.bearer)
    assert answer.status_code == 201, answer.text
    post: dict[str, object] = answer.json()
    return post


async def assert_still_there(client: httpx2.AsyncClient, author: Person, posts: list[dict[str, object]]) -> None:
    """Check that the token still holds, the password still opens, and the posts are as they were."""
    listed = await client.get(f"/api/user/{author.id}", headers=author.bearer)
    assert (listed.status_code, listed.json()) == (200, posts)
    signed_in = await client.post("/api/login", json={"username": author.email, "password": PASSWORD})
    assert (signed_in.status_code, signed_in.json()["id"]) == (200, author.id)


@pytest.mark.parametrize("service", ["gateway", "auth_service", "posts_service", "postgres", "port_holder"])
async def test_each_container_can_be_recreated(
    containers: Containers, client: httpx2.AsyncClient, ada: Person, service: str
) -> None:
    """A container is replaced by a new one, and the others find it without a restart."""
    before = containers.find_id(service)
    post = await write_post(client, ada, f"Before a new {service}")
    containers.compose("up", "--detach", "--no-deps", "--force-recreate", service)
    containers.start()
    assert containers.find_id(service) != before
    await assert_still_there(client, ada, [post])
    await assert_still_there(client, ada, [await write_post(client, ada, f"After a new {service}"), post])


async def test_data_outlives_down_and_up(containers: Containers, client: httpx2.AsyncClient, ada: Person) -> None:
    """``down`` removes the containers and networks; the next ``up`` finds users and posts again, and says where."""
    post = await write_post(client, ada, "Before down")
    containers.compose("down")
    assert f"Gatepost runs at http://localhost:{containers.port} (make logs, make down)" in containers.start()
    await assert_still_there(client, ada, [post])
