"""Letters that tell people what happened to their account."""

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.guessing.rules import NOTICES_PER_HOUR
from tests.support.letters import WaitingLetter, find_letter, list_letters
from tests.support.people import PASSWORD, Person, sign_in, sign_up_and_in
from tests.support.services import PUBLIC_URL, client_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEW_PASSWORD = "purple monkey dishwasher"
HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
async def person(mail_client: httpx2.AsyncClient) -> Person:
    """Give somebody who has signed up and in, from home."""
    mail_client.headers["x-forwarded-for"] = HOME
    return await sign_up_and_in(mail_client, "Grace Hopper")


async def sign_in_from(app: Starlette, person: Person, address: str, **headers: str) -> httpx2.Response:
    """Sign in by JSON from an address, without any cookie."""
    async with client_of(app) as client:
        credentials = {"username": person.email, "password": PASSWORD}
        found = {"x-forwarded-for": address, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await client.post("/api/login", json=credentials, headers=found)


async def test_the_first_sign_in_is_no_news(person: Person, database: asyncpg.Connection) -> None:
    """Signing up and then in brings no letter."""
    assert person.id
    assert await list_letters(database) == []


async def test_an_unknown_device_is_told_of(mail_app: Starlette, person: Person, database: asyncpg.Connection) -> None:
    """A sign-in from elsewhere is told of, in its language, with device and address; the next from there is not."""
    for _ in range(2):
        answer = await sign_in_from(mail_app, person, ELSEWHERE, user_agent=FIREFOX, accept_language="ko-KR,en;q=0.5")
        assert answer.status_code == 200
    assert await list_letters(database) == [
        WaitingLetter(
            "new_device",
            person.email,
            "ko",
            {"name": person.name, "device": "Firefox on Linux", "address": ELSEWHERE},
        )
    ]


async def test_a_known_device_is_not(mail_app: Starlette, person: Person, database: asyncpg.Connection) -> None:
    """A sign-in from the address of the one before, or in a browser that was signed in before, brings no letter."""
    assert (await sign_in_from(mail_app, person, HOME)).status_code == 200
    assert await list_letters(database) == []
    async with client_of(mail_app) as browser:
        form = {"username": person.email, "password": PASSWORD, "json": "true"}
        for address in (HOME, ELSEWHERE, "203.0.113.10"):
            form["csrfToken"] = (await browser.get("/api/auth/csrf")).json()["csrfToken"]
            answer = await browser.post(
                "/api/auth/callback/credentials", data=form, headers={"x-forwarded-for": address}
            )
            assert answer.json() == {"url": PUBLIC_URL}
    assert await list_letters(database) == []


async def test_a_flood_of_sign_ins_is_a_few_letters(
    mail_app: Starlette, person: Person, database: asyncpg.Connection
) -> None:
    """Whoever knows a password can't bury its owner in letters: after so many an hour, sign-ins are told of no more."""
    for number in range(NOTICES_PER_HOUR + 3):
        assert (await sign_in_from(mail_app, person, f"203.0.113.{number}")).status_code == 200
    assert len(await list_letters(database)) == NOTICES_PER_HOUR


async def test_a_letter_that_can_not_be_written_keeps_nobody_out(
    mail_app: Starlette, person: Person, database: asyncpg.Connection
) -> None:
    """A sign-in goes on when the table of letters can't be written to, here because the disk is full."""
    await database.execute(
        """
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON letters FOR EACH STATEMENT EXECUTE FUNCTION fill();
        """
    )
    try:
        assert (await sign_in_from(mail_app, person, ELSEWHERE)).status_code == 200
    finally:
        await database.execute("DROP FUNCTION fill CASCADE")


async def test_a_new_password_is_told_of(
    mail_client: httpx2.AsyncClient, person: Person, database: asyncpg.Connection
) -> None:
    """A change of the password is told of, a refused one is not."""
    for current in ("wrong", PASSWORD):
        change = {"currentPassword": current, "newPassword": NEW_PASSWORD}
        await mail_client.post("/api/me/password", json=change, headers=person.bearer)
    assert [letter.kind for letter in await list_letters(database)] == ["password_changed"]


async def test_ended_sessions_are_told_of(
    mail_client: httpx2.AsyncClient, person: Person, database: asyncpg.Connection
) -> None:
    """Signing out everywhere else is told of."""
    assert (await mail_client.delete("/api/me/sessions", headers=person.bearer)).status_code == 204
    assert [letter.kind for letter in await list_letters(database)] == ["sessions_ended"]


async def test_a_flood_of_notices_is_a_few_letters(
    mail_client: httpx2.AsyncClient, person: Person, database: asyncpg.Connection
) -> None:
    """Nobody can fill a mailbox that isn't theirs by signing up with its address: of each kind few are sent an hour.

    A new account with that address has no new allowance. A flood of one kind leaves all others: the next new password
    is told of.
    """
    for _ in range(NOTICES_PER_HOUR + 3):
        assert (await mail_client.delete("/api/me/sessions", headers=person.bearer)).status_code == 204
    assert len(await list_letters(database)) == NOTICES_PER_HOUR
    await database.execute("DELETE FROM users WHERE id = $1", person.id)
    account = {"name": "Grace Hopper", "email": person.email, "password": PASSWORD}
    assert (await mail_client.post("/api/user", json=account)).status_code == 201
    again = await sign_in(mail_client, person.email)
    assert (await mail_client.delete("/api/me/sessions", headers=again.bearer)).status_code == 204
    assert len(await list_letters(database)) == NOTICES_PER_HOUR
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert (await mail_client.post("/api/me/password", json=change, headers=again.bearer)).status_code == 204
    assert (await find_letter(database)).kind == "password_changed"


async def test_without_mail_there_is_no_letter(
    app: Starlette, client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """Without ``SMTP_URL`` nothing is written, whatever happens."""
    assert (await sign_in_from(app, ada, ELSEWHERE)).status_code == 200
    assert (await client.delete("/api/me/sessions", headers=ada.bearer)).status_code == 204
    assert await list_letters(database) == []
