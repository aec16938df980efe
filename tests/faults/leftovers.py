"""What has piled up: a hundred thousand sessions of one user, and what a flood left in the tables a day ago."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

from tests.faults.experiments import Stand
from tests.faults.people import PASSWORD, Person
from tests.faults.traffic import until_served

SESSIONS = 100_000
ATTEMPTS = 2_000_000
REVOCATIONS = 500_000
KNOWN_WITHIN = 180.0  # seconds, until the ended sessions are rows, and known to who verifies tokens
LONGEST_USE = 900.0  # seconds that it may take to clear a flood's leftovers away
OVER_WITHIN = 10.0  # seconds, until no service takes a token of a session that was ended
NEW_PASSWORD = f"{PASSWORD} changed"

_FILL_SESSIONS = """
INSERT INTO sessions (user_id, ends_at, idle_ends_at, user_agent, created_at)
SELECT {}, now() + interval '30 days', now() + interval '14 days', 'A thief', now() - interval '2 days'
FROM generate_series(1, {})
"""
_FILL_ATTEMPTS = """
INSERT INTO attempts (key, recent, last_at, since, forget_at)
SELECT sha256(number::text::bytea), 5, now() - interval '2 days', now() - interval '2 days', now() - interval '1 day'
FROM generate_series(1, {}) AS number
"""
_FILL_REVOCATIONS = """
INSERT INTO revocations (session_id, until) SELECT gen_random_uuid(), now() - interval '1 day'
FROM generate_series(1, {})
"""
_COUNT_LEFT = """
SELECT (SELECT count(*) FROM attempts WHERE forget_at < now()) + (SELECT count(*) FROM revocations WHERE until < now())
"""


async def end_many_sessions(stand: Stand) -> str:
    """Give a user 100,000 sessions more, then sign out everywhere else, change the password, delete the account.

    Each time anew. Who verifies tokens keeps all 300,000 ended sessions for as long as a token of theirs may be valid:
    an hour.
    """
    acts: Mapping[str, Callable[[Person], tuple[str, str, object]]] = {
        "sign out others": lambda _: ("DELETE", "/api/me/sessions", None),
        "change the password": lambda _: (
            "POST",
            "/api/me/password",
            {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
        ),
        "delete the account": lambda _: ("DELETE", "/api/me", {"password": PASSWORD}),
    }
    took = []
    for what, name in acts.items():
        owner, thief = await _share_account(stand)
        await stand.containers.ask_postgres(_FILL_SESSIONS.format(owner.id, SESSIONS), "auth")
        method, path, body = name(owner)
        started = time.monotonic()
        await owner.send(what, method, path, (204,), json=body, headers=owner.bearer)
        took.append(time.monotonic() - started)
        for place in (f"/api/user/{owner.id}", "/api/me"):
            await _require_refusal(stand, thief, place, what)
    await _wait_until_known(stand)
    return f"{', '.join(f'{seconds:.1f} s' for seconds in took)} with {SESSIONS} sessions each"


async def clear_up_after_flood(stand: Stand) -> str:
    """Leave 2,000,000 expired attempts and 500,000 expired revocations, as a flood does by the next day."""
    await stand.containers.ask_postgres(_FILL_ATTEMPTS.format(ATTEMPTS), "auth")
    await stand.containers.ask_postgres(_FILL_REVOCATIONS.format(REVOCATIONS), "auth")
    started, before = time.monotonic(), await _count_left(stand)
    stand.require(before > REVOCATIONS, "the leftovers were gone before anybody met them")
    person = Person(stand.doors, stand.traffic.ledger)
    acts = (person.sign_up, person.sign_in, person.refresh, partial(_sign_out, person))
    served = 0
    while left := await _count_left(stand):
        for act in acts:
            await act()
            served += 1
        person = Person(stand.doors, stand.traffic.ledger)
        acts = (person.sign_up, person.sign_in, person.refresh, partial(_sign_out, person))
        spent = time.monotonic() - started
        stand.require(spent < LONGEST_USE, f"{left} of {before} rows are left after {spent:.0f} s")
        await asyncio.sleep(0.5)
    spent = time.monotonic() - started
    return f"{before / spent:.0f} rows/s cleared in {spent:.0f} s, {served} requests meanwhile"


async def _wait_until_known(stand: Stand) -> None:
    """Wait until all ended sessions have reached those who keep them: how much memory that takes is judged."""
    before: Mapping[str, float | None] = {}
    deadline, known = time.monotonic() + KNOWN_WITHIN, await _read_known(stand)
    while known != before:
        stand.require(time.monotonic() < deadline, f"the feed of ended sessions goes on: {known}")
        await asyncio.sleep(5)
        before, known = known, await _read_known(stand)


async def _read_known(stand: Stand) -> Mapping[str, float | None]:
    """Return how many ended sessions are known where, and how many users' are still to become rows."""
    followers = ("gateway", "posts_service")
    known = {each: await stand.containers.read_metric(each, "gatepost_revocations_known") for each in followers}
    return {**known, "open": float(await stand.containers.ask_postgres("SELECT count(*) FROM session_cutoffs", "auth"))}


async def _share_account(stand: Stand) -> tuple[Person, Person]:
    """Return somebody, and a thief who has signed in to the account, too."""
    owner = Person(stand.doors, stand.traffic.ledger)
    await until_served(owner.sign_up)
    await until_served(owner.sign_in)
    thief = Person(stand.doors, stand.traffic.ledger, email=owner.email)
    await until_served(thief.sign_in)
    return owner, thief


async def _sign_out(person: Person) -> None:
    await person.send("sign out", "POST", "/api/logout", (204,), headers=person.bearer)


async def _count_left(stand: Stand) -> int:
    return int(await stand.containers.ask_postgres(_COUNT_LEFT, "auth"))


async def _require_refusal(stand: Stand, person: Person, path: str, what: str) -> None:
    """Require that a token is soon refused."""
    deadline = time.monotonic() + OVER_WITHIN
    while (await person.send("use an ended session", "GET", path, (200, 401), headers=person.bearer)).is_success:
        stand.require(time.monotonic() < deadline, f"{what}: a token of an ended session still opens {path}")
        await asyncio.sleep(0.2)
