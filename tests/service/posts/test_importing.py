"""Posts of another system, imported by operators."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import httpx2
import pytest

from posts_service.operators import importing
from posts_service.operators.command_line import COMMANDS
from posts_service.parts import SERVICE
from posts_service.tables.posts import delete_post
from shared.command_line.dispatch import run_command
from shared.observing.logs import set_up_logs
from tests.support.fake_auth_service import FakeAuthService
from tests.support.people import Person
from tests.support.rows_read import watch_readings
from tests.support.waiting import wait_until

ADA = "ada.lovelace@example.com"


@pytest.fixture(autouse=True)
def settings(
    monkeypatch: pytest.MonkeyPatch, posts_database_url: str, logging_as_it_was: None, database: asyncpg.Connection
) -> None:
    """Give the command its settings, and no patience.

    Logs are set up as it sets them up itself: else what the service beside it, whose feed begins anew with each test,
    says before that is among what the command prints.
    """
    del logging_as_it_was, database  # it sets up logging; emptied
    set_up_logs(SERVICE, "ERROR", "text")
    monkeypatch.setenv("POSTS_DATABASE_URL", posts_database_url)
    monkeypatch.setattr(importing, "PATIENCE", 0)


@pytest.fixture
async def authors(fake_auth_service: FakeAuthService, database: asyncpg.Connection, ada: Person, grace: Person) -> None:
    """Let the service know two users."""
    for person in (ada, grace):
        fake_auth_service.tell("created", person.id, person.name)
    await wait_until(lambda: database.fetchval("SELECT count(*) FROM authors"), lambda found: found == 2)


def make_line(key: str, author: str = ADA, **members: object) -> dict[str, object]:
    """Return a post's line."""
    return {"key": key, "author": author, "title": f"Title of {key}", **members}


async def run(
    path: Path, lines: Sequence[object], capture: pytest.CaptureFixture[str], *options: str
) -> tuple[int, object, str]:
    """Import lines; return the status, what was printed, and the errors."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))  # noqa: ASYNC240 - small
    capture.readouterr()
    status = await asyncio.to_thread(run_command, SERVICE, [COMMANDS], ["import", str(path), "--json", *options])
    out, err = capture.readouterr()
    return status, json.loads(out) if out else None, err


def tally(lines: int, imported: int, present: int, skipped: int) -> dict[str, object]:
    """Return what is printed of an import."""
    return {"lines": lines, "imported": imported, "present": present, "skipped": skipped, "state": "imported"}


@pytest.mark.usefixtures("authors")
async def test_posts_are_their_authors(
    client: httpx2.AsyncClient, ada: Person, grace: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Posts are listed as their authors', the last of the file first, with the times that they had."""
    old = "2020-01-02T03:04:05Z"
    lines = [
        make_line("post:1", content="Text", published=True, createdAt=old, updatedAt="2021-01-01T00:00:00Z"),
        make_line("post:2", "Grace.HOPPER@example.com"),
        make_line("post:3", published=True, createdAt=old),
    ]
    assert await run(tmp_path / "posts.jsonl", lines, capsys) == (0, tally(3, 3, 0, 0), "")
    newest, oldest = (await client.get(f"/api/user/{ada.id}", headers=ada.bearer)).json()
    assert (oldest["title"], oldest["content"], oldest["published"]) == ("Title of post:1", "Text", True)
    assert oldest["author"] == {"name": ada.name, "email": ADA}
    assert (oldest["createdAt"], oldest["updatedAt"]) == (old, "2021-01-01T00:00:00Z")
    assert (newest["title"], newest["createdAt"], newest["updatedAt"]) == ("Title of post:3", old, old)
    (draft,) = (await client.get(f"/api/user/{grace.id}", headers=grace.bearer)).json()
    assert (draft["published"], draft["content"]) == (False, "")
    assert dt.datetime.fromisoformat(draft["createdAt"]) > dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.usefixtures("authors")
@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_a_key_is_imported_once(
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    ada: Person,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    """Again it is left as it is: not twice, not changed back, and not brought back when its author deleted it."""
    monkeypatch.setattr("shared.command_line.importing.BATCH", batch)
    lines = [make_line("1"), make_line("2"), make_line("1", title="Another")]
    assert await run(tmp_path / "posts.jsonl", lines, capsys) == (0, tally(3, 2, 1, 0), "")
    posts = await database.fetch("SELECT id, title FROM posts ORDER BY id")
    assert [row["title"] for row in posts] == ["Title of 1", "Title of 2"]
    await delete_post(database, posts[0]["id"], ada.id)
    await client.patch(f"/api/posts/{posts[1]['id']}", json={"title": "Changed"}, headers=ada.bearer)
    assert await run(tmp_path / "posts.jsonl", [*lines, make_line("3")], capsys) == (0, tally(4, 1, 3, 0), "")
    left = await database.fetch("SELECT title FROM posts ORDER BY id")
    assert [row["title"] for row in left] == ["Changed", "Title of 3"]


@pytest.mark.usefixtures("authors")
async def test_what_can_not_be_imported_is_named(
    database: asyncpg.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A post of nobody, and one that could not be written here, is skipped; the rest goes on. A dry run stores none."""
    lines = [
        make_line("1", title=" "),
        make_line("2", "nobody@example.com"),
        make_line("3", createdAt="2999-01-01T00:00:00Z"),
        make_line("4", id=4),
        {**make_line("5"), "author": None},
        make_line("6", content="x" * 100_001),
        make_line("7"),
    ]
    errors = [
        "line 1, 1: title must not be blank",
        "line 3, 3: createdAt must be a time since 1970 that has come",
        "line 4, 4: id is not known here",
        "line 5, 5: author must be text",
        "line 6, 6: content must be at most 100000 characters",
        "line 2, 2: author is not known here",
    ]
    path = tmp_path / "posts.jsonl"
    dry = {**tally(7, 1, 0, 6), "state": "would be imported"}
    assert await run(path, lines, capsys, "--dry-run") == (3, dry, "".join(f"{line}\n" for line in errors))
    assert await database.fetchval("SELECT count(*) FROM posts") == 0
    assert await run(path, lines, capsys) == (3, tally(7, 1, 0, 6), "".join(f"{line}\n" for line in errors))
    assert await database.fetchval("SELECT count(*) FROM posts") == 1


async def test_authors_who_are_on_their_way_are_awaited(
    fake_auth_service: FakeAuthService,
    database: asyncpg.Connection,
    ada: Person,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A post whose author was only just imported into the auth service is stored once the service has heard of them."""
    monkeypatch.setattr(importing, "PATIENCE", 60)
    importing_it = asyncio.create_task(run(tmp_path / "posts.jsonl", [make_line("1")], capsys))
    await asyncio.sleep(0.1)
    fake_auth_service.tell("created", ada.id, ada.name)
    assert await importing_it == (0, tally(1, 1, 0, 0), "")
    assert await database.fetchval("SELECT author_id FROM posts") == ada.id


@pytest.mark.usefixtures("authors")
async def test_a_deleted_author_gets_no_posts(
    fake_auth_service: FakeAuthService,
    database: asyncpg.Connection,
    ada: Person,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A deleted user is not named as an author, and no post is kept that only they could delete."""
    fake_auth_service.tell("deleted", ada.id)
    await wait_until(lambda: database.fetchval("SELECT name FROM authors WHERE id = $1", ada.id), lambda name: not name)
    status, found, err = await run(tmp_path / "posts.jsonl", [make_line("1")], capsys)
    assert (status, found, err) == (3, tally(1, 0, 0, 1), "line 1, 1: author is not known here\n")
    assert await database.fetchval("SELECT count(*) FROM imported_posts") == 0


async def test_a_wrong_call_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there is status 1, a setting that lacks 2, each with one sentence; so is a wrong argument."""
    missing = str(tmp_path / "posts.jsonl")
    assert await asyncio.to_thread(run_command, SERVICE, [COMMANDS], ["import", missing]) == 1
    assert capsys.readouterr().err == f"{missing} can't be read: No such file or directory\n"
    with pytest.raises(SystemExit) as ended:
        run_command(SERVICE, [COMMANDS], ["import"])
    assert ended.value.code == 2
    monkeypatch.delenv("POSTS_DATABASE_URL")
    assert run_command(SERVICE, [COMMANDS], ["import", missing]) == 2
    assert capsys.readouterr().err.endswith("POSTS_DATABASE_URL: is missing\n")


@pytest.mark.usefixtures("authors")
async def test_people_read_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--json`` there is a line for each number."""
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(make_line("1")))
    assert await asyncio.to_thread(run_command, SERVICE, [COMMANDS], ["import", str(path)]) == 0
    assert capsys.readouterr().out.split() == [
        *("lines", "1", "imported", "1", "present", "0", "skipped", "0", "state", "imported")
    ]


@pytest.mark.parametrize("is_analyzed", [True, False])
async def test_authors_are_found_by_an_index(database: asyncpg.Connection, *, is_analyzed: bool) -> None:
    """Among many authors, those of a batch are found by their addresses alone; one in the same case goes first."""
    await database.execute(
        "INSERT INTO authors (id, name, email, as_of) "
        "SELECT i, 'Ada', 'Ada' || i || '@example.com', 'infinity' FROM generate_series(1, 5000) AS i"
    )
    await database.execute("INSERT INTO authors (id, name, email, as_of) VALUES (9000, '', 'ADA7@EXAMPLE.COM', now())")
    if is_analyzed:
        await database.execute("ANALYZE authors")
    wanted = ["ada5@example.com", "Ada7@example.com", "ADA7@EXAMPLE.COM", "nobody@example.com"]
    found, (reading,) = await watch_readings(database, lambda: importing.get_authors(database, wanted), "authors")
    assert found == {wanted[0]: 5, wanted[1]: 7, wanted[2]: 9000}
    assert reading.scans == 0
    assert reading.rows < 50
