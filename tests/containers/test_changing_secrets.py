"""Every secret is changed under load as ``docs/operations.md`` says, and nobody notices."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
from dotenv import dotenv_values

from tests.support.next_auth import get_session
from tests.support.next_auth import sign_in as sign_in_browser
from tests.support.operations_page import Commands, section
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.production import Production

SECRETS = ("SECRET_KEY", "NEXTAUTH_SECRET", "GATEWAY_SERVICE_SECRET", "POSTS_SERVICE_SECRET")
ALL = {" SECRET_KEY\n": f" {' '.join(SECRETS)}\n"}
LONGEST = 10_000  # rounds of traffic; a run has far fewer


@contextlib.asynccontextmanager
async def asking(
    browser: httpx2.AsyncClient, client: httpx2.AsyncClient, person: Person
) -> AsyncIterator[Counter[str]]:
    """Read, write, sign in and ask for the session all the while; gives how often each was answered how."""
    counts: Counter[str] = Counter()

    async def go_on() -> None:
        for number in range(LONGEST):
            answers = {
                "read": await client.get("/api/me", headers=person.bearer),
                "write": await client.post("/api/posts", json={"title": f"{number}"}, headers=person.bearer),
                "session": await browser.get("/api/auth/session"),
            }
            if number % 50 == 0:  # not so often that the first session is ended as the oldest of too many
                known = {"username": person.email, "password": PASSWORD}
                answers["sign-in"] = await client.post("/api/login", json=known)
            counts.update(f"{name} {answer.status_code}" for name, answer in answers.items())
            await asyncio.sleep(0.05)

    task = asyncio.create_task(go_on())
    try:
        yield counts
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def read_env(file: Path) -> dict[str, str]:
    """Return what stands in an ``.env``."""
    return {name: value or "" for name, value in dotenv_values(file).items()}


async def do_step(production: Production, commands: Commands, step: str) -> dict[str, str]:
    """Do a step with all secrets; returns what stands in ``.env`` then."""
    await asyncio.to_thread(production.run, commands.take(step), ALL)
    assert (production.clone / ".env").stat().st_mode & 0o777 == 0o600
    return read_env(production.clone / ".env")


async def test_all_secrets_are_changed_under_load(production: Production) -> None:
    """Announced, used, retired: no request fails, nobody is signed out, and in the end the old ones are gone.

    The databases' passwords are changed at the end, and PostgreSQL goes on meanwhile.
    """
    before = read_env(production.clone / ".env")
    async with production.client() as client, production.client() as browser:
        ada = await sign_up_and_in(client, "Ada Lovelace")
        await sign_in_browser(browser, ada.email)
        with section("Changing a secret") as commands, section("Passwords of the databases") as databases:
            async with asking(browser, client, ada) as counts:
                announced = await do_step(production, commands, "# 1.")
                used = await do_step(production, commands, "# 2.")
            print(f"announced and used: {dict(counts)}")  # noqa: T201 - a figure for the page
            assert {status.split()[1] for status in counts} == {"200", "201"}
            await do_step(production, commands, "# 3.")
            begun = production.containers.format("postgres", "{{.State.StartedAt}}")
            await asyncio.to_thread(production.run, databases.take())
            assert production.containers.format("postgres", "{{.State.StartedAt}}") == begun
        session = await get_session(browser)
        assert session["user"]
        written = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
        assert written.status_code == 200
        assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401  # signed by the old secret
    after = read_env(production.clone / ".env")
    for name in SECRETS:
        assert announced[name] == before[name] != announced[f"{name}_PREVIOUS"] == used[name] == after[name]
        assert used[f"{name}_PREVIOUS"] == before[name]
        assert f"{name}_PREVIOUS" not in after
    for name in ("AUTH_DATABASE_URL", "POSTS_DATABASE_URL"):
        assert after[name] != before[name]
    assert set(after) == set(before)


def test_credentials_of_services(production: Production) -> None:
    """A service gets another credential, and one that is revoked is named as such."""
    with section("Credentials of services") as commands:
        for command in commands.take_all():
            production.run(command)
