"""Proving the present address, and moving to another, over the JSON API."""

import asyncio

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.mail.codes import TRIES, show_code
from shared.settings import SAMPLE_SECRETS
from tests.support import next_auth
from tests.support.address_proofs import (
    MOVE,
    MOVE_BY,
    NEW_EMAIL,
    PROVE,
    PROVE_BY,
    ask_to_move,
    ask_to_prove,
    prove,
    type_code,
    watch_queries,
)
from tests.support.forged_tokens import forge, read_claims
from tests.support.letters import change_code, find_code, find_letter, forget_letters, list_letters
from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.services import client_of

AT_ONCE = 50
REFUSED = {"error": "This code is not right, or no longer valid. Ask for a new one"}
OLD = 'error="insufficient_user_authentication", error_description="Sign in again"'
RECENT = f'Bearer realm="gatepost", {OLD}, max_age="300"'


@pytest.fixture
async def mary(mail_client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in."""
    return await sign_up_and_in(mail_client, "Mary Jackson")


async def get_me(client: httpx2.AsyncClient, person: Person) -> dict[str, object]:
    """Return the account of a person."""
    me: dict[str, object] = (await client.get("/api/me", headers=person.bearer)).json()
    return me


async def list_events(database: asyncpg.Connection) -> list[str]:
    """Return what the audit says, in order."""
    return [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]


# The present address


async def test_an_address_is_proven_by_the_code_that_it_is_sent(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Signing up sends nothing. Whoever asks is sent a code, types it as it is shown, and the account says so."""
    assert await list_letters(database) == []
    assert (await get_me(mail_client, mary))["emailVerified"] is None
    asked = await mail_client.post(PROVE, headers={**mary.bearer, "accept-language": "ko"})
    assert (asked.status_code, asked.json()) == (202, {"expiresIn": 600})
    letter = await find_letter(database)
    assert (letter.kind, letter.address, letter.language, letter.facts["name"]) == (
        *("proof_code", mary.email),
        *("ko", mary.name),
    )
    answer = await type_code(mail_client, PROVE_BY, mary, show_code(letter.facts["code"]).lower())
    assert (answer.status_code, answer.content) == (204, b"")
    assert str((await get_me(mail_client, mary))["emailVerified"]).endswith("Z")
    assert (await list_events(database))[-1] == "email_proven"


async def test_a_proven_address_is_proven_once(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Once it is proven, asking again is 202 and sends nothing."""
    await prove(mail_client, database, mary)
    letters = await list_letters(database)
    await forget_letters(database)
    assert (await ask_to_prove(mail_client, mary)).status_code == 202
    assert await list_letters(database) == letters


@pytest.mark.parametrize("path", [PROVE_BY, MOVE_BY])
async def test_of_fifty_confirmations_one_wins(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection, path: str
) -> None:
    """However many send the right code at the same moment, one is 204, the others 400, and it is done once."""
    assert (await (ask_to_prove if path == PROVE_BY else ask_to_move)(mail_client, mary)).status_code == 202
    code = await find_code(database)
    answers = await asyncio.gather(*(type_code(mail_client, path, mary, code) for _ in range(AT_ONCE)))
    shed = [answer for answer in answers if answer.status_code == 503]  # by a busy machine; they come again
    answers = [answer for answer in answers if answer not in shed]
    answers += [await type_code(mail_client, path, mary, code) for _ in shed]
    assert sorted(answer.status_code for answer in answers) == [204] + [400] * (AT_ONCE - 1)
    event = "email_proven" if path == PROVE_BY else "email_changed"
    assert (await list_events(database)).count(event) == 1


@pytest.mark.parametrize("path", [PROVE_BY, MOVE_BY])
async def test_wrong_codes_end_the_right_one(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection, path: str
) -> None:
    """After five wrong codes the right one is refused as they are; each is audited, and nothing after them is.

    What can't be a code costs no try.
    """
    assert (await (ask_to_prove if path == PROVE_BY else ask_to_move)(mail_client, mary)).status_code == 202
    code = await find_code(database)
    for typed in [*["no code", "UUUU-UUUU"] * TRIES, *[change_code(code)] * TRIES, code, change_code(code)]:
        answer = await type_code(mail_client, path, mary, typed)
        assert (answer.status_code, answer.json()) == (400, REFUSED)
    assert (await list_events(database)).count("code_refused") == TRIES
    me = await get_me(mail_client, mary)
    assert (me["email"], me["emailVerified"]) == (mary.email, None)


async def test_a_code_is_of_one_browser_user_and_purpose(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Another browser of the same user, another user in the same browser, and another purpose: refused, at no cost."""
    bob = await sign_up_and_in(mail_client, "Bob")
    await ask_to_prove(mail_client, mary)
    code = await find_code(database)
    async with client_of(mail_app) as elsewhere:
        await ask_to_prove(elsewhere, bob)
        await find_code(database)
        for client, person, path in [
            *[(elsewhere, mary, PROVE_BY), (mail_client, bob, PROVE_BY), (mail_client, mary, MOVE_BY)] * TRIES
        ]:
            assert (await type_code(client, path, person, code)).status_code == 400
    assert (await type_code(mail_client, PROVE_BY, mary, code)).status_code == 204


async def test_a_code_that_is_too_old_is_refused(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """After ten minutes a code is refused like a wrong one."""
    await ask_to_prove(mail_client, mary)
    await database.execute("UPDATE codes SET expires_at = expires_at - interval '10 minutes'")
    answer = await type_code(mail_client, PROVE_BY, mary, await find_code(database))
    assert (answer.status_code, answer.json()) == (400, REFUSED)


async def test_letters_are_limited(mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection) -> None:
    """An address gets one letter at a time: 429, with when to try again, and nothing is sent or ended."""
    await database.execute("DELETE FROM attempts")
    answers = await asyncio.gather(*(ask_to_move(mail_client, mary) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [202] + [429] * 9
    refused = max(answers, key=lambda answer: answer.status_code)
    assert refused.json()["retryAfter"] == int(refused.headers["retry-after"])
    assert len(await list_letters(database)) == 1
    assert (await type_code(mail_client, MOVE_BY, mary, await find_code(database))).status_code == 204


async def test_nobody_uses_up_the_letters_of_an_owner(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """However often others ask for letters to an address, its owner's browser may ask for one."""
    await next_auth.sign_in(mail_client, mary.email)
    await forget_letters(database)
    async with client_of(mail_app) as elsewhere:
        bob = await sign_up_and_in(elsewhere, "Bob")
        assert (await ask_to_move(elsewhere, bob, mary.email)).status_code == 202
        assert (await ask_to_move(elsewhere, bob, mary.email)).status_code == 429
    assert (await ask_to_prove(mail_client, mary)).status_code == 202
    assert (await ask_to_prove(mail_client, mary)).status_code == 429


# Another address


async def test_an_account_moves_by_the_code_that_the_new_address_is_sent(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Until the code is typed nothing changes; then the account has the address, proven, and signs in by it."""
    asked = await ask_to_move(mail_client, mary, "Ada@Lovelace.example.org")
    assert (asked.status_code, asked.json()) == (202, {"expiresIn": 600})
    letter = await find_letter(database)
    assert (letter.kind, letter.address) == ("change_code", "Ada@Lovelace.example.org")
    assert (await get_me(mail_client, mary))["email"] == mary.email
    assert (await type_code(mail_client, MOVE_BY, mary, letter.facts["code"])).status_code == 204
    me = await get_me(mail_client, mary)
    assert (me["email"], me["emailVerified"] is None) == ("Ada@Lovelace.example.org", False)
    assert (await sign_in(mail_client, NEW_EMAIL)).id == mary.id
    gone = await mail_client.post("/api/login", json={"username": mary.email, "password": PASSWORD})
    assert gone.status_code == 401


async def test_a_move_ends_all_else_and_is_told(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """All other sessions and codes end, the old address is told, the audit and the feed of users name the change."""
    async with client_of(mail_app) as elsewhere:
        other = await sign_in(elsewhere, mary.email)
        await ask_to_prove(elsewhere, other)
        old_code = await find_code(database)
        await ask_to_move(mail_client, mary)
        assert (await type_code(mail_client, MOVE_BY, mary, await find_code(database))).status_code == 204
        notice = await find_letter(database)
        assert (await elsewhere.get("/api/me", headers=other.bearer)).status_code == 401
        again = await sign_in(elsewhere, NEW_EMAIL)
        assert (await type_code(elsewhere, PROVE_BY, again, old_code)).status_code == 400
    assert (await get_me(mail_client, mary))["email"] == NEW_EMAIL
    assert (notice.kind, notice.address, notice.facts["name"]) == ("address_changed", mary.email, mary.name)
    change = await database.fetchrow("SELECT kind, name, email FROM user_changes WHERE user_id = $1", mary.id)
    assert tuple(change) == ("renamed", mary.name, NEW_EMAIL)
    assert {"email_changed", "session_revoked"} <= set(await list_events(database))
    assert await database.fetchval("SELECT count(*) FROM sessions WHERE revoked_because = 'email_changed'") == 1


async def test_the_session_that_moved_goes_on(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Its refresh token is good, and the next access token names the new address."""
    signed_in = (await mail_client.post("/api/login", json={"username": mary.email, "password": PASSWORD})).json()
    person = Person(mary.id, mary.name, mary.email, signed_in["accessToken"])
    await ask_to_move(mail_client, person)
    assert (await type_code(mail_client, MOVE_BY, person, await find_code(database))).status_code == 204
    tokens = await mail_client.post("/api/token", json={"refreshToken": signed_in["refreshToken"]})
    assert read_claims(tokens.json()["accessToken"])["email"] == NEW_EMAIL
    assert (await mail_client.get("/api/me", headers=mary.bearer)).status_code == 401


async def test_whose_address_it_is_tells_nobody_but_its_owner(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """A taken address and a free one: the same answer and statements; the owner alone is told, without a code.

    The letter goes to the address as its account has it.
    """
    bob = await sign_up_and_in(mail_client, "Bob")
    seen = []
    for email in (NEW_EMAIL, bob.email.replace("bob", "\uff22ob"), "free@example.com"):
        await forget_letters(database)
        async with watch_queries(mail_app) as queries:
            answer = await ask_to_move(mail_client, mary, email)
            await asyncio.sleep(0)
        seen.append((answer.status_code, answer.content, [*answer.headers], queries))
    assert seen[0] == seen[1] == seen[2]
    free, taken, _ = await list_letters(database)
    assert (free.kind, taken.kind, taken.address, taken.facts) == ("change_code", "already_here", bob.email, {})
    assert (await get_me(mail_client, mary))["email"] == mary.email


async def test_an_address_that_was_taken_meanwhile_is_refused(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """If somebody signs up with the address before the code is typed, the move is 409 and leaves all as it was."""
    await ask_to_move(mail_client, mary)
    code = await find_code(database)
    taken = {"name": "Bob", "email": NEW_EMAIL, "password": PASSWORD}
    assert (await mail_client.post("/api/user", json=taken)).status_code == 201
    answer = await type_code(mail_client, MOVE_BY, mary, code)
    assert (answer.status_code, answer.json()) == (409, {"error": "This e-mail address is already taken"})
    assert (await get_me(mail_client, mary))["email"] == mary.email


async def test_two_move_to_one_address_at_once(
    mail_app: Starlette, mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Of two accounts that move to the same address, and somebody who signs up with it, exactly one gets it."""
    bob = await sign_up_and_in(mail_client, "Bob")
    async with client_of(mail_app) as elsewhere:
        await ask_to_move(mail_client, mary)
        marys = await find_code(database)
        await forget_letters(database)
        await ask_to_move(elsewhere, bob)
        answers = await asyncio.gather(
            type_code(mail_client, MOVE_BY, mary, marys),
            type_code(elsewhere, MOVE_BY, bob, await find_code(database)),
            elsewhere.post("/api/user", json={"name": "Eve", "email": NEW_EMAIL, "password": PASSWORD}),
        )
    assert sorted(answer.status_code // 100 for answer in answers) == [2, 4, 4]
    assert {answer.status_code for answer in answers} <= {201, 204, 409}


async def test_another_spelling_of_the_own_address(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """One's own address in another spelling is no taken one."""
    await ask_to_move(mail_client, mary, mary.email.upper())
    assert (await find_letter(database)).address == mary.email.upper()
    assert (await type_code(mail_client, MOVE_BY, mary, await find_code(database))).status_code == 204
    assert (await get_me(mail_client, mary))["email"] == mary.email.upper()


@pytest.mark.parametrize("email", ["", "ada", "ada@", "ada@example.com\r\nBcc: eve@example.com", '"a b"@example.com'])
async def test_what_is_no_address_is_refused(mail_client: httpx2.AsyncClient, mary: Person, email: str) -> None:
    """An address is judged as in sign-up: 422 names it."""
    answer = await ask_to_move(mail_client, mary, email)
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"email"})


async def test_only_who_signed_in_a_moment_ago_moves(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """With a sign-in of more than five minutes ago, or a token that does not say: 401 as by the gateway (RFC 9470)."""
    claims = read_claims(mary.token)
    began_at = int(str(claims["auth_time"]))
    without = {name: value for name, value in claims.items() if name != "auth_time"}
    for old in ({**claims, "auth_time": began_at - 301}, without):
        token = forge(old)
        answer = await mail_client.post(MOVE, json={"email": NEW_EMAIL}, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()) == (401, {"error": "No Authorization"})
        assert answer.headers["www-authenticate"] == RECENT
    assert await list_letters(database) == []
    assert (await ask_to_move(mail_client, mary)).status_code == 202


@pytest.mark.parametrize("path", [PROVE, PROVE_BY, MOVE, MOVE_BY])
async def test_all_of_it_needs_a_live_session(mail_client: httpx2.AsyncClient, mary: Person, path: str) -> None:
    """Without a token, and with one of a session that is over: 401."""
    body = {"email": NEW_EMAIL} if path == MOVE else {"code": "7K3F-9QXM"}
    assert (await mail_client.post(path, json=body)).status_code == 401
    await mail_client.post("/api/logout", headers=mary.bearer)
    assert (await mail_client.post(path, json=body, headers=mary.bearer)).status_code == 401


async def test_codes_are_stored_as_keyed_hashes(
    mail_client: httpx2.AsyncClient, mary: Person, database: asyncpg.Connection
) -> None:
    """Neither the code nor the browser's flow stands in the table of codes."""
    await ask_to_move(mail_client, mary)
    row = str(dict(await database.fetchrow("SELECT * FROM codes")))
    assert await find_code(database) not in row
    assert mail_client.cookies["gatepost.flow"] not in row
    assert SAMPLE_SECRETS["NEXTAUTH_SECRET"] not in row


# Without mail


@pytest.mark.parametrize("path", [PROVE, PROVE_BY, MOVE, MOVE_BY, "/api/user/confirm"])
async def test_without_mail_there_is_nothing_of_it(client: httpx2.AsyncClient, ada: Person, path: str) -> None:
    """Without a server for mail all of it is 404; the account only says that its address is not proven."""
    assert (await client.post(path, json={}, headers=ada.bearer)).status_code == 404
    assert (await get_me(client, ada))["emailVerified"] is None
