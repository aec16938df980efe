"""The auth service's database was put back, and has told more since than was lost: who was away notices all the same.

Here the follower is a reader of the feeds that asks when a test wants it to; every other knows no more than it does.
"""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest

from tests.support.feed_reader import FEEDS, FeedReader
from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.posts import write_post
from tests.support.restoring import DATA_ALONE, RECOVERY, Installation, connected, count_losses, dump, restore
from tests.support.signers import USUAL, signer_of
from tests.support.waiting import wait_until

PutBack = Callable[[str, Path], Awaitable[None]]
FILLED = (
    "users",
    "sessions",
    "refresh_tokens",
    "user_changes",
    "revocations",
    "epochs",
    "feed_starts",
    "feed_ends",
    "audit",
)
SEQUENCES = ("users_id_seq", "user_changes_id_seq", "revocations_id_seq", "audit_id_seq")


async def end_a_session(auth: httpx2.AsyncClient, person: Person) -> None:
    """Sign somebody in and out again."""
    again = await sign_in(auth, person.email)
    assert (await auth.post("/api/logout", headers=again.bearer)).status_code == 204


async def read_feeds(auth: httpx2.AsyncClient, readers: list[FeedReader] | None = None) -> list[FeedReader]:
    """Return readers of both feeds, at their ends."""
    return [await reader.read(auth) for reader in readers or [FeedReader(feed) for feed in FEEDS]]


async def begin(auth: httpx2.AsyncClient) -> Person:
    """Let Ada sign up, and end a session: what is not lost."""
    ada = await sign_up_and_in(auth, "Ada")
    await end_a_session(auth, ada)
    return ada


async def lose(auth: httpx2.AsyncClient) -> tuple[Person, list[FeedReader]]:
    """Let happen what will be lost; return who signed up meanwhile, and readers who have heard of all of it."""
    mary = await sign_up_and_in(auth, "Mary")
    for _ in range(2):
        await end_a_session(auth, mary)
    return mary, await read_feeds(auth)


async def overtake(auth: httpx2.AsyncClient) -> Person:
    """Let more happen than was lost; return somebody who signed up."""
    wanted = {"name": "John", "email": "john@example.com", "password": PASSWORD}
    await wait_until(lambda: auth.post("/api/user", json=wanted), lambda answer: answer.status_code == 201, seconds=20)
    john = await sign_in(auth, wanted["email"])
    for number in range(4):
        await sign_up_and_in(auth, f"Later{number}")
        await end_a_session(auth, john)
    return john


async def assert_noticed(auth: httpx2.AsyncClient, mary: Person, readers: list[FeedReader]) -> None:
    """Check that each reader has to begin anew, once, and that old tokens open nothing."""
    back = await read_feeds(auth, readers)
    assert [(reader.feed, reader.has_gone_back) for reader in back] == [(feed, True) for feed in FEEDS]
    assert (await auth.get("/api/me", headers=mary.bearer)).status_code == 401
    assert [reader.has_gone_back for reader in await read_feeds(auth, back)] == [False, False]


async def restore_twice(url: str, kept: Path) -> None:
    """Put the same dump back, and once more."""
    await restore(url, kept)
    await restore(url, kept)


async def restore_into_emptied_tables(url: str, kept: Path) -> None:
    """Put all rows back, ``epochs`` among them, into tables that were emptied."""
    async with connected(url) as database:
        await database.execute(f"TRUNCATE {', '.join(FILLED)} CASCADE")
    await _fill(url, kept)


async def restore_rows(url: str, kept: Path) -> None:
    """Put all rows back, ``epochs`` among them, row by row: no table's file has changed."""
    async with connected(url) as database:
        await database.execute("ALTER TABLE revocations DISABLE TRIGGER keep_newest")
        await database.execute("; ".join(f"DELETE FROM {table}" for table in reversed(FILLED)))  # noqa: S608 - our own
        await database.execute("ALTER TABLE revocations ENABLE TRIGGER keep_newest")
    await _fill(url, kept)


async def _fill(url: str, kept: Path) -> None:
    for name in (*FILLED, *SEQUENCES):  # in an order in which each row finds those that it refers to
        await restore(url, kept, [*DATA_ALONE, f"--table={name}"])


@pytest.mark.parametrize("put_back", [restore, restore_twice, restore_into_emptied_tables, restore_rows])
async def test_rows_of_a_dump(installation: Installation, folder: Path, put_back: PutBack) -> None:
    """A dump that is put back while nothing runs is noticed in whatever way that is done."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await begin(auth)
            await dump(urls.auth, folder / "auth.dump")
            mary, readers = await lose(auth)
        await put_back(urls.auth, folder / "auth.dump")
        async with installation.auth_alone(urls) as (_, auth):
            john = await overtake(auth)
            assert john.id > 1_000_000
            await assert_noticed(auth, mary, readers)
            assert (await auth.get("/api/me", headers=john.bearer)).status_code == 200


async def test_a_dump_of_an_epoch_before_the_last_loss(installation: Installation, folder: Path) -> None:
    """A dump from before an earlier restore is noticed by who has followed since that one.

    It was noticed before they came back, from an epoch that is unknown here: who has signed in since stays signed in.
    """
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await begin(auth)
            await dump(urls.auth, folder / "auth.dump")
        for _ in range(2):
            await restore(urls.auth, folder / "auth.dump")
            async with installation.auth_alone(urls) as (app, auth):
                await app.state.parts.epoch_watch.look()
                mary, readers = await lose(auth)
        await restore(urls.auth, folder / "auth.dump")
        async with installation.auth_alone(urls) as (_, auth):
            john = await overtake(auth)
            await assert_noticed(auth, mary, readers)
            assert (await auth.get("/api/me", headers=john.bearer)).status_code == 200


@pytest.mark.parametrize("timeline", ["same timeline", "next timeline"])
async def test_files_of_a_moment_ago(installation: Installation, folder: Path, timeline: str) -> None:
    """A copy of the files, or a snapshot of the disk, that is put back soon after it was made is noticed."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await begin(auth)
    installation.copy_files(folder / "copy")
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            mary, readers = await lose(auth)
    installation.put_back(folder / "copy")
    if timeline == "next timeline":
        installation.recover(RECOVERY)
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await overtake(auth)
            await assert_noticed(auth, mary, readers)


async def test_what_is_written_before_the_first_look(installation: Installation, folder: Path) -> None:
    """Entries that a replica writes before anybody has looked, as many as were lost, hide no loss."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            ada = await begin(auth)
    installation.copy_files(folder / "copy")
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            mary, readers = await lose(auth)
    installation.put_back(folder / "copy")
    with installation.postgres() as urls:
        async with connected(urls.auth) as database:
            await write_entries(database, ada, 9)
        async with installation.auth_alone(urls) as (app, auth):
            await app.state.parts.epoch_watch.look()
            await assert_noticed(auth, mary, readers)


async def test_a_standby_that_had_not_heard_of_all(installation: Installation) -> None:
    """A standby takes over without the last ended sessions, and with numbers beyond theirs: sequences are ahead there.

    PostgreSQL logs a sequence 32 numbers ahead (``SEQ_LOG_VALS``), so that the next numbers hide those that are gone.
    """
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await begin(auth)
            mary = await sign_up_and_in(auth, "Mary")
            await end_a_session(auth, mary)
            readers = await read_feeds(auth)
        async with connected(urls.auth) as database, database.transaction():
            await database.execute("ALTER TABLE revocations DISABLE TRIGGER keep_newest")
            await database.execute("DELETE FROM revocations WHERE id = (SELECT max(id) FROM revocations)")
            await database.execute("ALTER TABLE revocations ENABLE TRIGGER keep_newest")
            await database.execute("SELECT setval('revocations_id_seq', 33)")
    installation.recover(RECOVERY)
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await overtake(auth)
            back = {reader.feed: reader.has_gone_back for reader in await read_feeds(auth, readers)}
            assert back["revocations"]
            assert (await auth.get("/api/me", headers=mary.bearer)).status_code == 401


async def test_a_restart_is_no_loss(installation: Installation) -> None:
    """After a restart, however much is written before the first look, followers read on and miss nothing."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            ada = await begin(auth)
            readers = await read_feeds(auth)
    with installation.postgres() as urls:
        async with connected(urls.auth) as database:
            await write_entries(database, ada, 3)
        async with installation.auth_alone(urls) as (_, auth):
            more = await read_feeds(auth, readers)
            assert [reader.has_gone_back for reader in more] == [False, False]
            assert [len(reader.entries) for reader in more] == [2, 4]  # of a user's changes the last is kept
            assert (await auth.get("/api/me", headers=ada.bearer)).status_code == 200
        async with connected(urls.auth) as database:
            assert await count_losses(database) == (2, 0)


async def test_whoever_saw_more_ids_lets_them_skip(installation: Installation, folder: Path) -> None:
    """Files of a moment ago, put back under a running service: what it saw itself keeps ids from coming twice."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            await write_post(services.posts, ada)
    installation.copy_files(folder / "copy")
    with contextlib.ExitStack() as server:
        urls = server.enter_context(installation.postgres())
        async with installation.services(urls) as services:
            lost = await write_post(services.posts, await sign_up_and_in(services.auth, "Mary"))
            await services.look()
            server.close()
            installation.put_back(folder / "copy")
            assert server.enter_context(installation.postgres()) == urls
            john = await overtake(services.auth)
            assert john.id > 1_000_000
            wanted = {"json": {"title": "new"}, "headers": john.bearer}
            answer = await wait_until(
                lambda: services.posts.post("/api/posts", **wanted),  # type: ignore[arg-type]
                lambda answer: answer.status_code == 201,
                seconds=20,
            )
            assert answer.json()["id"] > 1_000_000 > int(str(lost["id"]))


async def test_tokens_of_a_key_pair_end_with_the_epoch(
    installation: Installation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a key pair signs, a loss ends the tokens from before as it does where a shared secret does."""
    monkeypatch.setattr(USUAL, "signer", signer_of("ES256"))
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await begin(services.auth)
            await dump(urls.auth, folder / "auth.dump")
            mary, readers = await lose(services.auth)
            await restore(urls.auth, folder / "auth.dump")
            await wait_until(
                lambda: services.posts.get(f"/api/user/{mary.id}", headers=mary.bearer),
                lambda answer: answer.status_code == 401,
                seconds=20,
            )
            await overtake(services.auth)
            await assert_noticed(services.auth, mary, readers)
            ada = await sign_in(services.auth, ada.email)
            await write_post(services.posts, ada)


async def write_entries(database: asyncpg.Connection, person: Person, entries: int) -> None:
    """Write entries of both feeds as a replica does that has not looked yet."""
    for _ in range(entries):
        await database.execute(
            "INSERT INTO user_changes (kind, user_id, name, email) VALUES ('renamed', $1, $2, $3)",
            person.id,
            person.name,
            person.email,
        )
        await database.execute("INSERT INTO revocations (session_id, until) VALUES (gen_random_uuid(), now() + '1 h')")


async def test_vacuum_changes_nothing(installation: Installation) -> None:
    """Rows that PostgreSQL freezes or moves by itself were not put back."""
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (app, auth):
            ada = await begin(auth)
            async with connected(urls.auth) as database:
                for command in ("VACUUM FREEZE epochs", "VACUUM FULL epochs"):
                    await database.execute(command)
            await app.state.parts.epoch_watch.look()
            assert (await auth.get("/api/me", headers=ada.bearer)).status_code == 200
        async with connected(urls.auth) as database:
            assert await count_losses(database) == (1, 0)
