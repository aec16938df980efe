"""The forms that write, change and delete posts: nothing typed is lost, nothing is done on another's behalf."""

import asyncio
import time

import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.schemas import MAX_CONTENT
from shared.tokens.form_tokens import MAX_AGE
from tests.service.posts.conftest import make_person
from tests.support.forged_tokens import read_claims
from tests.support.html_forms import HtmlForm, read_forms
from tests.support.people import Person
from tests.support.posts import write_post

NEW = "/userposts/new"
EDIT = "/userposts/1"
DELETE = "/userposts/1/delete"
PUBLISH = "/userposts/1/publish"


async def open_form(client: httpx2.AsyncClient, person: Person, path: str, action: str | None = None) -> HtmlForm:
    """Return a form of a page."""
    page = await client.get(path, headers=person.bearer)
    assert page.status_code == 200
    return read_forms(page.text)[action or path]


async def send(client: httpx2.AsyncClient, person: Person, form: HtmlForm, **typed: str) -> httpx2.Response:
    """Send a form as a browser does."""
    return await client.post(form.action, data=form.fields | typed, headers=person.bearer | {"accept": "text/html"})


async def read_posts(client: httpx2.AsyncClient, person: Person) -> list[dict[str, object]]:
    """Return a person's posts."""
    posts: list[dict[str, object]] = (await client.get(f"/api/user/{person.id}", headers=person.bearer)).json()
    return posts


async def test_a_post_is_written_with_the_form(client: httpx2.AsyncClient, ada: Person) -> None:
    """The form writes a post and leads to the list, which says so; line breaks come as CRLF and are stored as LF."""
    form = await open_form(client, ada, NEW)
    answer = await send(client, ada, form, title="안녕 <b>", content="one\r\ntwo & three", published="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, "/userposts?done=published")
    [post] = await read_posts(client, ada)
    assert (post["title"], post["content"], post["published"]) == ("안녕 <b>", "one\ntwo & three", True)


async def test_a_draft_is_what_is_not_published(client: httpx2.AsyncClient, ada: Person) -> None:
    """Without the tick, which is off at first, the post is a draft; the list says so, and offers to publish it."""
    form = await open_form(client, ada, NEW)
    answer = await send(client, ada, form, title="Draft")
    [post] = await read_posts(client, ada)
    assert post["published"] is False
    page = await client.get(answer.headers["location"], headers=ada.bearer)
    notice = page.text.partition('role="status"')[2].partition("<h1>")[0]
    assert "Draft saved. Only you can see it." in notice
    answer = await send(client, ada, read_forms(notice)[PUBLISH])
    assert (answer.status_code, answer.headers["location"]) == (303, "/userposts?done=published")
    [post] = await read_posts(client, ada)
    assert (post["title"], post["published"]) == ("Draft", True)
    assert PUBLISH not in (await client.get("/userposts", headers=ada.bearer)).text


async def test_a_second_click_writes_no_second_post(client: httpx2.AsyncClient, ada: Person) -> None:
    """The same form sent twice, at once or later, is one post; changed and sent again it is another. Ten rounds."""
    form = await open_form(client, ada, NEW)
    for number in range(10):
        at_once = await asyncio.gather(*(send(client, ada, form, title=f"Round {number}") for _ in range(4)))
        later = await send(client, ada, form, title=f"Round {number}")
        assert {answer.status_code for answer in (*at_once, later)} == {303}
        assert len(await read_posts(client, ada)) == number + 1


@pytest.mark.parametrize("path", [NEW, EDIT])
async def test_a_refused_form_keeps_what_was_typed(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Each error is beside its field, and everything typed is still there."""
    await write_post(client, ada, title="Before")
    form = await open_form(client, ada, path)
    content = '\r\n  <i>kept</i> & "quoted"\r\n'
    answer = await send(client, ada, form, title="  ", content=content, published="yes")
    assert answer.status_code == 422
    shown = read_forms(answer.text)[path]
    assert (shown.fields["title"], shown.fields["content"]) == ("  ", content.replace("\r\n", "\n"))
    assert "published" in shown.fields
    assert shown.attributes["title"]["aria-invalid"] == "true"
    assert "Must not be blank" in answer.text
    assert [post["title"] for post in await read_posts(client, ada)] == ["Before"]
    assert (await send(client, ada, shown, title="Right now")).status_code == 303


async def test_a_post_is_edited_with_the_form(client: httpx2.AsyncClient, ada: Person) -> None:
    """The edit form contains the post as it is and changes it, including whether it is published."""
    content = "\n\nbegins with blank lines, ends with spaces  "
    await write_post(client, ada, title="Old <i>", content=content, published=True)
    form = await open_form(client, ada, EDIT)
    assert (form.fields["title"], form.fields["content"]) == ("Old <i>", content)
    del form.fields["published"]
    answer = await send(client, ada, form, title="New")
    assert (answer.status_code, answer.headers["location"]) == (303, "/userposts?done=draft&post=1")
    [post] = await read_posts(client, ada)
    assert (post["title"], post["content"], post["published"]) == ("New", content, False)


async def test_a_change_meanwhile_is_not_overwritten_unseen(client: httpx2.AsyncClient, ada: Person) -> None:
    """When the post has changed since the form was opened: 412, what was typed is kept, and saving again works."""
    await write_post(client, ada, title="Old")
    form = await open_form(client, ada, EDIT)
    await client.patch("/api/posts/1", json={"title": "Changed elsewhere"}, headers=ada.bearer)
    overtaken = await send(client, ada, form, title="Mine", content="My words")
    assert overtaken.status_code == 412
    assert 'role="alert"' in overtaken.text
    shown = read_forms(overtaken.text)[EDIT]
    assert (shown.fields["title"], shown.fields["content"]) == ("Mine", "My words")
    [post] = await read_posts(client, ada)
    assert post["title"] == "Changed elsewhere"
    assert (await send(client, ada, shown)).status_code == 303
    [post] = await read_posts(client, ada)
    assert post["title"] == "Mine"


async def test_an_expired_form_does_not_forget_what_its_author_saw(
    client: httpx2.AsyncClient, app: Starlette, ada: Person
) -> None:
    """A form refused for its age and sent again still overwrites no change made since it was first opened."""
    await write_post(client, ada, title="Old")
    form = await open_form(client, ada, EDIT)
    made = int(time.time()) - MAX_AGE
    form.fields["form_token"] = app.state.parts.form_tokens.sign(str(read_claims(ada.token)["sid"]), made)
    await client.patch("/api/posts/1", json={"title": "Changed elsewhere"}, headers=ada.bearer)
    expired = await send(client, ada, form, title="Mine")
    assert expired.status_code == 403
    shown = read_forms(expired.text)[EDIT]
    assert (await send(client, ada, shown)).status_code == 412
    [post] = await read_posts(client, ada)
    assert post["title"] == "Changed elsewhere"


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "9" * 40])
async def test_a_form_without_its_version_is_not_saved_blindly(
    client: httpx2.AsyncClient, ada: Person, version: str
) -> None:
    """A version that no post has counts as outdated, even when the form was refused and is sent again."""
    await write_post(client, ada)
    form = await open_form(client, ada, EDIT)
    assert (await send(client, ada, form, version=version)).status_code == 412
    refused = await send(client, ada, form, version=version, title="")
    assert refused.status_code == 422
    assert (await send(client, ada, read_forms(refused.text)[EDIT], title="x")).status_code == 412


async def test_a_post_is_deleted_with_the_form(client: httpx2.AsyncClient, ada: Person) -> None:
    """The delete form deletes the post and leads to the list, which says so; sent again it is 404 with the list."""
    await write_post(client, ada)
    form = await open_form(client, ada, "/userposts", DELETE)
    answer = await send(client, ada, form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/userposts?done=deleted")
    assert await read_posts(client, ada) == []
    again = await send(client, ada, form)
    assert again.status_code == 404
    assert "<h1>My posts</h1>" in again.text


@pytest.mark.parametrize("published", [True, False])
async def test_forms_never_touch_anothers_post(
    client: httpx2.AsyncClient, ada: Person, grace: Person, *, published: bool
) -> None:
    """With a valid form token of one's own, another's post can be neither changed, published nor deleted."""
    post = await write_post(client, ada, published=published)
    token = (await open_form(client, grace, NEW)).fields["form_token"]
    fields = {"form_token": token, "title": "Taken", "version": "1"}
    assert (await client.post(EDIT, data=fields, headers=grace.bearer)).status_code == 404
    for path in (DELETE, PUBLISH):
        assert (await client.post(path, data=fields, headers=grace.bearer)).status_code in {403, 404}
    assert await read_posts(client, ada) == [post]


@pytest.mark.parametrize("token", ["", "x", "1.x", "é.é", "99999999999.0", "\u0661.0"])
@pytest.mark.parametrize("path", [NEW, EDIT, DELETE, PUBLISH])
async def test_a_form_without_its_token_does_nothing(
    client: httpx2.AsyncClient, ada: Person, path: str, token: str
) -> None:
    """A form without the token of its session is 403 and nothing happens; what was typed is kept."""
    post = await write_post(client, ada)
    fields = {"form_token": token, "title": "Typed", "content": "Typed too", "version": "1"}
    answer = await client.post(path, data=fields, headers=ada.bearer | {"accept": "text/html"})
    assert answer.status_code == 403
    assert await read_posts(client, ada) == [post]
    if path in {NEW, EDIT}:
        shown = read_forms(answer.text)[path]
        assert (shown.fields["title"], shown.fields["content"]) == ("Typed", "Typed too")
        assert (await send(client, ada, shown)).status_code == 303


async def test_a_form_token_belongs_to_one_session(client: httpx2.AsyncClient, ada: Person) -> None:
    """The token of another session, even of the same user, is refused."""
    elsewhere = make_person(ada.id, ada.name)
    form = await open_form(client, elsewhere, NEW)
    assert (await send(client, ada, form, title="x")).status_code == 403


@pytest.mark.parametrize("path", [PUBLISH, DELETE])
async def test_a_button_of_another_session_shows_the_list(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Publish and Delete on a page from before another sign-in: 403 with the list, which says so; there they work."""
    post = await write_post(client, ada)
    form = await open_form(client, make_person(ada.id, ada.name), "/userposts", path)
    refused = await send(client, ada, form)
    assert refused.status_code == 403
    assert "<h1>My posts</h1>" in refused.text
    assert "Save" not in refused.text.partition('role="alert"')[2].partition("</p>")[0]
    assert await read_posts(client, ada) == [post]
    assert (await send(client, ada, read_forms(refused.text)[path])).status_code == 303


async def test_publishing_what_is_published_changes_nothing(client: httpx2.AsyncClient, ada: Person) -> None:
    """A second click on Publish has the same result, and the post stays as it is: its version, its times."""
    await write_post(client, ada)
    form = await open_form(client, ada, "/userposts", PUBLISH)
    await send(client, ada, form)
    published = await read_posts(client, ada)
    again = await send(client, ada, form)
    assert (again.status_code, again.headers["location"]) == (303, "/userposts?done=published")
    assert await read_posts(client, ada) == published
    assert (await open_form(client, ada, EDIT)).fields["version"] == "2"


async def test_publishing_what_is_gone_shows_the_list(client: httpx2.AsyncClient, ada: Person) -> None:
    """Publish of a post that was deleted meanwhile is 404 with the list, which says so."""
    await write_post(client, ada)
    form = await open_form(client, ada, "/userposts", PUBLISH)
    await send(client, ada, await open_form(client, ada, "/userposts", DELETE))
    gone = await send(client, ada, form)
    assert gone.status_code == 404
    assert "<h1>My posts</h1>" in gone.text
    assert 'role="alert"' in gone.text


@pytest.mark.parametrize("path", [NEW, EDIT])
async def test_a_form_of_another_account_says_so(
    client: httpx2.AsyncClient, ada: Person, grace: Person, path: str
) -> None:
    """After signing in to another account the form says so, and saves what was typed only as a new post there."""
    post = await write_post(client, ada, published=True)
    form = await open_form(client, ada, path)
    refused = await send(client, grace, form, title="Typed")
    assert refused.status_code == 403
    assert "another account" in refused.text.partition('role="alert"')[2].partition("</p>")[0]
    assert await read_posts(client, ada) == [post]
    shown = read_forms(refused.text)
    assert [action for action in shown if action.startswith("/userposts")] == [NEW]
    assert shown[NEW].fields["title"] == "Typed"
    assert (await send(client, grace, shown[NEW])).status_code == 303
    assert [post["title"] for post in await read_posts(client, grace)] == ["Typed"]
    assert await read_posts(client, ada) == [post]


async def test_a_form_token_ages(client: httpx2.AsyncClient, app: Starlette, ada: Person) -> None:
    """A form that was open for longer than half a day must be sent again."""
    form = await open_form(client, ada, NEW)
    session_id = str(read_claims(ada.token)["sid"])
    made = int(time.time()) - MAX_AGE
    form.fields["form_token"] = app.state.parts.form_tokens.sign(session_id, made)
    assert (await send(client, ada, form, title="x")).status_code == 403
    form.fields["form_token"] = app.state.parts.form_tokens.sign(session_id, made + 30)
    assert (await send(client, ada, form, title="x")).status_code == 303


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"title=a&title=b", "application/x-www-form-urlencoded", 400),
        (b"title=%ff", "application/x-www-form-urlencoded", 400),
        (b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused(
    client: httpx2.AsyncClient, ada: Person, content: bytes, media_type: str, status: int
) -> None:
    """Other types, duplicate fields, broken encodings, too much of anything: each is refused with its own error."""
    answer = await client.post(NEW, content=content, headers=ada.bearer | {"content-type": media_type})
    assert answer.status_code == status


@pytest.mark.parametrize("text", ["%00", "%ED%A0%80"])
async def test_text_that_cannot_be_stored_is_no_fault_of_ours(
    client: httpx2.AsyncClient, ada: Person, text: str
) -> None:
    """NUL and encoded surrogates in a form are refused."""
    form = await open_form(client, ada, NEW)
    body = f"form_token={form.fields['form_token']}&title=x&content={text}"
    headers = ada.bearer | {"content-type": "application/x-www-form-urlencoded"}
    assert (await client.post(NEW, content=body.encode(), headers=headers)).status_code in {400, 422}


async def test_the_longest_content_fits_into_the_form(client: httpx2.AsyncClient, ada: Person) -> None:
    """As many characters as the field accepts fit into the form, in any script; a few more are an error, and kept."""
    form = await open_form(client, ada, NEW)
    too_long = await send(client, ada, form, title="긴" * 200, content="긴" * (MAX_CONTENT + 1))
    assert too_long.status_code == 422
    shown = read_forms(too_long.text)[NEW]
    assert len(shown.fields["content"]) == MAX_CONTENT + 1
    assert (await send(client, ada, shown, content="긴" * MAX_CONTENT)).status_code == 303


async def test_forms_can_be_used_by_keyboard_and_reader(client: httpx2.AsyncClient, ada: Person) -> None:
    """Every visible field has a label, and the first has the focus."""
    page = (await client.get(NEW, headers=ada.bearer)).text
    for name in ("title", "content", "published"):
        assert f'<label for="{name}"' in page
        assert f'id="{name}"' in page
    assert page.count("autofocus") == 1
