"""Conditional requests (RFC 9110, section 13): nothing stale is shown as fresh, no change overwrites another unseen."""

import asyncio
import time

import httpx2
import pytest

from tests.service.posts.conftest import make_person
from tests.support.people import Person
from tests.support.posts import as_public, write_post

PATH = "/api/posts/1"


@pytest.fixture
async def etag(client: httpx2.AsyncClient, ada: Person) -> str:
    """Give the entity tag of a published post of Ada's, at PATH."""
    await write_post(client, ada, published=True)
    return (await client.get(PATH)).headers["etag"]


async def test_an_unchanged_post_is_not_sent_again(client: httpx2.AsyncClient, etag: str) -> None:
    """The tag that a client has, alone, in a list, weak, or ``*``: 304 without a body, with the tag."""
    for condition in (etag, f'"other", {etag}', f"W/{etag}", "*", f',, {etag} ,"x"'):
        answer = await client.get(PATH, headers={"if-none-match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (etag, "no-cache")


async def test_a_condition_may_come_in_several_lines(client: httpx2.AsyncClient, etag: str) -> None:
    """A list split over several header lines is one list."""
    answer = await client.get(PATH, headers=[("if-none-match", '"a"'), ("if-none-match", etag)])
    assert answer.status_code == 304


@pytest.mark.parametrize("condition", ['"other"', "", "nonsense", '"unclosed', 'w/"a"', "1-0910f23d3780"])
async def test_another_tag_gets_the_post(client: httpx2.AsyncClient, etag: str, condition: str) -> None:
    """Another tag, and anything that is no tag, gets the post."""
    assert condition != etag
    assert (await client.get(PATH, headers={"if-none-match": condition})).status_code == 200


async def test_a_draft_of_others_is_404_whatever_the_condition(
    client: httpx2.AsyncClient, ada: Person, etag: str
) -> None:
    """A condition never reveals that a hidden post exists."""
    await client.patch(PATH, json={"published": False}, headers=ada.bearer)
    for condition in (etag, "*"):
        assert (await client.get(PATH, headers={"if-none-match": condition})).status_code == 404


async def test_the_tag_changes_with_the_post_and_its_author(client: httpx2.AsyncClient, ada: Person, etag: str) -> None:
    """Each change gives a new tag, and so does a new name of the author, for it is shown with the post."""
    changed = await client.patch(PATH, json={"title": "New"}, headers=ada.bearer)
    renamed = make_person(ada.id, "Ada King", iat=int(time.time()) + 2)
    await write_post(client, renamed)
    shown = await client.get(PATH)
    assert shown.json()["author"]["name"] == "Ada King"
    assert len({etag, changed.headers["etag"], shown.headers["etag"]}) == 3


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_write_happens_to_the_version_that_is_meant(
    client: httpx2.AsyncClient, ada: Person, etag: str, method: str
) -> None:
    """With If-Match, only the post as the client knows it is changed; otherwise 412 and nothing happens."""
    headers = ada.bearer | {"content-type": "application/json"}
    for condition in ('"other"', f"W/{etag}", "", "nonsense", f"{etag} {etag}"):
        answer = await client.request(
            method, PATH, content=b'{"title": "x"}', headers=headers | {"if-match": condition}
        )
        assert answer.status_code == 412
    assert (await client.get(PATH)).headers["etag"] == etag
    matching = headers | {"if-match": f'"other", {etag}'}
    assert (await client.request(method, PATH, content=b'{"title": "x"}', headers=matching)).status_code in {200, 204}


@pytest.mark.parametrize(("path", "status"), [(PATH, 200), ("/api/posts/999", 404)])
async def test_any_version_is_meant_by_a_star(
    client: httpx2.AsyncClient, ada: Person, etag: str, path: str, status: int
) -> None:
    """``If-Match: *`` matches any existing post; a missing one is 404 before any condition is checked."""
    assert etag
    answer = await client.patch(path, json={"title": "x"}, headers=ada.bearer | {"if-match": "*"})
    assert answer.status_code == status


async def test_of_changes_at_once_one_wins(client: httpx2.AsyncClient, ada: Person, etag: str) -> None:
    """Of eight simultaneous changes of the same version one is made, and seven learn that they came too late.

    Twenty rounds, each on the version that the previous one made.
    """
    for number in range(20):
        headers = ada.bearer | {"if-match": etag}
        titles = [f"Change {number}.{n}" for n in range(8)]
        answers = await asyncio.gather(*(client.patch(PATH, json={"title": each}, headers=headers) for each in titles))
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
        [winner] = [answer for answer in answers if answer.status_code == 200]
        etag = winner.headers["etag"]
        assert (await client.get(PATH)).json() == as_public(winner.json())


async def test_changes_without_a_condition_all_count(client: httpx2.AsyncClient, ada: Person, etag: str) -> None:
    """Without a condition every change is made, one after the other, and each increments the version."""
    answers = await asyncio.gather(
        *(client.patch(PATH, json={"title": f"Change {n}"}, headers=ada.bearer) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({etag, *(answer.headers["etag"] for answer in answers)}) == 9
