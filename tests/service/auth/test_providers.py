"""Signing in with another provider: the whole dance, with oidc-provider as one, and what becomes of it here."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from auth_service.providers import cached_document
from auth_service.providers.cached_document import MOST_WAITING
from tests.support import next_auth
from tests.support.forged_tokens import read_claims
from tests.support.html_forms import read_forms
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.people import PASSWORD, Person
from tests.support.providers import (
    ReachedElsewhere,
    Running,
    begin,
    describe,
    prove_there,
    read_error,
    running_provider,
    running_with_providers,
    sign_in,
    write_providers,
)
from tests.support.recovery import NEW_PASSWORD, confirm, get_code
from tests.support.services import PUBLIC_URL, client_of
from tests.support.waiting import wait_until


@pytest.fixture
async def browser(provider_client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Give a browser at a service in which people sign in with two providers."""
    return provider_client


async def test_somebody_new_signs_up_and_the_next_time_in(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """The first sign-in makes an account, with the name and the address there, proven as it is; the next ones find it.

    Whatever the address there is by then.
    """
    ours.know("ada", "ada@example.com", name="Ada Lovelace")
    answer = await sign_in(browser, "ours", "ada")
    assert (answer.status_code, answer.headers["location"]) == (302, PUBLIC_URL)
    session = next_auth.open_session_cookie(browser)
    assert (session["name"], session["email"]) == ("Ada Lovelace", "ada@example.com")
    row = await database.fetchrow("SELECT password_hash, email_verified_at FROM users")
    assert row is not None
    assert row["password_hash"] is None
    assert row["email_verified_at"] is not None
    ours.know("ada", "other@example.com", name="Ada Lovelace")
    browser.cookies.clear()
    assert read_error(await sign_in(browser, "ours", "ada")) == ""
    again = next_auth.open_session_cookie(browser)
    assert (again["id"], again["email"]) == (session["id"], "ada@example.com")
    found = await database.fetchrow("SELECT provider, subject, user_id, email FROM identities")
    assert dict(found or {}) == {
        "provider": "ours",
        "subject": "ada",
        "user_id": session["id"],
        "email": "other@example.com",
    }
    events = await database.fetch("SELECT event, provider FROM audit ORDER BY id")
    assert [tuple(row) for row in events] == [
        ("signed_up", None),
        ("email_proven", None),
        ("identity_linked", "ours"),
        ("signed_in", "ours"),
        ("signed_in", "ours"),
    ]


async def test_what_is_listed_and_shown(browser: httpx2.AsyncClient, client: httpx2.AsyncClient) -> None:
    """``/providers`` lists each as next-auth does; the sign-in page has a button for each, and leads to no others."""
    listed = (await browser.get("/api/auth/providers")).json()
    assert listed["ours"] == {
        "id": "ours",
        "name": "The ours",
        "type": "oauth",
        "signinUrl": f"{PUBLIC_URL}/api/auth/signin/ours",
        "callbackUrl": f"{PUBLIC_URL}/api/auth/callback/ours",
    }
    page = await browser.get("/api/auth/signin?callbackUrl=/userposts")
    assert read_forms(page.text)["/api/auth/signin/ours"].fields["callbackUrl"] == f"{PUBLIC_URL}/userposts"
    policy = page.headers["content-security-policy"]
    assert re.search(r"form-action 'self' (http://127\.0\.0\.1:\d+ ?){3};", policy)
    plain = await client.get("/api/auth/signin")
    assert "form-action 'self';" in plain.headers["content-security-policy"]
    assert "ours" not in (await client.get("/api/auth/providers")).json()


async def test_a_button_leads_there_and_back(browser: httpx2.AsyncClient, ours: Running) -> None:
    """Without JavaScript: the button's form leads to the provider, and its answer to the page that was wanted."""
    ours.know("grace", "grace@example.com")
    page = await browser.get("/api/auth/signin?callbackUrl=/userposts")
    form = read_forms(page.text)["/api/auth/signin/ours"]
    pressed = await browser.post(form.action, data=form.fields)
    assert pressed.status_code == 302
    back = await browser.get(await prove_there(pressed.headers["location"], "grace"))
    assert back.headers["location"] == f"{PUBLIC_URL}/userposts"
    forged = await browser.post(form.action, data={**form.fields, "csrfToken": "a" * 64})
    assert forged.headers["location"] == f"{PUBLIC_URL}/api/auth/signin?csrf=true"


async def test_what_the_provider_is_asked(browser: httpx2.AsyncClient, ours: Running) -> None:
    """The code flow with state, nonce and PKCE by S256, always new; each kept in NextAuth's cookie for 15 minutes."""
    queries = [parse_qs(urlsplit(await begin(browser, "ours", "?prompt=consent&evil=1")).query) for _ in range(2)]
    asked = {name: value[0] for name, value in queries[0].items()}
    secrets = [asked.pop(name) for name in ("state", "nonce", "code_challenge")]
    assert asked == {
        "client_id": "gatepost",
        "response_type": "code",
        "redirect_uri": ours.callback,
        "scope": "openid email profile",
        "code_challenge_method": "S256",
        "prompt": "consent",
    }
    assert all(len(secret) == 43 for secret in secrets)
    assert secrets != [queries[1][name][0] for name in ("state", "nonce", "code_challenge")]
    token = await next_auth.get_csrf_token(browser)
    answer = await browser.post("/api/auth/signin/ours", data={"csrfToken": token, "json": "true"})
    kept = {cookie.partition("=")[0]: cookie for cookie in answer.headers.get_list("set-cookie")}
    names = {"next-auth.state", "next-auth.nonce", "next-auth.pkce.code_verifier"}
    assert names <= set(kept)
    for name in names:
        assert re.search(r"; Path=/; Expires=[^;]+; HttpOnly; SameSite=Lax; Max-Age=900$", kept[name])


async def test_state_of_another_browser(provider_app: Starlette, browser: httpx2.AsyncClient, ours: Running) -> None:
    """An answer that another browser asked for signs nobody in, whether this one asked for something or not."""
    ours.know("mallory", "mallory@example.com")
    async with client_of(provider_app) as attacker:
        stolen = await prove_there(await begin(attacker, "ours"), "mallory")
        assert read_error(await browser.get(stolen)) == "OAuthCallback"
        await begin(browser, "ours")
        assert read_error(await browser.get(stolen)) == "OAuthCallback"
        assert read_error(await attacker.get(stolen)) == ""
    assert await next_auth.get_session(browser) == {}


@pytest.mark.parametrize("is_signed_in", [True, False])
async def test_checks_that_a_sibling_domain_set(
    provider_app: Starlette, browser: httpx2.AsyncClient, ours: Running, ada: Person, *, is_signed_in: bool
) -> None:
    """Who can set cookies for this site, from a sibling domain, can't sign a visitor in to an account of their own.

    Login CSRF: state, nonce and verifier of the attacker count only beside the attacker's csrf cookie.
    """
    ours.know("mallory", "mallory@example.com")
    if is_signed_in:
        assert (await next_auth.sign_in(browser, ada.email)).status_code == 200
    async with client_of(provider_app) as attacker:
        back = await prove_there(await begin(attacker, "ours"), "mallory")
        for name in ("next-auth.state", "next-auth.nonce", "next-auth.pkce.code_verifier"):
            browser.cookies.set(name, attacker.cookies[name])
        before = (await next_auth.get_session(browser)).get("user", {}).get("email")
        with capture_logs() as logs:
            assert read_error(await browser.get(back)) == "OAuthCallback"
        assert [each["reason"] for each in logs if "reason" in each] == ["answer_to_another_browser"]
        assert (await next_auth.get_session(browser)).get("user", {}).get("email") == before
        assert read_error(await attacker.get(back)) == ""


async def test_an_answer_twice(browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection) -> None:
    """Of one answer that comes twice at once, one signs in, and its browser stays so; later it is worth nothing."""
    ours.know("twice", "twice@example.com")
    back = await prove_there(await begin(browser, "ours"), "twice")
    checks = dict(browser.cookies)
    answers = await asyncio.gather(browser.get(back), browser.get(back))
    assert sorted(map(read_error, answers)) == ["", "OAuthCallback"]
    assert (await next_auth.get_session(browser))["user"]["email"] == "twice@example.com"  # type: ignore[index]
    assert not [name for name in browser.cookies if name in {"next-auth.state", "next-auth.nonce"}]
    browser.cookies.clear()
    browser.cookies.update(checks)
    assert read_error(await browser.get(back)) == "OAuthCallback"
    assert await database.fetchval("SELECT count(*) FROM sessions") == 1


async def test_an_answer_again_at_another_replica(
    browser: httpx2.AsyncClient,
    auth_database_url: str,
    tmp_path: Path,
    ours: Running,
    database: asyncpg.Connection,
) -> None:
    """An answer that another replica has taken is worth nothing: the provider gives nothing for the code again."""
    ours.know("replayed", "replayed@example.com")
    back = await prove_there(await begin(browser, "ours"), "replayed")
    checks = dict(browser.cookies)
    assert read_error(await browser.get(back)) == ""
    file = write_providers(tmp_path, describe(ours))
    async with running_with_providers(auth_database_url, file) as replica, client_of(replica) as thief:
        thief.cookies.update(checks)
        with capture_logs() as logs:
            assert read_error(await thief.get(back)) == "OAuthCallback"
        assert "token_invalid_grant" in [each.get("reason") for each in logs]
        assert await next_auth.get_session(thief) == {}
    assert await database.fetchval("SELECT count(*) FROM sessions") == 1


async def test_two_browsers_of_somebody_new_at_once(
    provider_app: Starlette, browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """Two first sign-ins of one person that come at once make one account, and both succeed."""
    ours.know("both", "both@example.com")
    async with client_of(provider_app) as second:
        backs = [await prove_there(await begin(each, "ours"), "both") for each in (browser, second)]
        answers = await asyncio.gather(browser.get(backs[0]), second.get(backs[1]))
        assert [read_error(answer) for answer in answers] == ["", ""]
    assert await database.fetchval("SELECT count(*) FROM users") == 1


async def test_mix_up(browser: httpx2.AsyncClient, ours: Running, theirs: Running) -> None:
    """An answer of one provider that is sent to the other's address proves nothing, nor does one that names another.

    Both ways: the cookies say for whom the answer must be (RFC 9700, section 4.4), and so does its issuer (RFC 9207).
    """
    ours.know("eve", "eve@example.com")
    changes: dict[str, Callable[[str], str]] = {
        "": str,
        "answer_to_another_browser": lambda back: back.replace("callback/ours", "callback/theirs"),
        "answer_of_another_issuer": lambda back: back.replace(f"A{ours.port}", f"A{theirs.port}"),
        "answer_of_another_issuer ": lambda back: re.sub(r"&iss=[^&]+", "", back),
    }
    for reason, change in changes.items():
        back = await prove_there(await begin(browser, "ours"), "eve")
        assert f"iss=http%3A%2F%2F127.0.0.1%3A{ours.port}" in back
        with capture_logs() as logs:
            assert read_error(await browser.get(change(back))) == ("OAuthCallback" if reason else "")
        refused = [each["reason"] for each in logs if each["event"] == "provider_sign_in_refused"]
        assert refused == ([reason.strip()] if reason else [])


async def test_subjects_of_two_providers_are_two_people(
    browser: httpx2.AsyncClient, ours: Running, theirs: Running, database: asyncpg.Connection
) -> None:
    """The same subject at two providers is two people; the same proven address is one, whom both then sign in."""
    ours.know("same", "one@example.com")
    theirs.know("same", "two@example.com")
    theirs.know("alias", "one@example.com")
    found = []
    for provider, person in (("ours", "same"), ("theirs", "same"), ("theirs", "alias")):
        assert read_error(await sign_in(browser, provider, person)) == ""
        found.append((await next_auth.get_session(browser))["user"]["email"])  # type: ignore[index]
    assert found == ["one@example.com", "two@example.com", "one@example.com"]
    assert await database.fetchval("SELECT count(*) FROM users") == 2


async def test_rotated_keys(browser: httpx2.AsyncClient, ours: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the provider has rotated its keys, the next sign-in fetches them and succeeds."""
    ours.know("rotated", "rotated@example.com")
    assert read_error(await sign_in(browser, "ours", "rotated")) == ""
    monkeypatch.setattr(cached_document, "PAUSE", 0.0)  # 30 seconds have passed since keys were fetched
    ours.program.ask({"rotate": True})
    assert read_error(await sign_in(browser, "ours", "rotated")) == ""


async def test_declined(browser: httpx2.AsyncClient) -> None:
    """A user who says no at the provider gets next-auth's error, and a sentence for it."""
    await begin(browser, "ours")
    answer = await browser.get("/api/auth/callback/ours?error=access_denied&state=any")
    assert read_error(answer) == "Callback"
    led = await browser.get(answer.headers["location"])
    page = await browser.get(led.headers["location"])
    assert "You did not sign in there" in page.text


async def test_a_provider_that_is_down_harms_nobody_else(
    browser: httpx2.AsyncClient, ours: Running, ada: Person
) -> None:
    """Signing in with one that is down fails at once, by next-auth's name; with another it goes on, and by password."""
    ours.know("calm", "calm@example.com")
    urls = await asyncio.gather(*(begin(browser, "down") for _ in range(10)))
    assert set(urls) == {f"{PUBLIC_URL}/api/auth/error?error=OAuthSignin"}
    assert read_error(await sign_in(browser, "ours", "calm")) == ""
    await begin(browser, "ours")
    assert read_error(await browser.get("/api/auth/callback/down?code=any&state=any")) == "OAuthCallback"
    assert (await next_auth.sign_in(browser, ada.email)).status_code == 200


async def test_a_provider_that_hangs_harms_nobody_else(
    ada: Person, ours: Running, auth_database_url: str, tmp_path: Path
) -> None:
    """While one never answers, a few wait for it, and any number more are told at once; others sign in as ever."""
    ours.know("calm", "calm@example.com")
    async with contextlib.AsyncExitStack() as stack:
        hanging = await stack.enter_async_context(MisbehavingServer().running())
        file = write_providers(tmp_path, describe(ours), f'id = "hangs"\nissuer = "{hanging.origin}/slow"')
        app = await stack.enter_async_context(running_with_providers(auth_database_url, file))
        waiting, others = [await stack.enter_async_context(client_of(app)) for _ in range(2)]
        await next_auth.get_csrf_token(waiting)
        told = {f"{PUBLIC_URL}/api/auth/error?error=OAuthSignin"}
        tries = [asyncio.create_task(begin(waiting, "hangs")) for _ in range(MOST_WAITING)]
        await wait_until(hanging.count_asked, lambda asked: asked > 0)
        assert set(await asyncio.gather(*(begin(others, "hangs") for _ in range(100)))) == told
        assert not any(each.done() for each in tries)
        assert read_error(await sign_in(others, "ours", "calm")) == ""
        assert (await next_auth.sign_in(others, ada.email)).status_code == 200
        hanging.end()
        assert set(await asyncio.gather(*tries)) == told


async def test_an_account_with_that_address(
    browser: httpx2.AsyncClient, ada: Person, ours: Running, database: asyncpg.Connection
) -> None:
    """An account whose address is proven gets the identity only where the provider says it is verified; else nobody."""
    await database.execute("UPDATE users SET email_verified_at = now()")
    ours.know("stranger", ada.email, is_proven=False)
    assert read_error(await sign_in(browser, "ours", "stranger")) == "OAuthAccountNotLinked"
    assert await next_auth.get_session(browser) == {}
    ours.know("the-real-ada", ada.email.upper())
    assert read_error(await sign_in(browser, "ours", "the-real-ada")) == ""
    assert next_auth.open_session_cookie(browser)["id"] == ada.id
    assert (await next_auth.sign_in(browser, ada.email)).status_code == 200, "the password is still good"
    rows = await database.fetch("SELECT event, user_id, provider FROM audit ORDER BY id")
    assert ("sign_in_refused", ada.id, "ours") in [tuple(row) for row in rows]
    assert ("identity_linked", ada.id, "ours") in [tuple(row) for row in rows]
    assert ("signed_in", ada.id, None) in [tuple(row) for row in rows], "that was by the password"


@pytest.mark.parametrize("subject", ["known", "another"])
async def test_an_id_that_another_issuer_has_now(
    browser: httpx2.AsyncClient,
    auth_database_url: str,
    tmp_path: Path,
    ours: Running,
    database: asyncpg.Connection,
    subject: str,
) -> None:
    """An ``id`` that is pointed at another issuer opens no account, by subject or by address, and the log says so."""
    ours.know("known", "known@example.com")
    assert read_error(await sign_in(browser, "ours", "known")) == ""
    with running_provider("ours") as other:
        other.know(subject, "known@example.com")
        file = write_providers(tmp_path, describe(other))
        async with running_with_providers(auth_database_url, file) as later, client_of(later) as late:
            with capture_logs() as logs:
                assert read_error(await sign_in(late, "ours", subject)) == "OAuthAccountNotLinked"
            assert await next_auth.get_session(late) == {}
    (line,) = (each for each in logs if each["event"] == "provider_id_of_another_issuer")
    assert (line["provider"], line["linked_by"], line["answered_by"]) == ("ours", ours.issuer, other.issuer)
    rows = await database.fetch("SELECT provider, issuer, subject FROM identities")
    assert [tuple(row) for row in rows] == [("ours", ours.issuer, "known")]


async def test_an_unverified_address_reveals_nobody(
    app: Starlette, auth_database_url: str, tmp_path: Path, ours: Running, database: asyncpg.Connection
) -> None:
    """Where addresses have to be proven, one that the provider did not verify gets the same answer, taken or free."""
    del app
    file = write_providers(tmp_path, describe(ours))
    mail = {"smtp_url": "smtp://127.0.0.1:9?tls=none", "mail_from": "a@example.com", "email_verification": "required"}
    async with running_with_providers(auth_database_url, file, **mail) as strict, client_of(strict) as browser:
        ours.know("real", "taken@example.com")
        assert read_error(await sign_in(browser, "ours", "real")) == ""
        browser.cookies.clear()
        for address in ("taken@example.com", "free@example.com"):
            ours.know("spy", address, is_proven=False)
            assert read_error(await sign_in(browser, "ours", "spy")) == "OAuthCreateAccount"
    assert await database.fetchval("SELECT count(*) FROM identities") == 1


async def test_a_second_subject_with_the_address(
    browser: httpx2.AsyncClient, ours: Running, theirs: Running, database: asyncpg.Connection
) -> None:
    """Somebody else at a provider who has an address there now does not get the account of who had it before.

    Another provider that verified the address still opens it: the account has nobody there yet.
    """
    ours.know("before", "passed-on@example.com")
    assert read_error(await sign_in(browser, "ours", "before")) == ""
    user_id = next_auth.open_session_cookie(browser)["id"]
    browser.cookies.clear()
    ours.know("after", "passed-on@example.com")
    assert read_error(await sign_in(browser, "ours", "after")) == "OAuthAccountNotLinked"
    assert [row["subject"] for row in await database.fetch("SELECT subject FROM identities")] == ["before"]
    theirs.know("somebody", "passed-on@example.com")
    assert read_error(await sign_in(browser, "theirs", "somebody")) == ""
    assert next_auth.open_session_cookie(browser)["id"] == user_id


@pytest.mark.parametrize("is_proven", [True, False])
@pytest.mark.parametrize(
    "look_alike",
    ["info@stra\u00dfe.example.com", "info@xn--strae-oqa.example.com", "\uff49nfo@strasse.example.com"],
)
async def test_the_owner_of_a_look_alike_address_is_somebody_else(
    browser: httpx2.AsyncClient,
    ours: Running,
    database: asyncpg.Connection,
    look_alike: str,
    is_proven: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A verified address that only shares its key with an account's opens nothing, be the account's proven or not."""
    made = {"name": "Ada", "email": "info@strasse.example.com", "password": PASSWORD}
    assert (await browser.post("/api/user", json=made)).status_code == 201
    if is_proven:
        await database.execute("UPDATE users SET email_verified_at = now()")
    ours.know("look-alike", look_alike)
    assert read_error(await sign_in(browser, "ours", "look-alike")) == "OAuthAccountNotLinked"
    assert await database.fetchval("SELECT count(*) FROM identities") == 0
    assert await database.fetchval("SELECT email_verified_at IS NOT NULL FROM users") == is_proven
    assert (await next_auth.sign_in(browser, made["email"])).status_code == 200, "the password is still good"


async def test_an_unproven_account_is_taken_over_clean(
    browser: httpx2.AsyncClient,
    provider_app: Starlette,
    ours: Running,
    theirs: Running,
    database: asyncpg.Connection,
) -> None:
    """A user who signed up with another's address is out once its owner comes by a provider that says it is theirs.

    Their password, their sessions and their own identity open nothing any more.
    """
    async with client_of(provider_app) as attacker:
        made = {"name": "Mallory", "email": "victim@example.com", "password": "the attacker knows"}
        assert (await attacker.post("/api/user", json=made)).status_code == 201
        assert (await next_auth.sign_in(attacker, made["email"], made["password"])).status_code == 200
        user_id = next_auth.open_session_cookie(attacker)["id"]
        link = "INSERT INTO identities (provider, issuer, subject, user_id) VALUES ('theirs', $2, 'mallory', $1)"
        await database.execute(link, user_id, theirs.issuer)
        ours.know("victim", "victim@example.com")
        assert read_error(await sign_in(browser, "ours", "victim")) == ""
        assert next_auth.open_session_cookie(browser)["id"] == user_id
        assert await next_auth.get_session(attacker) == {}
        assert (await next_auth.sign_in(attacker, made["email"], made["password"])).status_code == 401
        theirs.know("mallory", "victim@example.com", is_proven=False)
        assert read_error(await sign_in(attacker, "theirs", "mallory")) == "OAuthAccountNotLinked"
    assert (await next_auth.get_session(browser)) != {}


async def test_a_take_over_leaves_neither_roles_nor_name(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """What an unproven account was given, and called itself, is void once somebody else proves its address."""
    made = {"name": "Mallory", "email": "boss@example.com", "password": PASSWORD}
    assert (await browser.post("/api/user", json=made)).status_code == 201
    await database.execute("UPDATE users SET roles = '{admin}'")
    ours.know("boss", "boss@example.com", name="Ada")
    assert read_error(await sign_in(browser, "ours", "boss")) == ""
    session = next_auth.open_session_cookie(browser)
    assert (session["name"], read_claims(session["accessToken"]).get("roles", [])) == ("Ada", [])
    events = [row["event"] for row in await database.fetch("SELECT event FROM audit ORDER BY id")]
    assert events == [
        "signed_up",
        "email_proven",
        "account_taken_over",
        "roles_changed",
        "identity_linked",
        "signed_in",
    ]
    changes = await database.fetch("SELECT kind, name FROM user_changes")
    assert [tuple(row) for row in changes] == [("renamed", "Ada")], "those who keep copies learn of it"


async def test_an_identity_does_not_outlive_a_reset_that_proves_the_address(
    app: Starlette, auth_database_url: str, tmp_path: Path, theirs: Running, database: asyncpg.Connection
) -> None:
    """A user who came by a provider that does not verify addresses is out once its owner has reset the password."""
    del app
    theirs.know("careless", "victim@example.com", is_proven=False)
    file = write_providers(tmp_path, describe(theirs))
    mail = {"smtp_url": "smtp://127.0.0.1:9?tls=none", "mail_from": "a@example.com"}
    async with (
        running_with_providers(auth_database_url, file, **mail) as mail_app,
        client_of(mail_app) as attacker,
        client_of(mail_app) as victim,
    ):
        assert read_error(await sign_in(attacker, "theirs", "careless")) == ""
        assert (await next_auth.get_session(attacker)) != {}
        code = await get_code(victim, database, "victim@example.com")
        assert (await confirm(victim, "victim@example.com", code)).status_code == 204
        assert await next_auth.get_session(attacker) == {}
        assert read_error(await sign_in(attacker, "theirs", "careless")) == "OAuthAccountNotLinked"
        assert (await next_auth.sign_in(victim, "victim@example.com", NEW_PASSWORD)).status_code == 200


async def test_a_disabled_user(browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection) -> None:
    """Whose account is disabled does not get in by a provider either, known to it or linked by address."""
    ours.know("disabled", "disabled@example.com")
    assert read_error(await sign_in(browser, "ours", "disabled")) == ""
    await database.execute("UPDATE users SET disabled_at = now()")
    browser.cookies.clear()
    assert read_error(await sign_in(browser, "ours", "disabled")) == "AccessDenied"
    await database.execute("DELETE FROM identities")
    assert read_error(await sign_in(browser, "ours", "disabled")) == "AccessDenied"
    assert await database.fetchval("SELECT count(*) FROM identities") == 0


async def test_somebody_without_an_address(browser: httpx2.AsyncClient, ours: Running) -> None:
    """Without an address there is no account, and the page says what is missing."""
    ours.know("nameless")
    answer = await sign_in(browser, "ours", "nameless")
    assert read_error(answer) == "OAuthCreateAccount"
    page = await browser.get(f"{PUBLIC_URL}/api/auth/signin?error=OAuthCreateAccount")
    assert "An account needs an e-mail address" in page.text


async def test_a_deleted_user_comes_anew(
    browser: httpx2.AsyncClient, ours: Running, database: asyncpg.Connection
) -> None:
    """With an account its identities are gone: somebody who deletes theirs and comes again is somebody new."""
    ours.know("phoenix", "phoenix@example.com")
    assert read_error(await sign_in(browser, "ours", "phoenix")) == ""
    before = next_auth.open_session_cookie(browser)["id"]
    await database.execute("DELETE FROM users WHERE id = $1", before)
    assert await database.fetchval("SELECT count(*) FROM identities") == 0
    browser.cookies.clear()
    assert read_error(await sign_in(browser, "ours", "phoenix")) == ""
    assert next_auth.open_session_cookie(browser)["id"] != before


async def test_how_recent_a_session_is(browser: httpx2.AsyncClient, ours: Running) -> None:
    """A token says when somebody proved to the provider who they are, once it is asked to say so; else long ago.

    The button of the page that wants a proof again asks for it; somebody who is signed in there has to prove it anew.
    """
    ours.know("recent", "recent@example.com")
    async with httpx2.AsyncClient(timeout=30) as there:
        assert read_error(await browser.get(await prove_there(await begin(browser, "ours"), "recent", there))) == ""
        assert _read_auth_time(browser) == 0
        page = await browser.get("/api/auth/signin?prompt=login")
        assert "/api/auth/signin/ours?prompt=login" in read_forms(page.text)
        url = await begin(browser, "ours", "?prompt=login")
        assert {"prompt=login", "max_age=0"} <= set(urlsplit(url).query.split("&"))
        assert read_error(await browser.get(await prove_there(url, "recent", there))) == ""
        claims = read_claims(str(next_auth.open_session_cookie(browser)["accessToken"]))
        assert 0 <= claims["iat"] - claims["auth_time"] < 60  # type: ignore[operator]
        refreshed = await next_auth.get_session(browser)
        assert read_claims(refreshed["user"]["accessToken"])["auth_time"] == claims["auth_time"]  # type: ignore[index]


def _read_auth_time(browser: httpx2.AsyncClient) -> object:
    return read_claims(str(next_auth.open_session_cookie(browser)["accessToken"]))["auth_time"]


async def test_split_horizon(
    app: Starlette, auth_database_url: str, tmp_path: Path, database: asyncpg.Connection
) -> None:
    """A provider that browsers reach under another name than we do is called where we reach it, as who it is."""
    del app, database
    issuer = "http://login.example.test"
    with running_provider("split", ISSUER=issuer) as provider:
        provider.know("far", "far@example.com")
        table = f'id = "split"\nissuer = "{issuer}"\naddress = "{provider.issuer}"'
        async with (
            running_with_providers(auth_database_url, write_providers(tmp_path, table)) as split_app,
            client_of(split_app) as browser,
            httpx2.AsyncClient(transport=ReachedElsewhere(provider.port), timeout=30) as there,
        ):
            url = await begin(browser, "split")
            assert url.startswith(f"{issuer}/auth?")
            assert read_error(await browser.get(await prove_there(url, "far", there))) == ""


async def test_a_provider_that_is_killed_in_the_middle(
    app: Starlette, auth_database_url: str, tmp_path: Path, database: asyncpg.Connection
) -> None:
    """A provider that dies while somebody is there costs them that sign-in, and nothing else once it is back."""
    del app
    with running_provider("mortal") as mortal:
        mortal.know("patient", "patient@example.com")
        async with (
            running_with_providers(auth_database_url, write_providers(tmp_path, describe(mortal))) as mortal_app,
            client_of(mortal_app) as browser,
        ):
            back = await prove_there(await begin(browser, "mortal"), "patient")
            mortal.program.kill()
            assert read_error(await browser.get(back)) == "OAuthCallback"
            assert await database.fetchval("SELECT count(*) FROM attempts") == 0, "that was not their doing"
            assert (await begin(browser, "mortal")).startswith(mortal.issuer), "what it published is kept"
            with running_provider("mortal", port=mortal.port) as again:
                again.know("patient", "patient@example.com")
                assert read_error(await sign_in(browser, "mortal", "patient")) == ""
