"""The posts service's database is put back to an earlier state: no id and no entity tag means something else by it."""

from pathlib import Path

import pytest

from tests.support.people import sign_up_and_in
from tests.support.posts import write_post
from tests.support.restoring import Installation, connected, dump, restore
from tests.support.waiting import wait_until


@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "running"])
async def test_ids_and_tags_of_posts_do_not_come_twice(
    installation: Installation, folder: Path, *, is_running: bool
) -> None:
    """A post written after a restore has an id that none had; a tag from before matches no other content."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            kept = await write_post(services.posts, ada, title="kept", published=True)
            await dump(urls.posts, folder / "posts.dump")
            path = f"/api/posts/{kept['id']}"
            await services.posts.patch(path, json={"content": "lost"}, headers=ada.bearer)
            tag = (await services.posts.get(path)).headers["etag"]
            lost = await write_post(services.posts, ada, title="lost", published=True)
            if is_running:
                await restore(urls.posts, folder / "posts.dump")
        if not is_running:
            await restore(urls.posts, folder / "posts.dump")
        async with installation.services(urls) as services:
            await services.posts_app.state.parts.epoch_watch.look()
            new = await write_post(services.posts, ada, title="new", published=True)
            assert new["id"] not in {kept["id"], lost["id"]}
            assert (await services.posts.get(f"/api/posts/{lost['id']}")).status_code == 404
            changed = await services.posts.patch(path, json={"content": "other"}, headers=ada.bearer)
            assert changed.status_code == 200
            again = await services.posts.get(path, headers={"If-None-Match": tag})
            assert (again.status_code, again.json()["content"]) == (200, "other")
            stale = await services.posts.patch(
                path, json={"content": "meant for another"}, headers={**ada.bearer, "If-Match": tag}
            )
            assert stale.status_code == 412


async def test_a_key_whose_post_was_lost_writes_it_again(installation: Installation, folder: Path) -> None:
    """The answers to keys go back with the posts: what is sent again with a key is there once, afterwards too."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada = await sign_up_and_in(services.auth, "Ada")
            await write_post(services.posts, ada, title="kept")
            await dump(urls.posts, folder / "posts.dump")
            sent = {"json": {"title": "once"}, "headers": {**ada.bearer, "Idempotency-Key": "k"}}
            assert (await services.posts.post("/api/posts", **sent)).status_code == 201  # type: ignore[arg-type]
            await restore(urls.posts, folder / "posts.dump")
            for _ in range(2):
                await wait_until(
                    lambda: services.posts.post("/api/posts", **sent),  # type: ignore[arg-type]
                    lambda answer: answer.status_code == 201,
                )
            own = await services.posts.get(f"/api/user/{ada.id}", headers=ada.bearer)
            assert [post["title"] for post in own.json()] == ["once", "kept"]


async def test_the_feed_is_taken_again_from_where_it_was(installation: Installation, folder: Path) -> None:
    """Names and deletions that were told after the dump reach a restored posts database once more; nobody signs in."""
    with installation.postgres() as urls:
        async with installation.services(urls) as services:
            ada, grace = await sign_up_and_in(services.auth, "Ada"), await sign_up_and_in(services.auth, "Grace")
            await write_post(services.posts, ada, title="by_ada", published=True)
            await write_post(services.posts, grace, title="by_grace", published=True)
            await dump(urls.posts, folder / "posts.dump")
            await services.auth.patch("/api/me", json={"name": "Ada King"}, headers=ada.bearer)
            password = {"password": "correct horse battery"}
            await services.auth.request("DELETE", "/api/me", json=password, headers=grace.bearer)
            await restore(urls.posts, folder / "posts.dump")

            async def authors() -> list[str]:
                return [post["author"]["name"] for post in (await services.posts.get("/api/posts")).json()]

            await wait_until(authors, lambda found: found == ["Ada King"])
            assert (await services.auth.get("/api/me", headers=ada.bearer)).status_code == 200
        async with connected(urls.auth) as database:
            assert await database.fetchval("SELECT count(*) FROM epochs") == 1
