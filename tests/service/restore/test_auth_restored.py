"""The auth service's database is put back to an earlier state: nobody becomes somebody else by it."""

import asyncio
import itertools
import uuid
from pathlib import Path

import httpx2
import pytest

from shared.postgres.epoch_watch import EpochUnknown
from tests.service.auth.test_internal import service_token
from tests.support.epochs import truncate
from tests.support.people import Person, sign_in, sign_up_and_in
from tests.support.posts import write_post
from tests.support.restoring import (
    DATA_ALONE,
    OVER_THE_OLD,
    OVER_THE_OLD_IN_STEPS,
    Installation,
    Services,
    connected,
    dump,
    restore,
)
from tests.support.waiting import wait_until

EMPTIED = "users, sessions, refresh_tokens, audit, user_changes, revocations, identities"
FILLED = ("users", "users_id_seq", "user_changes", "user_changes_id_seq", "audit", "audit_id_seq")


async def names_of(posts: httpx2.AsyncClient) -> dict[str, str | None]:
    """Return who is shown as the author of each published post, by its title."""
    published = (await posts.get("/api/posts?limit=100")).json()
    return {post["title"]: post["author"] and post["author"]["name"] for post in published}


async def wait_for_names(posts: httpx2.AsyncClient, **names: str | None) -> None:
    """Return when the published posts have these authors."""
    await wait_until(lambda: names_of(posts), lambda found: found == names, seconds=20)


async def wait_until_refused(services: Services, person: Person) -> None:
    """Return when a token opens nothing, at either service."""
    for client, path in ((services.posts, f"/api/user/{person.id}"), (services.auth, "/api/me")):
        await wait_until(
            lambda client=client, path=path: client.get(path, headers=person.bearer),  # type: ignore[misc]
            lambda answer: answer.status_code == 401,
            seconds=20,
        )


async def sign_up_when_possible(auth: httpx2.AsyncClient, name: str) -> Person:
    """Sign up and in, once the service gives out ids again."""
    wanted = {"name": name, "email": f"{name.lower()}@example.com", "password": "correct horse battery"}
    await wait_until(lambda: auth.post("/api/user", json=wanted), lambda answer: answer.status_code == 201, seconds=20)
    return await sign_in(auth, wanted["email"])


async def assert_nobody_became_another(services: Services, ada: Person, mary: Person, draft: int) -> None:
    """Check all that must hold once Mary, who signed up after the dump and wrote, is unknown to the auth service."""
    for old in (mary, ada):
        await wait_until_refused(services, old)
    john = await sign_up_when_possible(services.auth, "John")
    assert john.id > 1_000_000
    assert (await services.posts.get(f"/api/user/{john.id}", headers=john.bearer)).json() == []
    assert (await services.posts.get(f"/api/posts/{draft}", headers=john.bearer)).status_code == 404
    changed = await services.posts.patch(f"/api/posts/{draft}", json={"title": "Mine"}, headers=john.bearer)
    assert changed.status_code == 404
    ada = await sign_in(services.auth, ada.email)
    assert (await services.auth.get("/api/me", headers=ada.bearer)).json()["name"] == "Ada"
    await write_post(services.posts, john, title="by_john", published=True)
    await wait_for_names(services.posts, by_ada="Ada", by_mary=None, by_john="John")


async def begin(services: Services, dumped: Path, url: str) -> tuple[Person, Person, int]:
    """Let Ada write, dump, then let Mary sign up and write; return both, and the id of Mary's draft."""
    ada, _ = await sign_up_and_in(services.auth, "Ada"), await sign_up_and_in(services.auth, "Grace")
    await write_post(services.posts, ada, title="by_ada", published=True)
    await dump(url, dumped)
    mary = await sign_up_and_in(services.auth, "Mary")
    assert mary.id == 3
    draft = await write_post(services.posts, mary, title="draft")
    await write_post(services.posts, mary, title="by_mary", published=True)
    await wait_for_names(services.posts, by_ada="Ada", by_mary="Mary")
    async with services.posts_app.state.parts.database.connection() as database:
        reading = "SELECT position FROM followed_feeds"
        await wait_until(lambda: database.fetchval(reading), lambda position: position == mary.id)
    return ada, mary, int(str(draft["id"]))


async def test_a_dump_is_restored_while_the_services_are_stopped(installation: Installation, folder: Path) -> None:
    """Who signs up after a restore gets an id that nobody had, and reads nothing of anybody; old tokens open nothing.

    Names are right, and posts of a user whom the restored database does not know have no author. An audit line tells.
    """
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
        await restore(urls.auth, folder / "auth.dump")
        async with installation.services(urls) as services:
            await assert_nobody_became_another(services, ada, mary, draft)
        async with connected(urls.auth) as database:
            counting = "SELECT count(*) FROM audit WHERE event = 'database_put_back'"
            assert await database.fetchval(counting) == 1


@pytest.mark.parametrize("how", [OVER_THE_OLD, OVER_THE_OLD_IN_STEPS], ids=["in one transaction", "in steps"])
async def test_a_dump_is_restored_under_running_services(
    installation: Installation, folder: Path, how: tuple[str, ...]
) -> None:
    """The same holds when nobody stops the services for the restore."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
            await restore(urls.auth, folder / "auth.dump", how)
            await assert_nobody_became_another(services, ada, mary, draft)


async def test_who_signs_up_before_the_next_look_gets_an_id_of_the_new_epoch(
    installation: Installation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing up right after a restore lets a running service look into it at once: no old id is given out."""
    monkeypatch.setattr("shared.postgres.epoch_watch.LOOK_EVERY", 3600)
    with installation.postgres() as urls:
        async with installation.auth_alone(urls) as (_, auth):
            await sign_up_and_in(auth, "Ada")
            await dump(urls.auth, folder / "auth.dump")
            await sign_up_and_in(auth, "Mary")
            await restore(urls.auth, folder / "auth.dump")
            wanted = {"name": "John", "email": "john@example.com", "password": "correct horse battery"}
            answer = await auth.post("/api/user", json=wanted)
            assert (answer.status_code, answer.json()["id"] > 1_000_000) == (201, True)


async def test_the_numbers_were_overtaken(installation: Installation, folder: Path) -> None:
    """A follower that was away until the restored database had told more than it had heard notices all the same."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
        await restore(urls.auth, folder / "auth.dump")
        async with installation.auth_alone(urls) as (_, auth):
            for number in range(5):
                await sign_up_when_possible(auth, f"Later{number}")
        async with installation.services(urls) as services:
            await assert_nobody_became_another(services, ada, mary, draft)


async def test_the_data_alone_is_restored(installation: Installation, folder: Path) -> None:
    """Tables that are emptied and filled again are the same tables; what the posts service knows shows the loss."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
            async with connected(urls.auth) as database:
                await truncate(database, EMPTIED)
            await restore(urls.auth, folder / "auth.dump", [*DATA_ALONE, *(f"--table={name}" for name in FILLED)])
            await assert_nobody_became_another(services, ada, mary, draft)


async def test_names_are_forgotten_while_others_sign_up(installation: Installation, folder: Path) -> None:
    """However often somebody signs up, the names of users who are unknown since a restore are soon shown no more."""

    async def sign_up_on(auth: httpx2.AsyncClient) -> None:
        for number in itertools.count():
            await sign_up_when_possible(auth, f"Later{number}")
            await asyncio.sleep(0.5)

    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            await begin(services, folder / "auth.dump", urls.auth)
            await restore(urls.auth, folder / "auth.dump")
            signing_up = asyncio.create_task(sign_up_on(services.auth))
            try:
                await wait_for_names(services.posts, by_ada="Ada", by_mary=None)
            finally:
                signing_up.cancel()


async def test_rows_are_replaced_by_older_ones(installation: Installation, folder: Path) -> None:
    """A restore that leaves no trace at all in the database is noticed by who has seen more."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
            async with connected(urls.auth) as database, database.transaction():
                await database.execute("DELETE FROM users WHERE id = 3")
                await database.execute("DELETE FROM user_changes WHERE user_id = 3")
                await database.execute("SELECT setval('users_id_seq', 2), setval('user_changes_id_seq', 2)")
            await wait_until_refused(services, mary)
            await assert_nobody_became_another(services, ada, mary, draft)


async def test_a_dump_of_the_release_before_is_restored(installation: Installation, folder: Path) -> None:
    """A dump that knows of no epochs is brought up to date, and the posts service's word shows that it is old."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, draft = await begin(services, folder / "auth.dump", urls.auth)
        await restore(urls.auth, folder / "auth.dump")
        async with connected(urls.auth) as database:
            for migration in ("0017-invitations", "0016-identities", "0015-every-start-an-epoch", "0007-epochs"):
                script = (Path(__file__).parents[3] / f"auth_service/tables/migrations/{migration}.sql").read_text()
                await database.execute(script.partition("-- migrate: rollback")[2])
                await database.execute("DELETE FROM _pogo_migration WHERE migration_id = $1", migration)
        async with installation.services(urls) as services:
            await assert_nobody_became_another(services, ada, mary, draft)


async def test_who_was_deleted_since_the_dump_is_listed(installation: Installation, folder: Path) -> None:
    """A user who comes back by a restore has lost their posts; the posts service still knows whom to delete again."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, grace = await sign_up_and_in(services.auth, "Ada"), await sign_up_and_in(services.auth, "Grace")
            for person in (ada, grace):
                await write_post(services.posts, person, title=f"by_{person.name.lower()}", published=True)
            await dump(urls.auth, folder / "auth.dump")
            gone = await services.auth.request(
                "DELETE", "/api/me", json={"password": "correct horse battery"}, headers=grace.bearer
            )
            assert gone.status_code == 204
            await wait_for_names(services.posts, by_ada="Ada")
            await services.posts_app.state.server.housekeeping.finish()
            await restore(urls.auth, folder / "auth.dump")
            async with connected(urls.posts) as database:
                listing = "SELECT array_agg(id) FROM authors WHERE deleted_at IS NOT NULL AND name IS NOT NULL"
                await wait_until(lambda: database.fetchval(listing), lambda ids: ids == [grace.id], seconds=20)
            assert await names_of(services.posts) == {"by_ada": "Ada"}


async def test_replicas_begin_one_epoch(installation: Installation, folder: Path) -> None:
    """However many replicas and followers notice a restore, it is one: nobody who signed in after it is thrown out."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, mary, _ = await begin(services, folder / "auth.dump", urls.auth)
            await restore(urls.auth, folder / "auth.dump")
            watch = services.auth_app.state.parts.epoch_watch
            await asyncio.gather(*(watch.look() for _ in range(5)))
            ada = await sign_in(services.auth, ada.email)
            await wait_until_refused(services, mary)
            assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 200
        async with connected(urls.auth) as database:
            assert await database.fetchval("SELECT count(*) FROM epochs WHERE is_loss") == 1


async def test_an_operator_can_say_it(installation: Installation) -> None:
    """What docs/reliability.md gives to operators is a loss at the next look, also where the table was left empty.

    While the table is empty nobody is let in, and the services don't fill it, whatever a follower has seen: a restore
    may be under way.
    """
    insert = (
        "INSERT INTO epochs (number, is_loss, ids_from, server_started_at, system_id, timeline, database_id, table_id, "
        "file_node) VALUES (1, true, 0, now(), 0, '', 0, 0, 0)"
    )
    text = " ".join((Path(__file__).parents[3] / "docs/reliability.md").read_text().split())
    wanted = {"name": "John", "email": "john@example.com", "password": "correct horse battery"}
    with installation.postgres() as urls:
        async with installation.services(urls) as services, connected(urls.auth) as database:
            ada = await sign_up_and_in(services.auth, "Ada")
            for statement in ("UPDATE epochs SET table_id = 0", insert):
                assert statement in text
                if statement == insert:
                    await database.execute("DELETE FROM feed_starts")
                    await database.execute("DELETE FROM epochs")
                    with pytest.raises(EpochUnknown):
                        await services.auth_app.state.parts.epoch_watch.look()
                    assert (await services.auth.post("/api/user", json=wanted)).status_code == 503
                    asked = {"after": 1, "epoch": str(uuid.uuid4()), "known": 1_000_000}
                    feed = "/internal/users/changes"
                    assert (await services.auth.get(feed, params=asked, headers=service_token())).status_code == 503
                    assert await database.fetchval("SELECT count(*) FROM epochs") == 0
                await database.execute(statement)
                await wait_until_refused(services, ada)
                ada = await sign_in(services.auth, ada.email)
            assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 200
