"""Text typed into a form is never lost: through an ended session, a deleted post, a lost database, a double click."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service import writing
from posts_service.tables import idempotency_keys
from posts_service.web import forms
from shared.postgres.database import Connection
from tests.service.posts.conftest import make_person
from tests.support.forged_tokens import read_claims
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.people import Person
from tests.support.posts import write_post
from tests.support.waiting import wait_until

NEW, EDIT, DELETE = "/userposts/new", "/userposts/1", "/userposts/1/delete"
BROWSER = {"accept": "text/html,application/xhtml+xml"}
TYPED = {
    "title": 'Long <b>thoughts</b> & "more"',
    "content": "\r\nFirst line\r\n<script>two</script>",
    "published": "yes",
}
KEPT = {"title": TYPED["title"], "content": "\nFirst line\n<script>two</script>", "published": "yes"}


async def open_form(client: httpx2.AsyncClient, person: Person, path: str) -> HtmlForm:
    """Return the form of a page."""
    return read_forms((await client.get(path, headers=person.bearer)).text)[path]


async def send(client: httpx2.AsyncClient, person: Person | None, form: HtmlForm, **typed: str) -> httpx2.Response:
    """Send a form as a browser does, signed in or not."""
    headers = BROWSER | (person.bearer if person else {})
    return await client.post(form.action, data=form.fields | typed, headers=headers)


async def list_titles(client: httpx2.AsyncClient, person: Person) -> list[object]:
    """Return the titles of a person's posts."""
    return [post["title"] for post in (await client.get(f"/api/user/{person.id}", headers=person.bearer)).json()]


def assert_kept(answer: httpx2.Response, status: int, path: str) -> HtmlForm:
    """Check that a form is shown again with all that was typed, and return it."""
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "<script>two" not in answer.text
    form = read_forms(answer.text)[path]
    assert {name: form.fields[name] for name in KEPT} == KEPT
    return form


@contextlib.asynccontextmanager
async def posts_locked(url: str) -> AsyncIterator[None]:
    """Make every write to the table of posts wait meanwhile."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE posts IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("path", [NEW, EDIT])
async def test_a_form_of_an_ended_session_keeps_its_text(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """A form sent after its session has ended is 401, with the text in it and a way to sign in; nothing is saved.

    After signing in again the same form is shown with a token of the new session, and then saved.
    """
    await write_post(client, ada, title="Before")
    form = await open_form(client, ada, path)
    refused = await send(client, None, form, **TYPED)
    shown = assert_kept(refused, 401, path)
    assert 'href="/api/auth/signin?' in refused.text
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["cache-control"] == "no-store"
    again = make_person(ada.id, ada.name)
    assert read_claims(again.token)["sid"] != read_claims(ada.token)["sid"]
    confirmed = assert_kept(await send(client, again, shown), 403, path)
    assert await list_titles(client, ada) == ["Before"]
    assert (await send(client, again, confirmed)).status_code == 303
    assert (await send(client, again, confirmed)).status_code == 303, "a second click is the same form"
    expected = [TYPED["title"]] if path == EDIT else [TYPED["title"], "Before"]
    assert await list_titles(client, ada) == expected


@pytest.mark.parametrize("path", [NEW, EDIT])
async def test_a_token_that_has_run_out_keeps_the_text_too(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, path: str
) -> None:
    """So is the text of a form that passed the gateway, and whose session turns out to have ended only here."""
    await write_post(client, ada)
    form = await open_form(client, ada, path)
    session_id = str(read_claims(ada.token)["sid"])
    app.state.revocations.add(session_id, 60)
    shown = assert_kept(await send(client, ada, form, **TYPED), 401, path)
    assert shown.fields["form_token"] == ""


async def test_whoever_is_not_signed_in_learns_nothing_of_posts(client: httpx2.AsyncClient, ada: Person) -> None:
    """The form that is shown again contains what was sent, whether the post exists or not, and nothing of the post."""
    await write_post(client, ada, title="Secret draft")
    form = HtmlForm(EDIT, {"version": "1"}, {})
    there = await send(client, None, form, **TYPED)
    absent = await send(client, None, HtmlForm("/userposts/999", {"version": "1"}, {}), **TYPED)
    assert there.text == absent.text.replace("/999", "/1")
    assert "Secret" not in there.text
    assert DELETE not in there.text


async def test_a_form_with_nothing_typed_leads_to_sign_in(client: httpx2.AsyncClient, ada: Person) -> None:
    """Deleting after the session's end deletes nothing and leads to the sign-in page, and from there to one's posts."""
    await write_post(client, ada, title="Kept")
    answer = await send(client, None, HtmlForm(DELETE, {"form_token": "x"}, {}))
    assert (answer.status_code, answer.headers["location"]) == (303, "/api/auth/signin?callbackUrl=%2Fuserposts")
    assert await list_titles(client, ada) == ["Kept"]


async def test_a_post_that_was_deleted_meanwhile_leaves_its_text(client: httpx2.AsyncClient, ada: Person) -> None:
    """Saving a post that is gone is 404 with the text in the form of a new post, which can be saved."""
    await write_post(client, ada)
    form = await open_form(client, ada, EDIT)
    await client.delete("/api/posts/1", headers=ada.bearer)
    shown = assert_kept(await send(client, ada, form, **TYPED), 404, NEW)
    assert (await send(client, ada, shown)).status_code == 303
    assert await list_titles(client, ada) == [TYPED["title"]]


@pytest.mark.parametrize("path", [NEW, EDIT])
async def test_a_database_that_is_away_leaves_the_text(
    client: httpx2.AsyncClient, ada: Person, posts_database_url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A form that can't be saved in time is 503 with the text; sent again it is saved, once, whatever the first did."""
    await write_post(client, ada, title="Before")
    form = await open_form(client, ada, path)
    monkeypatch.setattr(forms, "SAVE_WITHIN", 0.3)
    async with posts_locked(posts_database_url):
        refused = await send(client, ada, form, **TYPED)
    shown = assert_kept(refused, 503, path)
    assert refused.headers["retry-after"]
    assert shown.fields["form_token"] == form.fields["form_token"], "else it would not be known to be the same form"
    monkeypatch.undo()
    assert (await send(client, ada, shown)).status_code == 303
    assert (await list_titles(client, ada)).count(TYPED["title"]) == 1


async def test_a_second_click_waits_for_the_first(
    client: httpx2.AsyncClient, ada: Person, posts_database_url: str
) -> None:
    """While the first click is being saved, the second waits; once it is saved, both say so."""
    form = await open_form(client, ada, NEW)
    async with posts_locked(posts_database_url):
        first = asyncio.create_task(send(client, ada, form, **TYPED))
        second = asyncio.create_task(send(client, ada, form, **TYPED))
        done, _ = await asyncio.wait([first, second], timeout=0.5)
        assert not done, "nothing is saved yet"
    assert [(await click).status_code for click in (first, second)] == [303, 303]
    assert await list_titles(client, ada) == [TYPED["title"]]


async def test_a_second_click_is_no_success_while_nothing_is_saved(
    client: httpx2.AsyncClient, ada: Person, posts_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first click hangs, the second gets a form with the text, which is saved once when sent again."""
    monkeypatch.setattr(forms, "SETTLE", 0.3)
    form = await open_form(client, ada, NEW)
    async with posts_locked(posts_database_url):
        clicks = [asyncio.create_task(send(client, ada, form, **TYPED)) for _ in range(2)]
        [early], [late] = await asyncio.wait(clicks, return_when=asyncio.FIRST_COMPLETED)
        shown = assert_kept(await early, 409, NEW)
    assert (await late).status_code == 303
    assert (await send(client, ada, shown)).status_code == 303
    assert await list_titles(client, ada) == [TYPED["title"]]


async def test_a_first_click_that_fails_leaves_the_second(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    ada: Person,
    posts_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the first click fails after all, the second, which has waited for it, saves the text itself."""
    form, have_met = await open_form(client, ada, NEW), asyncio.Event()

    async def lock_key(connection: Connection, author_id: int, key: str) -> bool:
        if await idempotency_keys.lock_key(connection, author_id, key):
            return True
        have_met.set()
        return False

    monkeypatch.setattr(writing, "lock_key", lock_key)
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'posts'::regclass AND NOT granted"
    async with posts_locked(posts_database_url):
        first = asyncio.create_task(send(client, ada, form, **TYPED))
        await wait_until(lambda: database.fetchval(waiting), lambda found: found == 1)
        second = asyncio.create_task(send(client, ada, form, **TYPED))
        await asyncio.wait_for(have_met.wait(), 10)
        await database.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO posts%'"
        )
        answer = await first
        assert_kept(answer, 503, NEW)
    assert (await second).status_code == 303
    assert await list_titles(client, ada) == [TYPED["title"]]


async def test_a_second_click_on_a_change_is_no_conflict(client: httpx2.AsyncClient, ada: Person) -> None:
    """A double click on an edit form is one change, and both answers say that it is saved; another's change is 412.

    Ten rounds of three clicks, each on the form as the round before left it.
    """
    await write_post(client, ada, title="Before")
    for number in range(10):
        form = await open_form(client, ada, EDIT)
        typed = TYPED | {"title": f"Round {number}"}
        clicks = await asyncio.gather(*(send(client, ada, form, **typed) for _ in range(3)))
        assert [click.status_code for click in clicks] == [303, 303, 303]
        shown = (await client.get("/api/posts/1")).json()
        assert (shown["title"], shown["content"]) == (typed["title"], KEPT["content"])
    await client.patch("/api/posts/1", json={"title": "Elsewhere"}, headers=ada.bearer)
    assert_kept(await send(client, ada, form, **TYPED), 412, EDIT)
