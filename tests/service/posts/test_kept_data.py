"""What the posts service keeps about a user: all of it is exported, and none of it survives their deletion."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from posts_service.operators.command_line import COMMANDS
from posts_service.operators.exports import LEFT_OUT, WITHHELD
from posts_service.parts import SERVICE
from shared.command_line.dispatch import run_command
from shared.postgres.housekeeping import Housekeeping
from tests.support.fake_auth_service import FakeAuthService
from tests.support.kept_tables import list_columns, list_documented, search
from tests.support.people import Person
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, posts_database_url: str, logging_as_it_was: None) -> None:
    """Give the command its settings."""
    del logging_as_it_was
    monkeypatch.setenv("POSTS_DATABASE_URL", posts_database_url)


@pytest.fixture
async def housekeeping(app: Starlette) -> AsyncIterator[Housekeeping]:
    """Give the service's housekeeping, which does not run by itself."""
    housekeeping: Housekeeping = app.state.server.housekeeping
    await housekeeping.stop()
    yield housekeeping
    housekeeping.start()


@pytest.fixture
async def busy(
    client: httpx2.AsyncClient, ada: Person, fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> Person:
    """Give a user who wrote a post and a draft, which another service told of."""
    fake_auth_service.tell("created", ada.id, ada.name)
    await wait_until(lambda: database.fetchval("SELECT count(*) FROM authors"), lambda found: found == 1)
    for published in (True, False):
        body = {"title": f"By {ada.name}", "content": "Text", "published": published}
        headers = {**ada.bearer, "idempotency-key": f"key-{published}"}
        assert (await client.post("/api/posts", json=body, headers=headers)).status_code == 201
    return ada


async def run(capture: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command; return its exit status, and what it printed."""
    capture.readouterr()
    try:
        status = await asyncio.to_thread(run_command, SERVICE, [COMMANDS], words)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return (status, *capture.readouterr())


async def test_all_that_is_kept_is_exported(
    busy: Person, database: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """``user export`` has each column of each table, but for those that are named with a reason."""
    await database.execute("INSERT INTO removals VALUES ($1)", busy.id)
    status, out, err = await run(capsys, "user", "export", str(busy.id))
    assert (status, err) == (0, "")
    found, columns = json.loads(out), await list_columns(database)
    assert set(columns) == set(found) | set(LEFT_OUT)
    for table, rows in found.items():
        assert set(rows[0]) == columns[table] - WITHHELD[table], table
    assert [post["published"] for post in found["posts"]] == [True, False]
    assert json.loads(found["idempotency_keys"][0]["body"])["title"] == f"By {busy.name}"
    email = await database.fetchval("SELECT email FROM authors")
    assert (await run(capsys, "user", "export", email.upper()))[:2] == (0, out)


async def test_who_is_not_known(database: asyncpg.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody of an id or an address, or several of an address, is one sentence; a wrong call ends with 2."""
    nobody = "No user of that e-mail address is known here\n"
    assert await run(capsys, "user", "export", "nobody@example.com") == (1, "", nobody)
    assert await run(capsys, "user", "export", "7") == (1, "", "Nothing is kept here about a user of that id\n")
    alike = "INSERT INTO authors (id, name, email, as_of) VALUES ($1, 'Eve', $2, now())"
    for author_id, email in ((7, "a@x.example"), (8, "A@x.example")):
        await database.execute(alike, author_id, email)
    several = "Several users have that e-mail address: name one by id, 7, 8\n"
    assert await run(capsys, "user", "export", "A@X.example") == (1, "", several)
    assert (await run(capsys, "user", "export", "A@x.example"))[0] == 0
    for words in (("user",), ("user", "export"), ("user", "export", "ada"), ("users",), ("--no-such",)):
        status, out, err = await run(capsys, *words)
        assert (status, out, err.startswith("usage: python -m posts_service")) == (2, "", True)


async def test_deletion_leaves_nothing(
    busy: Person, housekeeping: Housekeeping, fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """Once the deletion was told of, no table has the user's name or address, or anything that they wrote."""
    email = await database.fetchval("SELECT email FROM authors")
    assert await search(database, busy.name, email) == ["authors", "idempotency_keys", "posts"]
    fake_auth_service.tell("deleted", busy.id)
    await wait_until(lambda: database.fetchval("SELECT count(*) FROM removals"), lambda found: found == 1)
    await housekeeping.finish()
    assert await search(database, busy.name, email) == []
    for table in ("posts", "idempotency_keys", "removals"):
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608


async def test_old_deletions_are_forgotten(housekeeping: Housekeeping, database: asyncpg.Connection) -> None:
    """An author who was deleted long ago is forgotten altogether; one who was lately, or is being so, is not."""
    insert = "INSERT INTO authors (id, as_of, deleted_at) VALUES ($1, 'infinity', now() - $2::int * interval '1 day')"
    for author_id, days in ((11, 401), (12, 399), (13, 401)):
        await database.execute(insert, author_id, days)
    await database.execute("INSERT INTO posts (author_id, title, content, published) VALUES (13, '', '', true)")
    await database.execute("INSERT INTO removals VALUES (13)")
    held = await database.fetch("SELECT id FROM authors ORDER BY id")
    assert [row["id"] for row in held] == [11, 12, 13]
    await housekeeping.finish()
    assert [row["id"] for row in await database.fetch("SELECT id FROM authors ORDER BY id")] == [12]


async def test_who_missed_deletions_reads_anew(
    busy: Person, fake_auth_service: FakeAuthService, database: asyncpg.Connection
) -> None:
    """A feed that has forgotten deletions which were not read is read from its beginning: nobody stays by mistake."""
    await database.execute("UPDATE authors SET as_of = 'infinity' WHERE id = $1", busy.id)
    fake_auth_service.purge()
    fake_auth_service.tell("created", 99, "Grace Hopper")
    names = "SELECT name FROM authors WHERE id = ANY($1::bigint[]) ORDER BY id"
    found = await wait_until(
        lambda: database.fetch(names, [busy.id, 99]), lambda rows: [row[0] for row in rows] == [None, "Grace Hopper"]
    )
    assert len(found) == 2


async def test_each_table_is_documented(app: Starlette, database: asyncpg.Connection) -> None:
    """``docs/operations.md`` says of each table what is kept, and until when; and of none that is not there."""
    del app
    assert list_documented("posts service") == set(await list_columns(database))
