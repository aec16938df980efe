"""The operators' command line, in process and as a real process, against the service's database."""

import argparse
import asyncio
import datetime as dt
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.operators import audit
from auth_service.operators.operator import build_client
from shared.postgres.housekeeping import BITE
from shared.settings import SAMPLE_SECRETS
from shared.tokens.key_pairs import read_key_file
from shared.tokens.weak_secrets import MIN_SECRET_LENGTH
from stack.services import SERVICES
from tests.support.command_line import CommandLine
from tests.support.forged_tokens import read_claims
from tests.support.house import ROOT
from tests.support.letters import WITH_MAIL, list_letters
from tests.support.people import PASSWORD, Person

FILL = (
    "INSERT INTO audit (event, user_agent, request_id, happened_at) "
    "SELECT 'signed_in', 'A browser', '1', now() - $2::text::interval FROM generate_series(1, $1::int)"
)


async def test_a_user_is_created_and_signs_in(command_line: CommandLine, client: httpx2.AsyncClient) -> None:
    """``user create`` reads the password from standard input; the user can sign in, and is listed and shown."""
    created = await command_line.find("user", "create", "Ada", "ada@example.com", stdin=f"{PASSWORD}\n")
    assert isinstance(created, dict)
    assert (created["name"], created["email"]) == ("Ada", "ada@example.com")
    answer = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORD})
    assert answer.json()["id"] == created["id"]
    assert await command_line.find("user", "list") == [created]
    assert await command_line.find("user", "list", "--after", str(created["id"])) == []
    assert await command_line.find("user", "show", str(created["id"])) == {**created, "proven": None, "identities": []}


async def test_who_a_user_is_to_other_providers(
    command_line: CommandLine, ada: Person, database: asyncpg.Connection
) -> None:
    """``user show`` names the providers that a user signs in with, and the address there; deletion takes all of it."""
    link = "INSERT INTO identities (provider, issuer, subject, user_id, email) VALUES ($1, $1, 'ada', $2, $3)"
    await database.execute(link, "google", ada.id, "ada@gmail.example")
    await database.execute(link, "naver", ada.id, None)
    shown = await command_line.find("user", "show", str(ada.id))
    assert isinstance(shown, dict)
    assert shown["identities"] == ["google: ada@gmail.example", "naver: -"]
    await command_line.find("user", "delete", str(ada.id))
    assert await database.fetchval("SELECT count(*) FROM identities") == 0


async def test_lists_are_tables_for_people(command_line: CommandLine, ada: Person) -> None:
    """Without ``--json`` a list is a table with a header."""
    status, out, _ = await command_line.run("user", "list")
    head, row = out.splitlines()
    assert status == 0
    assert head.split() == ["ID", "NAME", "EMAIL", "ROLES", "STATE", "CREATED"]
    assert re.fullmatch(rf"{ada.id} +Ada Lovelace +{ada.email} +- +active +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d", row)


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("user", "show", "999"), "", "There is no user of that id"),
        (("session", "end", str(uuid.UUID(int=1))), "", "There is no live session of that id"),
        (("user", "create", "Eve", "eve@example.com"), "short\n", "password must be at least 8 characters"),
        (("user", "create", "Eve", "eve@example.com"), "", "password must be at least 8 characters"),
    ],
)
async def test_what_can_not_be_done_is_one_sentence(
    command_line: CommandLine, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    """A command that is refused, or finds nothing, ends with status 1 and one sentence on standard error."""
    assert await command_line.run(*arguments, stdin=stdin) == (1, "", f"{sentence}\n")


async def test_a_taken_email_is_refused(command_line: CommandLine, ada: Person) -> None:
    """``user create`` does not create a second user with the same e-mail address."""
    answer = await command_line.run("user", "create", "Eve", ada.email.upper(), stdin=f"{PASSWORD}\n")
    assert answer == (1, "", "This e-mail address is already taken\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("user",),
        ("users", "list"),
        ("user", "show", "ada"),
        ("user", "show", "0"),
        ("user", "list", "--limit", "0"),
        ("session", "end", "1"),
        ("audit", "prune"),
        ("audit", "prune", "--older-than", "0"),
        ("audit", "prune", "--before", "yesterday"),
        ("audit", "prune", "--before", "9999-01-01"),
        ("audit", "prune", "--before", "0001-01-01T00:00:00+09:00"),
        ("audit", "prune", "--before", "2026-01-01", "--older-than", "1"),
        ("user", "create", "Ada", "ada@example.com", "a password as an argument"),
    ],
)
async def test_a_wrong_call_is_explained(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    """A call that is not understood ends with status 2 and the usage."""
    status, out, err = await command_line.run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: python -m auth_service")


async def test_settings_that_lack_are_named(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a required setting the status is 2, and the sentence names it."""
    monkeypatch.delenv("AUTH_DATABASE_URL")
    assert await command_line.run("user", "list") == (2, "", "AUTH_DATABASE_URL: is missing\n")


async def test_a_session_is_seen_and_ended(command_line: CommandLine, client: httpx2.AsyncClient, ada: Person) -> None:
    """``session list`` shows where it comes from; ``session end`` ends it at once, and refuses to do so again."""
    sid = read_claims(ada.token)["sid"]
    assert isinstance(sid, str)
    (session,) = await command_line.find("session", "list", "--user", str(ada.id))  # type: ignore[misc]
    assert (session["id"], session["user"], session["state"]) == (sid, ada.id, "live")
    assert await command_line.find("session", "list", "--user", "999") == []
    assert (await command_line.run("session", "end", sid))[0] == 0
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    assert (await command_line.run("session", "end", sid))[0] == 1
    (session,) = await command_line.find("session", "list")  # type: ignore[misc]
    assert session["state"] != "live"


@pytest.mark.parametrize(
    "which", [("--older-than", "30"), ("--before", f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=30):%Y-%m-%d}")]
)
async def test_the_audit_is_pruned(
    command_line: CommandLine, database: asyncpg.Connection, which: tuple[str, str]
) -> None:
    """``audit prune`` deletes any number of older lines, reports how many, and leaves a line about it."""
    await database.execute(FILL, 2 * BITE + 1, "40 days")
    await database.execute(FILL, 2, "20 days")
    counted = await command_line.find("audit", "prune", *which, "--dry-run")
    assert isinstance(counted, dict)
    assert (counted["lines"], counted["state"]) == (2 * BITE + 1, "would be pruned")
    assert await database.fetchval("SELECT count(*) FROM audit") == 2 * BITE + 3
    pruned = await command_line.find("audit", "prune", *which)
    assert isinstance(pruned, dict)
    assert (pruned["lines"], pruned["state"]) == (2 * BITE + 1, "pruned")
    (about, *left) = await command_line.find("audit")  # type: ignore[misc]
    assert [line["event"] for line in left] == ["signed_in"] * 2
    assert (about["event"], about["agent"]) == ("audit_pruned", f"command line, user {os.getuid()}")


async def test_pruning_leaves_its_own_line(app: Starlette, database: asyncpg.Connection) -> None:
    """Also where this machine's clock is ahead of the database's, and everything until now is to go."""
    await database.execute(FILL, 2, "20 days")
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    call = argparse.Namespace(before=ahead, older_than=None, dry_run=False, client=build_client("a test"))
    assert (await audit.prune_audit(app.state.parts, call))["lines"] == 2
    assert [row["event"] for row in await database.fetch("SELECT event FROM audit")] == ["audit_pruned"]


async def test_a_million_lines_are_counted_no_further(
    command_line: CommandLine, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many lines there are, counting them takes no longer than a statement may."""
    monkeypatch.setattr(audit, "MOST_COUNTED", 10)
    await database.execute(FILL, 20, "40 days")
    counted = await command_line.find("audit", "prune", "--older-than", "1", "--dry-run")
    assert isinstance(counted, dict)
    assert counted["lines"] == "10 or more"


async def test_roles_are_given_and_taken(command_line: CommandLine, client: httpx2.AsyncClient) -> None:
    """Roles are given with the user or later, each once, and are in the next access token; each change is audited."""
    command = ("user", "create", "Ada", "ada@example.com", "--role", "writer", "--role", "admin")
    created = await command_line.find(*command, stdin=f"{PASSWORD}\n")
    assert isinstance(created, dict)
    assert created["roles"] == ["admin", "writer"]
    changed = await command_line.find("user", "role", str(created["id"]), "--add", "admin", "--remove", "writer")
    assert isinstance(changed, dict)
    assert changed["roles"] == ["admin"]
    answer = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORD})
    assert read_claims(answer.json()["accessToken"])["roles"] == ["admin"]
    lines = await command_line.find("audit")
    assert isinstance(lines, list)
    assert [line["event"] for line in lines] == ["signed_in", "roles_changed", "roles_changed", "signed_up"]
    assert (await command_line.run("user", "role", "999", "--add", "admin"))[0] == 1
    assert (await command_line.run("user", "role", "1", "--add", "no role"))[0] == 2


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (("--remove", "admin"), True),
        (("--remove", "admin", "--add", "writer"), True),
        (("--remove", "admin", "--keep-sessions"), False),
        (("--remove", "writer"), False),
        (("--add", "writer"), False),
    ],
)
async def test_taking_a_role_away_ends_the_sessions(
    command_line: CommandLine,
    client: httpx2.AsyncClient,
    ada: Person,
    database: asyncpg.Connection,
    change: tuple[str, ...],
    ends: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A user who loses a role is signed out everywhere, so that no token names it any longer, unless told otherwise."""
    await database.execute("UPDATE users SET roles = '{admin}'")
    await command_line.find("user", "role", str(ada.id), *change)
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == (401 if ends else 200)
    because = await database.fetch("SELECT revoked_because FROM sessions")
    assert [row[0] for row in because] == ["role_taken" if ends else None]
    assert await database.fetchval("SELECT count(*) FROM revocations") == int(ends)


async def test_roles_always_fit_into_an_access_token(
    command_line: CommandLine, client: httpx2.AsyncClient, ada: Person
) -> None:
    """A user can have 16 roles, however long, and their token still works; one more is refused with a sentence."""
    await client.patch("/api/me", json={"name": "\U0001f469" * 100}, headers=ada.bearer)
    roles = [f"{number:02}".ljust(64, "x") for number in range(17)]
    given = [word for role in roles[:16] for word in ("--add", role)]
    changed = await command_line.find("user", "role", str(ada.id), *given)
    assert isinstance(changed, dict)
    assert changed["roles"] == roles[:16]
    signed_in = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    bearer = {"authorization": f"Bearer {signed_in.json()['accessToken']}"}
    assert (await client.get("/api/me", headers=bearer)).status_code == 200
    refused = await command_line.run("user", "role", str(ada.id), "--add", roles[16])
    assert refused == (1, "", "A user can have at most 16 roles\n")
    assert await command_line.find("user", "show", str(ada.id)) == {**changed, "proven": None, "identities": []}
    swapped = await command_line.find("user", "role", str(ada.id), "--add", roles[16], "--remove", roles[0])
    assert isinstance(swapped, dict)
    assert swapped["roles"] == roles[1:]


async def test_a_user_is_created_with_all_roles_or_not_at_all(command_line: CommandLine) -> None:
    """``user create`` with roles that are refused creates no user."""
    given = [word for number in range(17) for word in ("--role", f"role{number}")]
    refused = await command_line.run("user", "create", "Ada", "ada@example.com", *given, stdin=f"{PASSWORD}\n")
    assert refused == (1, "", "A user can have at most 16 roles\n")
    assert await command_line.find("user", "list") == []


async def test_what_happened_is_listed(command_line: CommandLine, ada: Person) -> None:
    """``audit`` lists events newest first, including those of operators, marked as coming from the command line."""
    await command_line.run("user", "create", "Eve", "eve@example.com", stdin=f"{PASSWORD}\n")
    lines = await command_line.find("audit")
    assert isinstance(lines, list)
    assert [line["event"] for line in lines] == ["signed_up", "signed_in", "signed_up"]
    assert lines[0]["agent"] == f"command line, user {os.getuid()}"
    mine = await command_line.find("audit", "--user", str(ada.id), "--limit", "1")
    assert isinstance(mine, list)
    assert [(line["event"], line["user"]) for line in mine] == [("signed_in", ada.id)]


async def test_secrets_are_fresh_and_long(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """``secret new`` needs no setting and prints new, different values for all secrets each time, in .env's format."""
    monkeypatch.delenv("AUTH_DATABASE_URL")
    status, out, _ = await command_line.run("secret", "new")
    fresh = dict(line.split("=", 1) for line in out.splitlines())
    assert status == 0
    of_callers = {service.secret_setting for service in SERVICES if service.name != "auth_service"}
    assert set(fresh) == {"SECRET_KEY", "NEXTAUTH_SECRET", *of_callers}
    again = await command_line.find("secret", "new")
    assert isinstance(again, dict)
    values = [*fresh.values(), *again.values()]
    assert len(set(values)) == 2 * len(fresh)
    assert min(map(len, values)) >= MIN_SECRET_LENGTH


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_key_pairs_are_fresh(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    """``secret new --key-pair`` needs no setting and prints a new private key alone, which signs where it is named."""
    monkeypatch.delenv("AUTH_DATABASE_URL")
    arguments = () if algorithm == "ES256" else (algorithm,)
    status, out, said = await command_line.run("secret", "new", "--key-pair", *arguments)
    assert (status, said) == (0, "")
    assert out.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert out.endswith("\n-----END PRIVATE KEY-----\n")
    file = tmp_path / "key.pem"
    file.touch(0o600)
    file.write_text(out)
    pairs = read_key_file(file)
    assert pairs.signing_key.algorithm == algorithm
    again = await command_line.find("secret", "new", "--key-pair", *arguments)
    assert isinstance(again, dict)
    assert set(again) == {"kid", "algorithm", "pem"}
    assert again["kid"] != pairs.signing_key.kid


async def test_the_real_process(auth_database_url: str, database: asyncpg.Connection) -> None:
    """``python -m auth_service`` with arguments runs the command and ends."""
    del database  # emptied
    settings = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "AUTH_DATABASE_URL": auth_database_url}
    command = [sys.executable, "-m", "auth_service", "user", "create", "Ada", "ada@example.com", "--json"]
    ended = await asyncio.to_thread(
        subprocess.run,
        command,
        input=f"{PASSWORD}\n",
        env={"PATH": os.defpath, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["email"] == "ada@example.com"


async def test_a_user_is_disabled_and_enabled(
    command_line: CommandLine, client: httpx2.AsyncClient, ada: Person
) -> None:
    """A disabled user is refused as with a wrong password, and their sessions end; enabled again, they can sign in."""
    credentials = {"username": ada.email, "password": PASSWORD}
    refresh = {"refreshToken": (await client.post("/api/login", json=credentials)).json()["refreshToken"]}
    disabled = await command_line.find("user", "disable", str(ada.id))
    assert isinstance(disabled, dict)
    assert disabled["state"] == "disabled"
    refused = await client.post("/api/login", json=credentials)
    wrong = await client.post("/api/login", json={**credentials, "password": "not the password"})
    assert (refused.status_code, refused.content) == (401, wrong.content)
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    assert (await client.post("/api/token", json=refresh)).status_code == 401
    enabled = await command_line.find("user", "enable", str(ada.id))
    assert isinstance(enabled, dict)
    assert enabled["state"] == "active"
    assert (await client.post("/api/login", json=credentials)).status_code == 200
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    lines = await command_line.find("audit")
    assert isinstance(lines, list)
    assert [line["event"] for line in lines][:5] == [
        *("signed_in", "user_enabled", "sign_in_refused", "sign_in_refused", "session_revoked")
    ]


async def test_a_user_is_deleted(command_line: CommandLine, client: httpx2.AsyncClient, ada: Person) -> None:
    """``user delete`` prints who it was and ends their sessions; repeated, it finds nobody."""
    deleted = await command_line.find("user", "delete", str(ada.id))
    assert isinstance(deleted, dict)
    assert (deleted["email"], deleted["state"]) == (ada.email, "deleted")
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    for verb in ("delete", "disable", "enable", "show"):
        assert await command_line.run("user", verb, str(ada.id)) == (1, "", "There is no user of that id\n")


async def test_an_operator_s_ending_is_told_from_a_user_s(command_line: CommandLine, ada: Person) -> None:
    """A session that was ended from the command line is shown as such."""
    await command_line.find("session", "end", ada.session_id)
    (session,) = await command_line.find("session", "list")  # type: ignore[misc]
    assert session["state"] == "ended_by_operator"


async def test_an_operator_starts_a_reset(
    command_line: CommandLine,
    client: httpx2.AsyncClient,
    ada: Person,
    monkeypatch: pytest.MonkeyPatch,
    database: asyncpg.Connection,
) -> None:
    """``user reset-password`` voids the password, ends all sessions, and writes to the user; it chooses no password.

    The letter holds no code: whoever reads it asks for one (ASVS 5.0, 6.4.6). The audit says who did it.
    """
    for name in ("smtp_url", "mail_from"):
        monkeypatch.setenv(name.upper(), str(WITH_MAIL[name]))
    found = await command_line.find("user", "reset-password", str(ada.id))
    assert isinstance(found, dict)
    assert (found["id"], found["password"]) == (ada.id, "void")
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    credentials = {"username": ada.email, "password": PASSWORD}
    assert (await client.post("/api/login", json=credentials)).status_code == 401
    (letter,) = await list_letters(database)
    assert (letter.kind, letter.address, letter.facts) == ("reset_started", ada.email, {"name": ada.name})
    event = "SELECT user_agent FROM audit WHERE event = 'password_reset_started' AND user_id = $1"
    assert str(await database.fetchval(event, ada.id)).startswith("command line, user ")
    assert await command_line.run("user", "reset-password", "999") == (1, "", "There is no user of that id\n")


async def test_what_remains_after_a_reset(
    command_line: CommandLine, ada: Person, monkeypatch: pytest.MonkeyPatch, database: asyncpg.Connection
) -> None:
    """``user reset-password`` names the identities by which somebody still gets in; with ``--unlink`` none remains."""
    for name in ("smtp_url", "mail_from"):
        monkeypatch.setenv(name.upper(), str(WITH_MAIL[name]))
    await database.execute(
        "INSERT INTO identities (provider, issuer, subject, user_id) VALUES ('hub', 'hub', 'thief', $1)", ada.id
    )
    found = await command_line.find("user", "reset-password", str(ada.id))
    assert isinstance(found, dict)
    assert found["identities"] == ["hub: -"]
    found = await command_line.find("user", "reset-password", str(ada.id), "--unlink")
    assert isinstance(found, dict)
    assert found["identities"] == []
    told = [(each.kind, each.facts.get("providers")) for each in await list_letters(database)]
    assert told == [("reset_started", "hub"), ("identity_removed", None), ("reset_started", None)]
    assert await database.fetchval("SELECT count(*) FROM audit WHERE event = 'identity_removed'") == 1


async def test_an_operator_unlinks_an_identity(
    command_line: CommandLine, client: httpx2.AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """``user unlink`` takes away what a user has at one provider, and ends all sessions; nothing else of theirs."""
    given = "INSERT INTO identities (provider, issuer, subject, user_id) VALUES ($2, $2, 'thief', $1)"
    for provider in ("hub", "other"):
        await database.execute(given, ada.id, provider)
    found = await command_line.find("user", "unlink", str(ada.id), "hub")
    assert isinstance(found, dict)
    assert found["identities"] == ["other: -"]
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    line = "SELECT user_agent FROM audit WHERE event = 'identity_removed' AND user_id = $1"
    assert str(await database.fetchval(line, ada.id)).startswith("command line, user ")
    status, _, err = await command_line.run("user", "unlink", str(ada.id), "hub")
    assert (status, err) == (1, "The user has nothing at that provider\n")
    assert await command_line.run("user", "unlink", "999", "hub") == (1, "", "There is no user of that id\n")


async def test_without_mail_no_password_is_made_void(
    command_line: CommandLine, client: httpx2.AsyncClient, ada: Person
) -> None:
    """Where nobody could set a new password, an operator can't take the old one away."""
    status, out, err = await command_line.run("user", "reset-password", str(ada.id))
    assert (status, out) == (1, "")
    assert "SMTP_URL" in err
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200
