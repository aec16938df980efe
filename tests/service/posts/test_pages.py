"""The pages that show posts, as a browser behind the gateway gets them."""

import html
from html.parser import HTMLParser

import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.tables.posts import list_by_author, list_published, list_published_by_author
from posts_service.web.pages import DONE, READ
from shared.tokens.signed import MAX_ID
from tests.support.people import Person
from tests.support.posts import write_post

HTML = {"accept": "text/html,application/xhtml+xml"}
SPITEFUL = "<script>alert(1)</script> \"'&amp; </textarea>"


async def test_the_feed_is_for_everybody(client: httpx2.AsyncClient, ada: Person) -> None:
    """The first page shows what is published, with links to sign in for anonymous readers."""
    await write_post(client, ada, title="For all", published=True)
    await write_post(client, ada, title="For me")
    page = await client.get("/", headers=HTML)
    assert page.status_code == 200
    assert "For all" in page.text
    assert "For me" not in page.text
    assert ada.name in page.text
    assert 'href="/api/auth/signin"' in page.text
    assert 'href="/signup"' in page.text


async def test_the_navigation_knows_who_is_signed_in(client: httpx2.AsyncClient, ada: Person) -> None:
    """Every page names the signed-in user and links to their posts, to writing and to signing out."""
    await write_post(client, ada, published=True)
    for path in ("/", "/posts/1", "/userposts", "/userposts/new", "/userposts/1"):
        page = await client.get(path, headers=HTML | ada.bearer)
        assert page.status_code == 200
        assert f">{ada.name}</span></a>" in page.text
        for link in ("/", "/userposts", "/userposts/new", "/account", "/api/auth/signout", "/docs"):
            assert f'href="{link}"' in page.text


async def test_pages_forbid_scripts_and_caching(client: httpx2.AsyncClient, ada: Person) -> None:
    """Every page has the strict policy, one script that the policy names by its hash, and is never cached."""
    await write_post(client, ada, published=True)
    for path in ("/", "/posts/1", "/userposts", "/userposts/new", "/userposts/1", "/posts/999"):
        page = await client.get(path, headers=HTML | ada.bearer)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert page.text.count("<script") == 1
        assert "style=" not in page.text


async def test_a_list_reads_no_more_of_a_post_than_it_shows(
    client: httpx2.AsyncClient, app: Starlette, ada: Person
) -> None:
    """A list shows a short content whole and the beginning of a long one, of which no more is read."""
    for content in ("a" * 300, "b" * 301, "c" * 100_000):
        await write_post(client, ada, content=content, published=True)
    for path in ("/", "/userposts"):
        page = (await client.get(path, headers=HTML | ada.bearer)).text
        assert f">{'a' * 300}</p>" in page
        assert f">{'b' * 279}…</p>" in page
        assert f">{'c' * 279}…</p>" in page
    async with app.state.parts.database.connection() as connection:
        for listed in (
            await list_published(connection, MAX_ID, 9, READ),
            await list_by_author(connection, ada.id, MAX_ID, 9, READ),
            await list_published_by_author(connection, ada.id, MAX_ID, 9, READ),
        ):
            assert [len(post.content) for post in listed] == [301, 301, 300]


async def test_what_people_write_is_escaped(client: httpx2.AsyncClient, ada: Person) -> None:
    """Titles, contents and names are shown as they were written, never as HTML."""
    await write_post(client, ada, title=SPITEFUL, content=SPITEFUL, published=True)
    for path in ("/", "/posts/1", "/userposts", "/userposts/1"):
        page = await client.get(path, headers=HTML | ada.bearer)
        assert page.text.count("<script") == 1
        assert SPITEFUL in html.unescape(page.text)


async def test_a_post_is_shown_whole_with_its_line_breaks(client: httpx2.AsyncClient, ada: Person) -> None:
    """The page of a post has its content unchanged; lists have only its beginning."""
    content = "one\n  two\n\n" + "three " * 100
    await write_post(client, ada, content=content, published=True)
    assert content in (await client.get("/posts/1", headers=HTML)).text
    assert content not in (await client.get("/", headers=HTML)).text


async def test_a_draft_is_a_page_only_for_its_author(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """The page of a draft is 404 for others, and links to editing for its author."""
    await write_post(client, ada, title="For me")
    for headers in ({}, grace.bearer):
        page = await client.get("/posts/1", headers=HTML | headers)
        assert page.status_code == 404
        assert "For me" not in page.text
    assert 'href="/userposts/1"' in (await client.get("/posts/1", headers=HTML | ada.bearer)).text


async def test_a_foreign_published_post_has_no_edit_link(
    client: httpx2.AsyncClient, ada: Person, grace: Person
) -> None:
    """Readers who did not write a post are offered no way to edit it, and its edit form is 404."""
    await write_post(client, ada, published=True)
    page = await client.get("/posts/1", headers=HTML | grace.bearer)
    assert page.status_code == 200
    assert "/userposts/1" not in page.text
    assert (await client.get("/userposts/1", headers=HTML | grace.bearer)).status_code == 404


async def test_my_posts_are_mine(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """``/userposts`` shows the caller's posts with drafts, each with edit and delete, and nobody else's."""
    await write_post(client, ada, title="Of Ada")
    await write_post(client, grace, title="Of Grace", published=True)
    page = await client.get("/userposts", headers=HTML | ada.bearer)
    assert "Of Ada" in page.text
    assert "draft" in page.text
    assert 'action="/userposts/1/delete"' in page.text
    assert "Of Grace" not in page.text


async def test_an_empty_list_says_what_to_do(client: httpx2.AsyncClient, ada: Person) -> None:
    """An empty list has a sentence, and a button for the next step: to write, or to sign up first."""
    for path, headers, words, way in (
        ("/", {}, "Nothing is published", "/signup"),
        ("/", ada.bearer, "Nothing is published", "/userposts/new"),
        ("/userposts", ada.bearer, "not written anything", "/userposts/new"),
    ):
        page = await client.get(path, headers=HTML | headers)
        assert words in page.text
        assert f'<a class="button" href="{way}">' in page.text
    for path in ("/", "/userposts"):  # a page that was emptied meanwhile says nothing about the first one
        page = await client.get(path, params={"cursor": "AAAAAAAAAAE"}, headers=HTML | ada.bearer)
        assert page.status_code == 200
        assert 'class="empty"' not in page.text


@pytest.mark.parametrize("done", [*DONE, "<b>", "x" * 999])
@pytest.mark.parametrize("path", ["/", "/userposts"])
async def test_what_was_done_is_said(client: httpx2.AsyncClient, ada: Person, path: str, done: str) -> None:
    """``?done=`` names one of a fixed set of sentences, which is announced; nothing else is ever said.

    Nor is anything that can't be true, such as "signed out" to a signed-in user.
    """
    page = await client.get(path, params={"done": done, "post": "7"}, headers=HTML | ada.bearer)
    assert page.status_code == 200
    said = None if done == "signed-out" else DONE.get(done)
    assert ('role="status"' in page.text) == (said is not None)
    assert (said or "Posts") in html.unescape(page.text)
    assert "<b>" not in page.text


async def test_an_author_has_a_page(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """``/authors/{id}`` is for everybody: the author's name and published posts, no draft, no e-mail address."""
    await write_post(client, ada, title="For all", published=True)
    await write_post(client, ada, title="For me")
    await write_post(client, grace, title="Of Grace", published=True)
    for headers in ({}, ada.bearer):
        page = await client.get(f"/authors/{ada.id}", headers=HTML | headers)
        assert page.status_code == 200
        assert f'<h1 dir="auto">{ada.name}</h1>' in page.text
        assert "For all" in page.text
        assert not [words for words in ("For me", "Of Grace", ada.email) if words in page.text]
    assert f'href="/authors/{ada.id}"' in (await client.get("/", headers=HTML)).text


async def test_who_published_nothing_has_no_page(client: httpx2.AsyncClient, ada: Person) -> None:
    """Enumerating ids does not reveal who has signed up: without a published post there is no page."""
    await write_post(client, ada, title="For me")
    for author in (ada.id, 999_999, "x", "0"):
        assert (await client.get(f"/authors/{author}", headers=HTML | ada.bearer)).status_code == 404


@pytest.mark.parametrize(
    ("content", "link"),
    [
        ("see https://example.com/a?b=c&d=e.", "https://example.com/a?b=c&d=e"),
        ("(http://example.com/x)", "http://example.com/x"),
        ('https://example.com/"onmouseover="alert(1)', None),
        ("https://example.com/<script>alert(1)</script>", None),
        ("javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("<a href='javascript:alert(1)'>x</a>", None),
        ("https://example.com/'><img src=x onerror=alert(1)>", None),
        ("&lt;script&gt;alert(1)&lt;/script&gt; https://example.com", "https://example.com"),
        ("![x](javascript:alert(1)) [y](https://example.com)", None),
    ],
)
async def test_addresses_in_a_content_are_links_and_nothing_else(
    client: httpx2.AsyncClient, ada: Person, content: str, link: str | None
) -> None:
    """A web address in a content becomes a link, without endorsement; nothing else that is written becomes markup."""
    await write_post(client, ada, title="x", content=content, published=True)
    page = (await client.get("/posts/1", headers=HTML)).text
    shown = _ContentReader(page)
    assert shown.text == content
    assert {tag for tag, _ in shown.tags} <= {"a"}
    for _, attributes in shown.tags:
        assert attributes.keys() == {"href", "rel"}
        assert attributes["href"].startswith(("https://", "http://"))
        assert set(attributes["rel"].split()) == {"nofollow", "ugc", "noopener"}
    if link is not None:
        assert link in {attributes["href"] for _, attributes in shown.tags}


class _ContentReader(HTMLParser):
    """The text and the tags of a post's content, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(page.partition('<div class="content" dir="auto">')[2].partition("</div>")[0])
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("path", ["/", "/userposts"])
async def test_long_lists_have_pages(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Links lead to older posts and back to the newest."""
    for n in range(3):
        await write_post(client, ada, title=f"Number {n}", published=True)
    first = await client.get(path + "?limit=2", headers=HTML | ada.bearer)
    older = html.unescape(first.text.partition('rel="next" href="')[2].partition('"')[0])
    assert "Newest posts" not in first.text
    last = await client.get(older, headers=HTML | ada.bearer)
    assert "Number 0" in last.text
    assert "Number 1" not in last.text
    assert "Newest posts" in last.text
    assert "Older posts" not in last.text


async def test_errors_are_pages_too(client: httpx2.AsyncClient, ada: Person) -> None:
    """A browser gets its 401, 404 and 422 as pages, a program as JSON."""
    for path, status in (("/userposts", 401), ("/posts/999", 404), ("/?cursor=x", 422)):
        page = await client.get(path, headers=HTML)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert (await client.get(path)).headers["content-type"] == "application/json"
    assert (await client.get("/userposts", headers=HTML | {"authorization": ada.token + "x"})).status_code == 401


async def test_pages_are_in_the_browsers_language(client: httpx2.AsyncClient, ada: Person) -> None:
    """For a Korean browser lists, dates, forms with their errors, and error pages are in Korean."""
    korean = HTML | ada.bearer | {"accept-language": "ko"}
    await write_post(client, ada, title="Hello")
    page = await client.get("/userposts", headers=korean)
    assert page.headers["content-language"] == "ko"
    for words in ("내 글", "임시 글", "월 ", "이 글 삭제"):
        assert words in page.text
    form_token = page.text.partition('name="form_token" value="')[2].partition('"')[0]
    refused = await client.post("/userposts/new", data={"form_token": form_token, "title": " "}, headers=korean)
    assert (refused.status_code, "비워 둘 수 없어요" in refused.text) == (422, True)
    assert "찾을 수 없는 페이지예요" in (await client.get("/posts/999", headers=korean)).text
