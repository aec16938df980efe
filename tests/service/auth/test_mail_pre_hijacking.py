"""An account that somebody made with another's address: whoever proves the address takes it over, clean.

The attacks are those of "Pre-hijacked Accounts" (Sudhodanan and Paverd, USENIX Security 2022) that this service has the
means for: a password, a session and a change of address that wait for the owner to come.
"""

import time
from dataclasses import dataclass, replace

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from shared.tokens.device_cookie import LastSignIn
from tests.support import next_auth
from tests.support.address_proofs import MOVE_BY, ask_to_move, ask_to_prove, type_code
from tests.support.letters import find_code, forget_letters
from tests.support.people import Person
from tests.support.recovery import NEW_PASSWORD, confirm, get_code
from tests.support.services import client_of

VICTIM = "victim@example.com"
KNOWN = "the attacker knows"


@dataclass(frozen=True, slots=True)
class Attacker:
    """What an attacker keeps of an account with the victim's address."""

    person: Person
    refresh_token: str
    code: str  # that moves the account to an address of the attacker's


async def prepare(client: httpx2.AsyncClient, database: asyncpg.Connection) -> Attacker:
    """Sign up with the victim's address, stay signed in as a browser and as a program, and begin to move elsewhere."""
    made = await client.post("/api/user", json={"name": "Victim", "email": VICTIM, "password": KNOWN})
    assert made.status_code == 201
    assert (await next_auth.sign_in(client, VICTIM, KNOWN)).status_code == 200
    found = (await client.post("/api/login", json={"username": VICTIM, "password": KNOWN})).json()
    person = Person(found["id"], "Victim", VICTIM, found["accessToken"])
    assert (await ask_to_prove(client, person)).status_code == 202
    assert (await ask_to_move(client, person, "attacker@example.net")).status_code == 202
    return Attacker(person, found["refreshToken"], await find_code(database))


@pytest.mark.parametrize("is_late", [False, True])
async def test_who_proves_an_address_takes_the_account_over_clean(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection, *, is_late: bool
) -> None:
    """Once the victim has set a password by a code, nothing of the attacker's works: neither what they keep, nor tries.

    Whether they began to move the account elsewhere before the victim asked for the code, or after.
    """
    async with client_of(mail_app) as attack:
        kept = await prepare(attack, database)
        code = await get_code(mail_client, database, VICTIM)
        if is_late:
            await forget_letters(database)
            assert (await ask_to_move(attack, kept.person, "attacker@example.net")).status_code == 202
            kept = replace(kept, code=await find_code(database))
        assert (await confirm(mail_client, VICTIM, code)).status_code == 204

        assert (await attack.get("/api/me", headers=kept.person.bearer)).status_code == 401
        assert await next_auth.get_session(attack) == {}
        assert (await attack.post("/api/token", json={"refreshToken": kept.refresh_token})).status_code == 401
        assert (await type_code(attack, MOVE_BY, kept.person, kept.code)).status_code == 401
        known = await attack.post("/api/login", json={"username": VICTIM, "password": KNOWN})
        assert known.status_code == 401

        found = await mail_client.post("/api/login", json={"username": VICTIM, "password": NEW_PASSWORD})
        assert found.status_code == 200
        own = Person(found.json()["id"], "Victim", VICTIM, found.json()["accessToken"])
        me = (await mail_client.get("/api/me", headers=own.bearer)).json()
        assert (me["email"], me["emailVerified"] is None) == (VICTIM, False)
        # The attacker's code, even with the attacker's cookie, in the hands of somebody who is signed in:
        assert (await type_code(attack, MOVE_BY, own, kept.code)).status_code == 400


async def test_a_move_to_an_address_of_an_unproven_account_is_refused_like_any_taken_one(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """Nobody gets an account by moving to its address; the letter tells its owner, who can set a new password."""
    async with client_of(mail_app) as attack:
        kept = await prepare(attack, database)
        await forget_letters(database)
        mallory = {"name": "Mallory", "email": "mallory@example.net", "password": KNOWN}
        assert (await mail_client.post("/api/user", json=mallory)).status_code == 201
        found = (await mail_client.post("/api/login", json={"username": mallory["email"], "password": KNOWN})).json()
        person = Person(found["id"], "Mallory", mallory["email"], found["accessToken"])
        assert (await ask_to_move(mail_client, person, VICTIM)).status_code == 202
        kind = await database.fetchval("SELECT kind FROM letters WHERE address = $1 ORDER BY id DESC", VICTIM)
        assert kind == "already_here"
        assert (await attack.get("/api/me", headers=kept.person.bearer)).json()["email"] == VICTIM


async def test_the_attackers_browser_is_no_known_device(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, database: asyncpg.Connection
) -> None:
    """A browser and an address of the time before the proof are unknown after it: a sign-in there is told of.

    Those that signed in since are known.
    """
    async with client_of(mail_app) as attack:
        attack.headers["x-forwarded-for"] = "203.0.113.66"
        kept = await prepare(attack, database)
        parts, signed_in = mail_app.state.parts, LastSignIn(kept.person.id, kept.person.session_id)
        attack.cookies.set(parts.cookies.device, parts.devices.make(signed_in, int(time.time()) - 120))
        mail_client.headers["x-forwarded-for"] = "203.0.113.1"
        code = await get_code(mail_client, database, VICTIM)
        assert (await confirm(mail_client, VICTIM, code)).status_code == 204
        await database.execute("DELETE FROM letters")
        assert (await next_auth.sign_in(mail_client, VICTIM, NEW_PASSWORD)).status_code == 200
        assert await database.fetchval("SELECT count(*) FROM letters") == 0
        for _ in range(2):
            assert (await next_auth.sign_in(attack, VICTIM, NEW_PASSWORD)).status_code == 200
        letters = await database.fetch("SELECT kind, facts ->> 'address' AS address FROM letters")
        assert [tuple(letter) for letter in letters] == [("new_device", "203.0.113.66")]
