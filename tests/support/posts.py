"""Posts for the tests, written over HTTP as anyone writes them."""

import httpx2

from tests.support.people import Person

Json = dict[str, object]


def as_public(post: Json) -> Json:
    """Return a post as everybody gets it: its author without the e-mail address."""
    author = post["author"]
    assert isinstance(author, dict)
    return post | {"author": {"name": author["name"]}}


async def write_post(client: httpx2.AsyncClient, author: Person, **members: object) -> Json:
    """Write a post and return it as answered; its title is "A title" unless told otherwise."""
    answer = await client.post("/api/posts", json={"title": "A title"} | members, headers=author.bearer)
    assert answer.status_code == 201, answer.text
    post: Json = answer.json()
    return post
