"""Data that goes back as files: a copy that is put back, a recovery; and what is none of it, a restart."""

from pathlib import Path

from tests.support.people import sign_up_and_in
from tests.support.posts import write_post
from tests.support.restoring import RECOVERY, Installation, connected, count_losses
from tests.support.waiting import wait_until


async def test_a_restart_of_the_server_changes_nothing(installation: Installation) -> None:
    """After a restart of PostgreSQL ids go on with the next one, and nobody is signed out; an epoch begins, no more."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            post = await write_post(services.posts, ada)
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            await services.look()
            assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 200
            assert (await sign_up_and_in(services.auth, "Grace")).id == ada.id + 1
            assert (await write_post(services.posts, ada))["id"] == int(str(post["id"])) + 1
        for url in (urls.auth, urls.posts):
            async with connected(url) as database:
                assert await count_losses(database) == (2, 0)


async def test_a_copy_of_the_files_is_put_back(installation: Installation, folder: Path) -> None:
    """Ids don't come twice when the files of the whole server are those of an hour ago, of either service."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            await write_post(services.posts, ada)
        for url in (urls.auth, urls.posts):
            async with connected(url) as database:
                await database.execute("UPDATE epochs SET seen_at = seen_at - interval '1 hour'")
    installation.copy_files(folder / "copy")
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            await services.look()
            mary = await sign_up_and_in(services.auth, "Mary")
            lost = await write_post(services.posts, mary)
    installation.put_back(folder / "copy")
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            await services.look()
            john = await sign_up_and_in(services.auth, "John")
            post = await write_post(services.posts, john)
            assert john.id > 1_000_000
            assert int(str(post["id"])) > 1_000_000
            assert (john.id, post["id"]) != (mary.id, lost["id"])


async def test_another_timeline_signs_nobody_out(installation: Installation) -> None:
    """A recovery, or a standby that took over, may have lost nothing: ids skip ahead, sessions and feeds go on."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            await write_post(services.posts, ada, title="by_ada", published=True)
            await wait_for_position(urls.posts, 1)
    installation.recover(RECOVERY)
    with installation.postgres() as urls:
        await wait_for_recovery(urls.auth)
        async with installation.services(urls) as services:
            await services.auth_app.state.parts.epoch_watch.look()
            grace = await sign_up_and_in(services.auth, "Grace")
            assert grace.id > 1_000_000
            await wait_for_position(urls.posts, 2)
            assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 200
            assert (await services.posts.get(f"/api/user/{ada.id}", headers=ada.bearer)).status_code == 200
        async with connected(urls.auth) as database:
            assert await count_losses(database) == (2, 0)
        async with connected(urls.posts) as database:
            assert await database.fetchval("SELECT reading_since FROM followed_feeds") is None


async def test_a_recovery_to_an_earlier_time_shows(installation: Installation) -> None:
    """On another timeline, what a follower has read beyond its beginning was lost, even if as much was told since."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            mary = await sign_up_and_in(services.auth, "Mary")
            await wait_for_position(urls.posts, 2)
        async with connected(urls.auth) as database, database.transaction():  # as of a time before Mary
            await database.execute("DELETE FROM users WHERE id = $1", mary.id)
            await database.execute("DELETE FROM user_changes WHERE user_id = $1", mary.id)
            await database.execute("SELECT setval('users_id_seq', 1), setval('user_changes_id_seq', 1)")
    installation.recover(RECOVERY)
    with installation.postgres() as urls:
        await wait_for_recovery(urls.auth)
        async with installation.auth_alone(urls) as (app, auth):
            await app.state.parts.epoch_watch.look()
            for name in ("John", "Grace", "Jane"):
                assert (await sign_up_and_in(auth, name)).id > 1_000_000
        async with installation.services(urls) as services:
            for person in (ada, mary):
                await wait_until(
                    lambda person=person: services.posts.get(f"/api/user/{person.id}", headers=person.bearer),  # type: ignore[misc]
                    lambda answer: answer.status_code == 401,
                    seconds=20,
                )


async def wait_for_recovery(url: str) -> None:
    """Return when a server that recovers takes writes."""
    async with connected(url) as database:
        await wait_until(lambda: database.fetchval("SELECT pg_is_in_recovery()"), lambda found: not found)


async def wait_for_position(url: str, position: int) -> None:
    """Return when the posts service has taken the user changes up to a number."""
    async with connected(url) as database:
        reading = "SELECT position FROM followed_feeds"
        await wait_until(lambda: database.fetchval(reading), lambda found: found == position)
