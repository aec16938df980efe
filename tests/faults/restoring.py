"""Databases put back to an earlier state, one without the other, while the services run and people use them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

from tests.faults.containers import CommandFailed
from tests.faults.experiments import PassLineMissed, Stand
from tests.faults.ledger import Written
from tests.faults.people import PASSWORD, NotServed, Person
from tests.faults.tokens import join
from tests.faults.traffic import make_post, until_served

BETWEEN = 12.0  # seconds of traffic from the dump to the restore
NOTICED_WITHIN = 20.0  # seconds until old tokens are refused, and until names and deletions have arrived
TRIES = 5  # of a restore, which needs all tables for itself
_DUMP = ("pg_dump", "--username=postgres", "--format=custom")
_RESTORE = ("pg_restore", "--username=postgres", "--clean", "--if-exists", "--single-transaction")


async def restore_auth(stand: Stand) -> str:
    """Put the auth service's database back to an earlier state: nobody becomes somebody else by it."""
    traffic, ledger = stand.traffic, stand.traffic.ledger
    ada = await join(stand)
    hers = await _write(ada, published=False)
    async with traffic.paused():  # nobody is in the middle of signing up
        began = time.monotonic()
        await _dump(stand, "auth")
    mary = Person(stand.doors, ledger)
    await mary.sign_up()
    await mary.sign_in()
    draft, shown = await _write(mary, published=False), await _write(mary, published=True)
    await asyncio.sleep(max(5.0, BETWEEN * stand.scale))
    ledger.tolerated = frozenset({HTTPStatus.UNAUTHORIZED})
    old = [(person, person.bearer) for person in (mary, ada, *traffic.people)]
    await _restore(stand, "auth")
    async with traffic.paused():
        lost = [each for each in traffic.newcomers if each.asked_at > began]
        traffic.newcomers[:] = [each for each in traffic.newcomers if each.asked_at <= began]
        refused_after = await _wait_until_refused(old)
        for person in (ada, *traffic.people):
            await until_served(person.sign_in)
        ledger.tolerated = frozenset()
    john = Person(stand.doors, ledger)
    traffic.newcomers.append(john)
    await until_served(john.sign_up)
    await john.sign_in()
    stand.require(john.id > mary.id, "an id was given out that was given out before")
    stand.require(await john.list_posts() == [], "somebody new has the posts of somebody else")
    for method, change in (("GET", None), ("PATCH", {"content": "taken"}), ("DELETE", None)):
        path = f"/api/posts/{draft.post_id}"
        await john.send("touch a lost user's draft", method, path, (404,), json=change, headers=john.bearer)
    await _wait_for_author(john, shown, lambda author: author is None)
    stand.require(hers.title in {title for _, title, _ in await ada.list_posts()}, "a draft was taken from its author")
    return f"{len(lost) + 1} users lost, old tokens refused after {refused_after:.1f} s"


async def restore_posts(stand: Stand) -> str:
    """Put the posts service's database back to a state older than the auth service's: deletions come again, ids not."""
    traffic, ledger = stand.traffic, stand.traffic.ledger
    grace = Person(stand.doors, ledger)
    await grace.sign_up()
    await grace.sign_in()
    hers = await _write(grace, published=True)
    async with traffic.paused():
        known = [(each, len(each.posts), [list(post.versions) for post in each.posts]) for each in traffic.people]
        await _dump(stand, "posts")
    eve = await join(stand)
    lost = [await _write(eve, published=True)]
    await grace.send("delete", "DELETE", "/api/me", (204,), json={"password": PASSWORD}, headers=grace.bearer)
    await _wait_until_gone(eve, hers)
    await asyncio.sleep(max(5.0, BETWEEN * stand.scale))
    async with traffic.paused():
        await _restore(stand, "posts")
        lost += [post for each, count, _ in known for post in each.posts[count:]]
        for person, count, versions in known:
            del person.posts[count:]
            for post, them in zip(person.posts, versions, strict=True):
                post.versions = them
        eve.posts.clear()
    again = await _write(eve, published=True)
    await _wait_until_gone(eve, hers)
    await _wait_for_author(eve, again, lambda author: author == {"name": "Somebody"})
    return f"{len(lost)} posts lost, no id twice"


async def _write(person: Person, *, published: bool) -> Written:
    post = make_post()
    person.posts.append(post)

    async def write() -> None:
        await person.write(post, published=published)
        if post.post_id is None:
            raise NotServed

    await until_served(write)
    return post


async def _dump(stand: Stand, database: str) -> None:
    await stand.containers.execute("postgres", *_DUMP, f"--file={_name_dump(database)}", f"--dbname={database}")


def _name_dump(database: str) -> str:
    return f"/tmp/{database}.dump"  # noqa: S108 - a container's


async def _restore(stand: Stand, database: str) -> None:
    """Restore in one transaction, as docs/reliability.md says; again when it loses against the traffic's locks."""
    for attempt in range(TRIES):
        try:
            await stand.containers.execute("postgres", *_RESTORE, f"--dbname={database}", _name_dump(database))
        except CommandFailed as failure:
            if attempt + 1 == TRIES or "deadlock" not in str(failure):
                raise
        else:
            return


async def _wait_until_refused(old: Sequence[tuple[Person, Mapping[str, str]]]) -> float:
    """Return after how many seconds the tokens that people had open nothing any more, at either service."""
    started = time.monotonic()
    for person, token in old:
        for path in (f"/api/user/{person.id}", "/api/me"):

            async def is_refused(person: Person = person, token: Mapping[str, str] = token, path: str = path) -> bool:
                answer = await person.send("use an old token", "GET", path, (200, 401), headers=token)
                return answer.status_code == HTTPStatus.UNAUTHORIZED

            await _wait_until(is_refused, "an old token still opens something")
    return time.monotonic() - started


async def _wait_until_gone(reader: Person, post: Written) -> None:
    async def is_gone() -> bool:
        path = f"/api/posts/{post.post_id}"
        answer = await reader.send("read a deleted user's post", "GET", path, (200, 404), headers=reader.bearer)
        return answer.status_code == HTTPStatus.NOT_FOUND

    await _wait_until(is_gone, "the post of a user who was deleted is still shown")


async def _wait_for_author(reader: Person, post: Written, holds: Callable[[object], bool]) -> None:
    async def is_right() -> bool:
        path = f"/api/posts/{post.post_id}"
        found = (await reader.send("read one", "GET", path, (200,), headers=reader.bearer)).json()
        return holds(found["author"])

    await _wait_until(is_right, "a post is shown with the wrong author")


async def _wait_until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Return when something holds; who is not served meanwhile asks again."""
    deadline = time.monotonic() + NOTICED_WITHIN
    while True:
        try:
            if await holds():
                return
        except NotServed:
            pass
        if time.monotonic() > deadline:
            raise PassLineMissed(f"{otherwise} after {NOTICED_WITHIN:.0f} s")
        await asyncio.sleep(0.2)
