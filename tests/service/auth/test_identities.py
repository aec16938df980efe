"""Identities at other providers, as their user sees, adds and removes them; with oidc-provider as the providers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.operators.lookups import locked_user
from auth_service.operators.operator import build_client
from tests.support import next_auth
from tests.support.forged_tokens import read_claims
from tests.support.html_forms import read_forms
from tests.support.letters import forget_letters, list_letters
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.providers import (
    Running,
    begin,
    describe,
    prove_there,
    read_error,
    running_with_providers,
    sign_in,
    write_providers,
)
from tests.support.recovery import NEW_PASSWORD, confirm, get_code
from tests.support.services import PUBLIC_URL, client_of
from tests.support.waiting import wait_until

PAGE = "/account/identities"
API = "/api/me/identities"
MAIL = {"smtp_url": "smtp://127.0.0.1:9?tls=none", "mail_from": "a@example.com"}
LONG_AGO = "UPDATE sessions SET created_at = created_at - interval '10 minutes'"


@pytest.fixture
async def browser(provider_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Give a browser at a service in which people sign in with two providers."""
    return provider_client


@pytest.fixture
async def mary(browser: httpx2.AsyncClient) -> Person:
    """Give somebody who has a password, and whose browser is signed in."""
    person = await sign_up_and_in(browser, "Mary")
    assert (await next_auth.sign_in(browser, person.email)).status_code == 200
    return person


async def start_adding(browser: httpx2.AsyncClient, provider: str) -> httpx2.Response:
    """Press the button on the page that adds an identity."""
    form = read_forms((await browser.get(PAGE)).text)[f"{PAGE}/{provider}"]
    return await browser.post(form.action, data=form.fields)


async def add(browser: httpx2.AsyncClient, provider: str, person: str) -> str:
    """Add an identity, and return where the way back leads."""
    begun = await start_adding(browser, provider)
    return read_place(await browser.get(await prove_there(begun.headers["location"], person)))


async def remove(browser: httpx2.AsyncClient, provider: str) -> httpx2.Response:
    """Press the button on the page that removes what somebody has at a provider."""
    form = read_forms((await browser.get(PAGE)).text)[f"{PAGE}/{provider}/remove"]
    return await browser.post(form.action, data=form.fields)


def read_place(answer: httpx2.Response) -> str:
    """Return where an answer leads on our site."""
    place: str = answer.headers["location"]
    assert place.startswith(PUBLIC_URL)
    return place.removeprefix(PUBLIC_URL)


def bearer_of(browser: httpx2.AsyncClient) -> dict[str, str]:
    """Return the header that proves who is signed in to a browser."""
    return {"Authorization": f"Bearer {next_auth.open_session_cookie(browser)['accessToken']}"}


async def list_events(database: asyncpg.Connection) -> list[str]:
    """Return what the audit says, in order."""
    return [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]


async def test_adding_one_and_signing_in_by_it(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """A user who adds an identity stays signed in as they are, sees it, and signs in by it, whatever its address is."""
    ours.know("mary", "another@example.com")
    before = next_auth.open_session_cookie(browser)["sid"]
    assert await add(browser, "ours", "mary") == f"{PAGE}?done=added"
    assert next_auth.open_session_cookie(browser)["sid"] == before
    page = await browser.get(f"{PAGE}?done=added")
    assert "Added. From now on you can sign in that way, too." in page.text
    assert "another@example.com" in page.text
    (listed,) = (await browser.get(API, headers=mary.bearer)).json()
    assert (listed["provider"], listed["name"], listed["email"]) == ("ours", "The ours", "another@example.com")
    assert (await list_events(database))[-1] == "identity_linked"
    async with client_of(provider_app) as second:
        assert read_error(await sign_in(second, "ours", "mary")) == ""
        assert next_auth.open_session_cookie(second)["id"] == mary.id


async def test_an_identity_of_somebody_else(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """An identity of another user stays theirs, as the page says and the audit notes; one's own is no fault."""
    ours.know("owner", "owner@example.com")
    async with client_of(provider_app) as owner:
        assert read_error(await sign_in(owner, "ours", "owner")) == ""
        owner_id = next_auth.open_session_cookie(owner)["id"]
    refused = await add(browser, "ours", "owner")
    assert refused == f"{PAGE}?refused=taken"
    assert "Another account here already signs in with that" in (await browser.get(refused)).text
    assert await database.fetchval("SELECT user_id FROM identities") == owner_id != mary.id
    assert (await list_events(database))[-1] == "identity_refused"
    ours.know("own", "own@example.com")
    backs = [await add(browser, "ours", "own")]
    form = read_forms((await browser.get(PAGE)).text)[f"{PAGE}/theirs"]
    again = await browser.post(f"{PAGE}/ours", data=form.fields)
    backs.append(read_place(await browser.get(await prove_there(again.headers["location"], "own"))))
    assert backs == [f"{PAGE}?done=added"] * 2
    assert await database.fetchval("SELECT count(*) FROM identities WHERE user_id = $1", mary.id) == 1
    await database.execute("UPDATE identities SET issuer = 'https://before.example'")
    again = await browser.post(f"{PAGE}/ours", data=form.fields)
    back = await browser.get(await prove_there(again.headers["location"], "own"))
    assert read_place(back) == f"{PAGE}?refused=taken", "not of the issuer that has the provider's id now"


async def test_adding_one_takes_a_proof_there(browser: httpx2.AsyncClient, mary: Person, ours: Running) -> None:
    """Whoever is signed in at the provider in this browser proves it anew: it may be somebody else's sign-in."""
    ours.know("mary", "mary@example.com")
    ours.know("flatmate", "flatmate@example.com")
    async with httpx2.AsyncClient(timeout=30) as there:
        await prove_there(await begin(browser, "ours"), "flatmate", there)
        begun = (await start_adding(browser, "ours")).headers["location"]
        assert {"prompt=login", "max_age=0"} <= set(urlsplit(begun).query.split("&"))
        assert read_place(await browser.get(await prove_there(begun, "mary", there))) == f"{PAGE}?done=added"
    (listed,) = (await browser.get(API, headers=mary.bearer)).json()
    assert listed["email"] == "mary@example.com"


async def test_two_who_add_the_same_at_once(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """Of two users who bring the same identity at once, one has it, and the other is told so."""
    ours.know("shared", "shared@example.com")
    async with client_of(provider_app) as second:
        other = await sign_up_and_in(second, "Grace")
        await next_auth.sign_in(second, other.email)
        for _ in range(5):
            begun = [(await start_adding(each, "ours")).headers["location"] for each in (browser, second)]
            backs = [await prove_there(url, "shared") for url in begun]
            answers = await asyncio.gather(browser.get(backs[0]), second.get(backs[1]))
            assert sorted(map(read_place, answers)) == [f"{PAGE}?done=added", f"{PAGE}?refused=taken"]
            owner_id = await database.fetchval("DELETE FROM identities RETURNING user_id")
            assert owner_id in {mary.id, other.id}


async def test_an_account_has_few(
    browser: httpx2.AsyncClient, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """An account that has twenty identities gets no other."""
    fill = """
        INSERT INTO identities (provider, issuer, subject, user_id)
        SELECT 'gone', 'gone', i, $1 FROM generate_series(1, 20) AS i
    """
    await database.execute(fill, mary.id)
    ours.know("mary", "mary@example.com")
    refused = await add(browser, "ours", "mary")
    assert refused == f"{PAGE}?refused=many"
    assert "too many ways to sign in" in (await browser.get(refused)).text
    assert len((await browser.get(API, headers=mary.bearer)).json()) == 20


async def test_a_strangers_identity_is_nobodys(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """The answer to what an attacker began gives a victim nothing: not in the victim's browser, nor with its cookies.

    Login CSRF: the attacker would else sign in to the victim's account by their own identity.
    """
    ours.know("mallory", "mallory@example.com")
    async with client_of(provider_app) as attacker:
        person = await sign_up_and_in(attacker, "Mallory")
        await next_auth.sign_in(attacker, person.email)
        begun = await start_adding(attacker, "ours")
        back = await prove_there(begun.headers["location"], "mallory")
        assert read_error(await browser.get(back)) == "OAuthCallback"
        for name in ("next-auth.state", "next-auth.nonce", "next-auth.pkce.code_verifier"):
            browser.cookies.set(name, attacker.cookies[name])
        assert read_error(await browser.get(back)) == "OAuthCallback", "no sibling domain can set these cookies"
        browser.cookies.set("next-auth.csrf-token", attacker.cookies["next-auth.csrf-token"])
        assert read_place(await browser.get(back)) == f"{PAGE}?refused=changed"
    assert await database.fetchval("SELECT count(*) FROM identities") == 0
    assert (await browser.get(API, headers=mary.bearer)).json() == []


async def test_a_session_that_changed_meanwhile(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """A user who signs out, or somebody else who signs in, while a browser is at the provider, gets no identity."""
    ours.know("mary", "mary@example.com")
    async with client_of(provider_app) as elsewhere:
        other = await sign_up_and_in(elsewhere, "Grace")
    for change in (next_auth.sign_out(browser), next_auth.sign_in(browser, other.email)):
        assert (await next_auth.sign_in(browser, mary.email)).status_code == 200
        back = await prove_there((await start_adding(browser, "ours")).headers["location"], "mary")
        await change
        assert read_place(await browser.get(back)) == f"{PAGE}?refused=changed"
        assert not [name for name in browser.cookies if name in {"next-auth.state", "next-auth.nonce"}]
    assert "You signed out or in again" in (await browser.get(f"{PAGE}?refused=changed")).text
    assert await database.fetchval("SELECT count(*) FROM identities") == 0


async def test_what_comes_back_signs_nobody_in(browser: httpx2.AsyncClient, mary: Person, ours: Running) -> None:
    """What began as adding never ends as a sign-in, nor the other way around.

    A signed-in browser in which somebody else signs in is theirs, and gives its user of before nothing.
    """
    ours.know("new", "new@example.com")
    back = await prove_there((await start_adding(browser, "ours")).headers["location"], "new")
    await next_auth.sign_out(browser)
    await browser.get(back)
    assert await next_auth.get_session(browser) == {}
    await next_auth.sign_in(browser, mary.email)
    assert read_error(await sign_in(browser, "ours", "new")) == ""
    assert next_auth.open_session_cookie(browser)["email"] == "new@example.com"
    assert (await browser.get(API, headers=mary.bearer)).json() == []


async def test_only_after_a_recent_sign_in(
    browser: httpx2.AsyncClient, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """Adding and removing ask for a sign-in of the last five minutes: the page leads there, the API says so."""
    ours.know("mary", "mary@example.com")
    await add(browser, "ours", "mary")
    forms = read_forms((await browser.get(PAGE)).text)
    await database.execute(LONG_AGO)
    page = await browser.get(PAGE)
    assert [action for action in read_forms(page.text) if action.startswith(PAGE)] == []
    assert "/api/auth/signin?prompt=login&amp;callbackUrl=%2Faccount%2Fidentities" in page.text
    for action in (f"{PAGE}/theirs", f"{PAGE}/ours/remove"):
        assert (await browser.post(action, data=forms[action].fields)).status_code == 401
    refused = await browser.delete(f"{API}/ours", headers=mary.bearer)
    assert refused.status_code == 401
    assert 'max_age="300"' in refused.headers["www-authenticate"]
    assert await database.fetchval("SELECT count(*) FROM identities") == 1


async def test_removing(
    browser: httpx2.AsyncClient, provider_app: Starlette, mary: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """A user who is removed no longer gets in, nor stays in: all sessions but this one end. A second time it is 404."""
    ours.know("mary", "elsewhere@example.com")
    await add(browser, "ours", "mary")
    async with client_of(provider_app) as thief:
        assert read_error(await sign_in(thief, "ours", "mary")) == ""
        answer = await remove(browser, "ours")
        assert answer.headers["location"] == f"{PUBLIC_URL}{PAGE}?done=removed"
        assert await next_auth.get_session(thief) == {}
        assert (await next_auth.get_session(browser))["user"]["id"] == mary.id  # type: ignore[index]
        assert "identity_removed" in await list_events(database)
        assert read_error(await sign_in(thief, "ours", "mary")) == ""
        assert next_auth.open_session_cookie(thief)["id"] != mary.id, "somebody new"
    gone = await browser.delete(f"{API}/ours", headers=bearer_of(browser))
    assert gone.status_code == 404


async def test_never_the_last_way_in(browser: httpx2.AsyncClient, ours: Running, theirs: Running) -> None:
    """Without mail, somebody who has neither a password nor another provider that is on keeps what they have."""
    ours.know("only", "only@example.com")
    theirs.know("only", "only@example.com")
    assert read_error(await sign_in(browser, "ours", "only")) == ""
    refused = await remove(browser, "ours")
    assert refused.status_code == 409
    assert "This is your only way to sign in" in refused.text
    assert (await browser.delete(f"{API}/ours", headers=bearer_of(browser))).status_code == 409
    assert await add(browser, "theirs", "only") == f"{PAGE}?done=added"
    assert (await browser.delete(f"{API}/ours", headers=bearer_of(browser))).status_code == 204
    assert (await browser.delete(f"{API}/theirs", headers=bearer_of(browser))).status_code == 409
    form = read_forms((await browser.get("/account/password")).text)["/account/password"]
    await browser.post(form.action, data={**form.fields, "newPassword": NEW_PASSWORD})
    assert (await next_auth.sign_in(browser, "only@example.com", NEW_PASSWORD)).status_code == 200
    assert (await browser.delete(f"{API}/theirs", headers=bearer_of(browser))).status_code == 204


async def test_a_provider_that_is_off_is_no_way_in(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """What somebody has at a provider that is no longer there does not count; it can be removed."""
    ours.know("only", "only@example.com")
    assert read_error(await sign_in(browser, "ours", "only")) == ""
    user_id = next_auth.open_session_cookie(browser)["id"]
    link = "INSERT INTO identities (provider, issuer, subject, user_id) VALUES ('gone', 'gone', 'x', $1)"
    await database.execute(link, user_id)
    assert (await remove(browser, "ours")).status_code == 409
    assert (await remove(browser, "gone")).status_code == 303


async def test_two_removals_at_once(
    browser: httpx2.AsyncClient, ours: Running, theirs: Running, database: asyncpg.Connection
) -> None:
    """Of two removals that come at once, and together would leave nothing, one is refused."""
    ours.know("only", "only@example.com")
    theirs.know("only", "only@example.com")
    for _ in range(5):
        browser.cookies.clear()
        assert read_error(await sign_in(browser, "ours", "only")) == ""
        await add(browser, "theirs", "only")
        headers = bearer_of(browser)
        answers = await asyncio.gather(
            *(browser.delete(f"{API}/{each}", headers=headers) for each in ("ours", "theirs"))
        )
        assert sorted(answer.status_code for answer in answers) == [204, 409]
        await database.execute("DELETE FROM users")


@asynccontextmanager
async def running_with_mail(database_url: str, folder: Path, *providers: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser at a service with these providers that writes letters."""
    file = write_providers(folder, *map(describe, providers))
    async with running_with_providers(database_url, file, **MAIL) as app, client_of(app) as client:
        yield client


async def test_a_proven_address_is_a_way_in_where_there_is_mail(
    app: Starlette, auth_database_url: str, tmp_path: Path, ours: Running, database: asyncpg.Connection
) -> None:
    """A user who can ask for a new password by mail may remove all else. Letters tell of what was added and removed."""
    del app
    ours.know("only", "only@example.com")
    ours.know("careless", "careless@example.com", is_proven=False)
    async with running_with_mail(auth_database_url, tmp_path, ours) as browser:
        assert read_error(await sign_in(browser, "ours", "only")) == ""
        assert (await remove(browser, "ours")).status_code == 303
        assert await add(browser, "ours", "only") == f"{PAGE}?done=added"
        letters = await database.fetch("SELECT kind, facts FROM letters WHERE kind LIKE 'identity%' ORDER BY id")
        assert [row["kind"] for row in letters] == ["identity_removed", "identity_linked"]
        assert all('"provider": "The ours"' in row["facts"] for row in letters)
        browser.cookies.clear()
        assert read_error(await sign_in(browser, "ours", "careless")) == ""
        assert (await remove(browser, "ours")).status_code == 409, "nobody has proven this address"


async def test_a_letter_tells_of_what_was_linked_by_address(
    app: Starlette, auth_database_url: str, tmp_path: Path, ours: Running, database: asyncpg.Connection
) -> None:
    """The owner of an account that is given an identity by its address gets a letter; somebody new gets none."""
    del app
    async with running_with_mail(auth_database_url, tmp_path, ours) as browser:
        person = await sign_up_and_in(browser, "Mary")
        await database.execute("UPDATE users SET email_verified_at = now()")
        ours.know("mary", person.email)
        ours.know("new", "new@example.com")
        for subject in ("mary", "new"):
            browser.cookies.clear()
            assert read_error(await sign_in(browser, "ours", subject)) == ""
    told = await database.fetch("SELECT address FROM letters WHERE kind = 'identity_linked'")
    assert [row["address"] for row in told] == [person.email]


async def test_a_reset_gives_a_password_to_who_has_none(
    app: Starlette, auth_database_url: str, tmp_path: Path, ours: Running, database: asyncpg.Connection
) -> None:
    """An operator may start a reset for somebody without a password; their code sets one, and the provider stays.

    Both letters name it, for it may be somebody else's who broke in.
    """
    del app
    ours.know("nopass", "nopass@example.com")
    file = write_providers(tmp_path, describe(ours))
    async with running_with_providers(auth_database_url, file, **MAIL) as mail_app, client_of(mail_app) as browser:
        assert read_error(await sign_in(browser, "ours", "nopass")) == ""
        user_id = next_auth.open_session_cookie(browser)["id"]
        parts = mail_app.state.parts
        async with locked_user(parts, user_id) as (connection, user):
            await parts.mail.recovery.start(connection, user, build_client("a test"))
        assert await next_auth.get_session(browser) == {}
        code = await get_code(browser, database, "nopass@example.com")
        assert (await confirm(browser, "nopass@example.com", code, NEW_PASSWORD)).status_code == 204
        letters = {each.kind: each.facts for each in await list_letters(database)}
        assert letters["reset_started"]["providers"] == letters["password_changed"]["providers"] == "The ours"
        assert (await next_auth.sign_in(browser, "nopass@example.com", NEW_PASSWORD)).status_code == 200
        assert read_error(await sign_in(browser, "ours", "nopass")) == ""
        assert next_auth.open_session_cookie(browser)["id"] == user_id


async def test_without_a_password_deletion_asks_for_a_recent_sign_in(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """A user who has no password deletes their account after a sign-in of the last five minutes; nothing is typed.

    That the provider does not say when the proof was given makes no difference for that.
    """
    ours.know("leaving", "leaving@example.com")
    assert read_error(await sign_in(browser, "ours", "leaving")) == ""
    assert read_claims(str(next_auth.open_session_cookie(browser)["accessToken"]))["auth_time"] == 0
    form = read_forms((await browser.get("/account/delete")).text)["/account/delete"]
    assert set(form.fields) == {"csrfToken"}
    await database.execute(LONG_AGO)
    page = await browser.get("/account/delete")
    assert "/api/auth/signin?prompt=login&amp;callbackUrl=/account/delete" in page.text
    assert "Delete my account" not in page.text
    assert (await browser.post(form.action, data=form.fields)).status_code == 401
    refused = await browser.request("DELETE", "/api/me", json={}, headers=bearer_of(browser))
    assert refused.status_code == 401
    assert 'max_age="300"' in refused.headers["www-authenticate"]
    assert read_error(await sign_in(browser, "ours", "leaving")) == ""
    assert (await browser.post(form.action, data=form.fields)).headers["location"].endswith("?notice=deleted")
    assert await database.fetchval("SELECT count(*) FROM users") == 0
    assert await database.fetchval("SELECT count(*) FROM identities") == 0


async def test_another_address_asks_for_a_recent_sign_in(
    app: Starlette, auth_database_url: str, tmp_path: Path, ours: Running, database: asyncpg.Connection
) -> None:
    """The page moves an account without a password after a recent sign-in, whatever the provider says of the proof.

    One with a password, whose sign-in by such a provider is never recent, it asks to sign in again.
    """
    del app
    ours.know("moving", "moving@example.com")
    async with running_with_mail(auth_database_url, tmp_path, ours) as browser:
        for change in (LONG_AGO, "UPDATE users SET password_hash = 'some'"):
            await forget_letters(database)
            assert read_error(await sign_in(browser, "ours", "moving")) == ""
            form = read_forms((await browser.get("/account/email")).text)["/account/email"]
            moves = [{**form.fields, "email": f"moved.{number}@example.com"} for number in range(2)]
            answers = [await browser.post(form.action, data=moves[0])]
            await database.execute(change)
            await forget_letters(database)
            answers.append(await browser.post(form.action, data=moves[1]))
            assert [answer.status_code for answer in answers] == [303, 401]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/api/me/password", {"newPassword": NEW_PASSWORD}), ("DELETE", "/api/me", {})],
    ids=["first password", "deletion"],
)
async def test_a_session_that_ends_meanwhile_changes_nothing(
    browser: httpx2.AsyncClient,
    auth_database_url: str,
    ours: Running,
    database: asyncpg.Connection,
    method: str,
    path: str,
    body: dict[str, str],
) -> None:
    """Whoever holds a session that its owner ends sets no first password with a request that was on its way by then.

    Nor deletes the account. The row of the user, which is locked here, holds that request up until the end.
    """
    ours.know("robbed", "robbed@example.com")
    assert read_error(await sign_in(browser, "ours", "robbed")) == ""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    locking = await asyncpg.connect(auth_database_url)
    try:
        async with locking.transaction():
            await locking.execute("SELECT FROM users FOR UPDATE")
            request = asyncio.create_task(browser.request(method, path, json=body, headers=bearer_of(browser)))
            await wait_until(lambda: database.fetchval(blocked), lambda waiting: waiting > 0)
            await database.execute("UPDATE sessions SET revoked_at = now(), revoked_because = 'ended_by_user'")
    finally:
        await locking.close()
    assert (await request).status_code == 401
    assert await database.fetchval("SELECT password_hash FROM users") is None
    assert await database.fetchval("SELECT count(*) FROM users") == 1


async def test_the_first_password(browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection) -> None:
    """A user who has no password sets one after a recent sign-in; from then on that is needed to change it."""
    ours.know("first", "first@example.com")
    assert read_error(await sign_in(browser, "ours", "first")) == ""
    page = await browser.get("/account/password")
    assert "currentPassword" not in page.text
    headers = bearer_of(browser)
    await database.execute(LONG_AGO)
    assert "newPassword" not in (await browser.get("/account/password")).text
    assert (await browser.get("/api/me", headers=headers)).json()["hasPassword"] is False
    wanted = {"newPassword": NEW_PASSWORD}
    refused = await browser.post("/api/me/password", json=wanted, headers=headers)
    assert refused.status_code == 401
    assert 'max_age="300"' in refused.headers["www-authenticate"]
    await database.execute("UPDATE sessions SET created_at = now()")
    assert (await browser.post("/api/me/password", json=wanted, headers=headers)).status_code == 204
    assert (await list_events(database)).count("password_changed") == 1
    assert (await browser.get("/api/me", headers=headers)).json()["hasPassword"] is True
    again = await browser.post("/api/me/password", json={"newPassword": PASSWORD}, headers=headers)
    assert again.status_code == 422
    assert again.json()["fields"] == {"currentPassword": "is required"}
    deletion = await browser.request("DELETE", "/api/me", json={}, headers=headers)
    assert deletion.json()["fields"] == {"password": "is required"}


async def test_two_clicks_without_a_password(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """The second of two clicks gets what the first one got: for the first password, and for the deletion after none.

    Nothing counts as a wrong password.
    """
    ours.know("twice", "twice@example.com")
    ends = {"/account/password": "?done=changed", "/account/delete": "?notice=deleted"}
    for path, end in ends.items():
        browser.cookies.clear()
        assert read_error(await sign_in(browser, "ours", "twice")) == ""
        form = read_forms((await browser.get(path)).text)[path]
        fields = {**form.fields, **({"newPassword": NEW_PASSWORD} if "newPassword" in form.fields else {})}
        answers = await asyncio.gather(*(browser.post(form.action, data=fields) for _ in range(2)))
        if path == "/account/password":  # a browser that has deleted its account has forgotten it
            answers.append(await browser.post(form.action, data=fields))
        assert [answer.headers.get("location", "")[-len(end) :] for answer in answers] == [end] * len(answers)
        await database.execute("UPDATE users SET password_hash = NULL")
    assert "password_refused" not in await list_events(database)


async def test_a_provider_that_never_says_is_not_recent_for_who_has_a_password(
    browser: httpx2.AsyncClient, mary: Person, ours: Running, theirs: Running
) -> None:
    """A user who has a password signs in by that, or where a provider says when, to change how they sign in."""
    ours.know("mary", "mary@example.com")
    theirs.know("mary", "mary@example.com")
    await add(browser, "ours", "mary")
    assert read_error(await sign_in(browser, "ours", "mary")) == ""
    assert next_auth.open_session_cookie(browser)["id"] == mary.id
    assert f"{PAGE}/theirs" not in read_forms((await browser.get(PAGE)).text)
    url = await begin(browser, "ours", "?prompt=login")
    assert read_error(await browser.get(await prove_there(url, "mary"))) == ""
    assert f"{PAGE}/theirs" in read_forms((await browser.get(PAGE)).text)


async def test_what_can_go_wrong_on_the_way(browser: httpx2.AsyncClient, mary: Person, ours: Running) -> None:
    """Each ends on the page again, with a sentence: no at the provider, a bad answer, a provider that is down."""
    assert mary.id
    ours.know("mary", "mary@example.com")
    await start_adding(browser, "ours")
    declined = await browser.get("/api/auth/callback/ours?error=access_denied&state=any")
    assert read_place(declined) == f"{PAGE}?refused=declined"
    assert "You did not sign in there, so nothing was added." in (await browser.get(f"{PAGE}?refused=declined")).text
    await start_adding(browser, "ours")
    assert read_place(await browser.get("/api/auth/callback/ours?code=any&state=any")) == f"{PAGE}?refused=refused"
    down = await start_adding(browser, "down")
    assert down.status_code == 502
    assert "Signing in there does not work right now" in down.text
    form = read_forms(down.text)[f"{PAGE}/ours"]
    assert (await browser.post(f"{PAGE}/unknown", data=form.fields)).status_code == 404
    assert (await browser.post(form.action, data={**form.fields, "csrfToken": "a" * 64})).status_code == 403
    assert (await browser.post(form.action, data={**form.fields, "account": "1" * 9})).status_code == 403


async def test_without_providers_there_is_nothing_of_it(client: httpx2.AsyncClient, ada: Person) -> None:
    """Where no provider is on, no route answers and no page speaks of it."""
    assert (await client.get(API, headers=ada.bearer)).status_code == 404
    await next_auth.sign_in(client, ada.email)
    assert (await client.get(PAGE)).status_code == 404
    assert PAGE not in (await client.get("/account")).text
