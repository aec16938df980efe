"""The same thing many times at once: one refresh token, one write. And another secret, while everybody goes on."""

import asyncio
import dataclasses
import uuid
from collections.abc import Mapping

from shared.settings import SAMPLE_SECRETS
from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand
from tests.faults.people import Person
from tests.faults.replicas import name_second
from tests.faults.traffic import make_post

AT_ONCE = 50
WRITES = 5
ROUNDS = 10
GRACE = 10.0  # seconds in which a refresh token that was used gives the same successor
OLD = SAMPLE_SECRETS
NEW = {name: f"{secret}-changed" for name, secret in OLD.items()}


async def refresh_at_once(stand: Stand) -> str:
    """Exchange one refresh token 50 times at once; later once more, as a thief would."""
    person = await join(stand)
    for _ in range(max(2, round(ROUNDS * stand.scale))):
        body = {"refreshToken": person.refresh_token}
        asking = [person.ask("refresh", "POST", "/api/token", (200,), json=body) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*asking)
        successors = {str(answer["refreshToken"]) for answer in answers}
        stand.require(len(successors) == 1, f"one token led to {len(successors)} successors")
        sessions = await person.send("list sessions", "GET", "/api/me/sessions", (200,), headers=person.bearer)
        stand.require(len(sessions.json()) == 1, "there is more than one session")
        for answer in answers:
            person.token = str(answer["accessToken"])
            await person.read_newest()
        spent, person.refresh_token = person.refresh_token, successors.pop()
    body = {"refreshToken": person.refresh_token}
    following = await person.ask("refresh", "POST", "/api/token", (200,), json=body)
    person.refresh_token = str(following["refreshToken"])  # only now is it known that nobody's answer was lost
    await asyncio.sleep(GRACE + 1)
    for token in (spent, person.refresh_token):
        await person.send("replay", "POST", "/api/token", (401,), json={"refreshToken": token})
    return f"{AT_ONCE} answers, 1 successor"


async def write_at_once(stand: Stand) -> str:
    """Send the same write five times at once, with one key."""
    person = await join(stand)
    for _ in range(ROUNDS):
        post = make_post()
        person.posts.append(post)
        await asyncio.gather(*(person.write(post, published=True) for _ in range(WRITES)))
        first = post.post_id
        stand.require(first is not None, "nobody was told that it was written")
        await person.write(post, published=True)
        stand.require(post.post_id == first, "the same key led to two posts")
    return f"{ROUNDS} times"


async def rotate_secret(stand: Stand) -> str:
    """Give all replicas another of each of the three secrets, one after the other, under load."""
    witness = await join(stand)
    # First all learn to verify with the new secrets, then all sign with them: no moment in which one meets a token that
    # it can't verify.
    for settings in (name_secrets(OLD, NEW), name_secrets(NEW, OLD)):
        containers = dataclasses.replace(stand.containers, settings=settings)
        for service in SERVICES:
            for replica in (service, name_second(service)):
                await containers.compose("up", "--detach", "--no-deps", "--timeout", "20", replica)
                await containers.wait_until_healthy(replica)
    await witness.read_newest()  # with a token of the old key
    await witness.sign_in()
    await witness.read_newest()
    return "12 replacements"


def name_secrets(current: Mapping[str, str], previous: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that name secrets in use, and others that are good beside them."""
    return {**current, **{f"{name}_PREVIOUS": secret for name, secret in previous.items()}}


async def join(stand: Stand) -> Person:
    """Return somebody new, whose posts are looked for in the end."""
    person = Person(stand.doors, stand.traffic.ledger, email=f"{uuid.uuid4().hex}@example.com")
    stand.traffic.newcomers.append(person)
    await person.sign_up()
    await person.sign_in()
    return person
