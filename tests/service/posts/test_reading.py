"""Reading posts through the API: who sees what, in which order, page by page."""

import re

import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.fast.post_lists import list_by_authors
from posts_service.lists import AuthorsList
from tests.service.posts.conftest import make_person
from tests.support.people import Person
from tests.support.posts import as_public, write_post
from tests.support.services import PUBLIC_URL

NO_AUTHORIZATION = b'{"error":"No Authorization"}'
MAX_ID = 2**63 - 1
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def test_own_posts_come_with_drafts_newest_first(client: httpx2.AsyncClient, ada: Person) -> None:
    """A user's own list has published posts and drafts, newest first, each with its author."""
    first = await write_post(client, ada, title="First", content="one", published=True)
    second = await write_post(client, ada, title="Second")
    answer = await client.get(f"/api/user/{ada.id}", headers=ada.bearer)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [second, first]
    assert "link" not in answer.headers


async def test_a_post_has_the_tutorials_members(client: httpx2.AsyncClient, ada: Person) -> None:
    """A post has id, title, content, published, authorId, createdAt, updatedAt and its author."""
    post = await write_post(client, ada, title="First")
    created_at, updated_at = post.pop("createdAt"), post.pop("updatedAt")
    assert isinstance(created_at, str)
    assert TIME.fullmatch(created_at)
    assert updated_at == created_at
    author = {"email": ada.email, "name": ada.name}
    assert post == {"id": 1, "title": "First", "content": "", "published": False, "authorId": ada.id, "author": author}


async def test_of_others_only_published_posts_are_listed(
    client: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """Another user's list leaves out the drafts."""
    published = await write_post(client, ada, published=True)
    await write_post(client, ada)
    assert (await client.get(f"/api/user/{ada.id}", headers=grace.bearer)).json() == [published]


@pytest.mark.parametrize("user_id", ["999", str(MAX_ID)])
async def test_a_user_that_nobody_is_has_no_posts(client: httpx2.AsyncClient, ada: Person, user_id: str) -> None:
    """An id that nobody has gives an empty array."""
    answer = await client.get(f"/api/user/{user_id}", headers=ada.bearer)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "user_id", ["0", "-1", "01", "1.0", "x", "\uff11", "²", "+1", "1e3", str(MAX_ID + 1), "9" * 400, "%31%0a", "1%00"]
)
@pytest.mark.parametrize("path", ["/api/user/", "/api/posts/", "/posts/", "/userposts/"])
async def test_what_is_no_id_is_not_there(client: httpx2.AsyncClient, ada: Person, path: str, user_id: str) -> None:
    """A path with anything but a positive 64-bit integer in place of the id is 404."""
    assert (await client.get(path + user_id, headers=ada.bearer)).status_code == 404


async def test_the_list_of_a_user_needs_a_token(client: httpx2.AsyncClient) -> None:
    """Without a token: 401, exactly the tutorial's body, and a challenge that names no error (RFC 6750, 3.1)."""
    answer = await client.get("/api/user/1")
    assert (answer.status_code, answer.content) == (401, NO_AUTHORIZATION)
    assert answer.headers["www-authenticate"] == 'Bearer realm="gatepost"'


@pytest.mark.parametrize("spelling", ["{}", "Bearer {}", "bearer {}", "BEARER   {}", " {} "])
async def test_a_token_comes_bare_or_after_bearer(client: httpx2.AsyncClient, ada: Person, spelling: str) -> None:
    """The token may be bare in the header, as in the tutorial, or follow Bearer in any case."""
    answer = await client.get("/api/user/1", headers={"authorization": spelling.format(ada.token)})
    assert answer.status_code == 200


async def test_the_feed_is_public_and_shows_no_draft(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """Everybody's published posts are listed for anybody; not even the author sees a draft there."""
    one = await write_post(client, ada, published=True)
    two = await write_post(client, grace, published=True)
    await write_post(client, ada)
    for headers in ({}, ada.bearer, {"authorization": "nonsense"}):
        answer = await client.get("/api/posts", headers=headers)
        assert (answer.status_code, answer.json()) == (200, [as_public(two), as_public(one)])


async def test_a_published_post_is_public(client: httpx2.AsyncClient, ada: Person) -> None:
    """A published post is shown to anybody; it may be cached, but must be revalidated before it is used again."""
    post = await write_post(client, ada, published=True)
    answer = await client.get(f"/api/posts/{post['id']}")
    assert (answer.status_code, answer.json()) == (200, as_public(post))
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_draft_is_there_only_for_its_author(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """A draft is 404 for others, with or without a token, and shown, never cached, to its author."""
    post = await write_post(client, ada)
    path = f"/api/posts/{post['id']}"
    absent = await client.get("/api/posts/999")
    for headers in ({}, grace.bearer):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (404, absent.content)
    shown = await client.get(path, headers=ada.bearer)
    assert (shown.status_code, shown.json(), shown.headers["cache-control"]) == (200, post, "no-store")


async def test_pages_of_a_list_join_without_gap_or_repetition(client: httpx2.AsyncClient, ada: Person) -> None:
    """Following rel="next" gives every post once, newest first, even while new ones are written."""
    written = [(await write_post(client, ada, title=f"Post {n}", published=True))["id"] for n in range(7)]
    seen: list[int] = []
    sizes = []
    url: str | None = "/api/posts?limit=3"
    while url is not None:
        answer = await client.get(url)
        sizes.append(len(answer.json()))
        seen += [post["id"] for post in answer.json()]
        await write_post(client, ada, published=True)
        link = answer.links.get("next")
        url = link["url"] if link else None
        assert url is None or url.startswith(f"{PUBLIC_URL}/api/posts?limit=3&cursor=")
    assert (seen, sizes) == (written[::-1], [3, 3, 1])


@pytest.mark.parametrize("author_is_reader", [True, False])
async def test_a_users_list_has_pages_too(client: httpx2.AsyncClient, ada: Person, *, author_is_reader: bool) -> None:
    """The pages of a user's list end exactly where the posts end."""
    reader = ada if author_is_reader else make_person(3, "Mary")
    for n in range(4):
        await write_post(client, ada, title=str(n), published=True)
    first = await client.get(f"/api/user/{ada.id}?limit=2", headers=reader.bearer)
    rest = await client.get(first.links["next"]["url"], headers=reader.bearer)
    assert [post["title"] for post in first.json() + rest.json()] == ["3", "2", "1", "0"]
    assert "next" not in rest.links


async def test_a_page_has_twenty_posts_unless_asked_otherwise(client: httpx2.AsyncClient, ada: Person) -> None:
    """Without ``limit`` a page has 20 posts; 1 and 100 are the bounds."""
    for _ in range(21):
        await write_post(client, ada, published=True)
    sizes = [len((await client.get("/api/posts" + query)).json()) for query in ("", "?limit=1", "?limit=100")]
    assert sizes == [20, 1, 21]


@pytest.mark.parametrize("published", [True, False])
async def test_a_page_of_long_posts_ends_early(client: httpx2.AsyncClient, ada: Person, *, published: bool) -> None:
    """A page has at most a mebibyte of contents, whatever the ``limit``; ``Link`` leads to the rest."""
    lengths = [100_000] * 8 + [10, 100_000, 100_000, 20_000, 20_000, 100_000, 100_000, 100_000]
    for length in lengths:
        await write_post(client, ada, content="x" * length, published=published)
    for path in (["/api/posts"] if published else []) + [f"/api/user/{ada.id}"]:
        pages, url = [], f"{path}?limit=100"
        while url:
            answer = await client.get(url, headers=ada.bearer)
            pages.append([len(post["content"]) for post in answer.json()])
            url = answer.links["next"]["url"] if "next" in answer.links else ""
            assert not url or "limit=100&" in url
        assert [length for page in pages for length in page] == lengths[::-1]
        assert [sum(page) <= 1024 * 1024 for page in pages] == [True, True]


async def test_lists_of_long_posts_are_not_held_together(
    client: httpx2.AsyncClient, app: Starlette, ada: Person
) -> None:
    """The query that many lists share writes out no list with a long post on it, nor the one post beyond it."""
    for length in (9_000, 100_000, 9_000):
        await write_post(client, ada, content="x" * length)
    asked = [AuthorsList(ada.id, before, 1, with_drafts=True) for before in (4, 3, 2)]
    async with app.state.parts.database.connection() as connection:
        found = await list_by_authors(connection, asked)
    assert [one is None for one in found] == [True, True, False]


@pytest.mark.parametrize(
    ("query", "member"),
    [
        *((f"limit={text}", "limit") for text in ("0", "101", "-1", "x", "", "1.5", "9" * 30, "%00")),
        *((f"cursor={text}", "cursor") for text in ("", "1", "AAAAAAAAAAB", "gAAAAAAAAAA", "A" * 12, "%F0%9F%90%98")),
        ("cursor=AAAAAAAAAAI%0A", "cursor"),
    ],
)
async def test_a_bad_limit_or_cursor_is_named(client: httpx2.AsyncClient, query: str, member: str) -> None:
    """A limit outside 1 to 100, or anything that is no cursor of ours, is 422 and named."""
    answer = await client.get(f"/api/posts?{query}")
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {member}


async def test_the_next_link_is_ours_whatever_host_was_asked(client: httpx2.AsyncClient, ada: Person) -> None:
    """Links are made from the public URL, never from the Host of the request."""
    for _ in range(2):
        await write_post(client, ada, published=True)
    answer = await client.get(
        "/api/posts?limit=1", headers={"host": "evil.example", "x-forwarded-host": "evil.example"}
    )
    assert answer.links["next"]["url"].startswith(PUBLIC_URL)
