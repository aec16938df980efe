"""Users of another system: imported with their password hashes, and signed in with their passwords."""

import asyncio
import json
import os
import pty
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import bcrypt
import httpx2
import pytest

from auth_service import signing_in
from shared.command_line import importing
from shared.settings import SAMPLE_SECRETS
from tests.support.command_line import CommandLine
from tests.support.forged_tokens import read_claims
from tests.support.house import ROOT
from tests.support.other_hashes import (
    KNOWN_OF_DJANGO,
    PASSWORDS,
    UNKNOWN_OF_DJANGO,
    make_django_hashes,
    make_node_hashes,
)
from tests.support.people import PASSWORD, Person
from tests.support.waiting import wait_until

HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
OURS = "$argon2id$v=19$m=19456,t=2,p=1$"
SETTINGS = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "PATH": os.defpath}


@pytest.fixture(autouse=True)
def refuse_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let refusals take no longer than they must."""
    monkeypatch.setattr(signing_in, "REFUSAL_TIME", 0)


def make_line(name: str, **members: object) -> dict[str, object]:
    """Return somebody's line."""
    return {"name": name, "email": f"{name.lower()}@example.com", "passwordHash": HASH, **members}


def write(path: Path, lines: Sequence[object]) -> str:
    """Write a file of lines: text as it stands, anything else as JSON; return where it is."""
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return str(path)


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> httpx2.Response:
    """Try to sign in."""
    return await client.post("/api/login", json={"username": email, "password": password})


async def find_hash(database: asyncpg.Connection, email: str) -> str:
    """Return the stored hash of somebody's password."""
    found: str = await database.fetchval("SELECT password_hash FROM users WHERE email = $1", email)
    return found


async def check_sign_in(client: httpx2.AsyncClient, database: asyncpg.Connection, email: str, password: str) -> None:
    """Check that the old password, and no other, opens the account, and that its hash is ours from then on."""
    assert (await sign_in(client, email, f"y{password}")).status_code == 401
    assert not (await find_hash(database, email)).startswith(OURS)
    for _ in range(2):
        answer = await sign_in(client, email, password)
        assert (answer.status_code, answer.json().get("email")) == (200, email)
        assert (await find_hash(database, email)).startswith(OURS)
    assert (await sign_in(client, email, f"{password}x")).status_code == 401


async def test_users_of_another_system_sign_in(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """Imported with all that was known of them, they sign in; followers and the audit are told of each."""
    told = {"emailVerified": "2021-01-01T00:00:00Z", "createdAt": "2020-02-03T04:05:06Z", "roles": ["writer", "admin"]}
    file = write(tmp_path / "users.jsonl", [make_line("Ada", **told), "", make_line("Grace")])
    done = await command_line.find("user", "import", file)
    assert done == {"lines": 2, "imported": 2, "present": 0, "skipped": 0, "state": "imported"}
    ada, grace = await command_line.find("user", "list")  # type: ignore[misc]
    assert (ada["name"], ada["email"], ada["roles"]) == ("Ada", "ada@example.com", ["admin", "writer"])
    assert ada["created"] == "2020-02-03T04:05:06Z"
    proven = await database.fetch("SELECT email_verified_at::date::text FROM users ORDER BY id")
    assert [row[0] for row in proven] == ["2021-01-01", None]
    changes = await database.fetch("SELECT kind, user_id, name, email FROM user_changes ORDER BY id")
    assert [tuple(row) for row in changes] == [
        ("created", ada["id"], "Ada", "ada@example.com"),
        ("created", grace["id"], "Grace", "grace@example.com"),
    ]
    audit = await command_line.find("audit")
    assert isinstance(audit, list)
    assert [(line["event"], line["user"]) for line in audit] == [
        ("user_imported", grace["id"]),
        ("user_imported", ada["id"]),
    ]
    assert audit[0]["agent"] == f"command line, user {os.getuid()}"
    await check_sign_in(client, database, "grace@example.com", PASSWORD)
    token = (await sign_in(client, "ada@example.com")).json()["accessToken"]
    assert read_claims(token)["roles"] == ["admin", "writer"]


async def test_hashes_by_node(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """Passwords that node's ``bcrypt`` hashed open the accounts: any letters, and more than 72 bytes."""
    hashes = await asyncio.to_thread(make_node_hashes, PASSWORDS)
    lines = [make_line(f"Node{number}", passwordHash=made) for number, made in enumerate(hashes)]
    assert (await command_line.run("user", "import", write(tmp_path / "users.jsonl", lines)))[0] == 0
    for number, password in enumerate(PASSWORDS):
        await check_sign_in(client, database, f"node{number}@example.com", password)


async def test_hashes_by_django(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """Passwords that Django hashed open the accounts, by each hasher that is known; the others are named."""
    made = await asyncio.to_thread(make_django_hashes, PASSWORDS)
    lines = [
        make_line(f"Django{number}-{hasher}", passwordHash=stored)
        for number, hashes in enumerate(made)
        for hasher, stored in hashes.items()
    ]
    status, _, err = await command_line.run("user", "import", write(tmp_path / "users.jsonl", lines))
    assert status == 3
    assert sorted(line.split(": ")[0].split("-")[1] for line in err.splitlines()) == sorted(
        f"{hasher}@example.com" for hasher in UNKNOWN_OF_DJANGO for _ in PASSWORDS
    )
    for number, password in enumerate(PASSWORDS):
        for hasher in KNOWN_OF_DJANGO:
            await check_sign_in(client, database, f"django{number}-{hasher}@example.com", password)


async def test_what_bcrypt_did_not_read_counts_from_the_first_sign_in(
    command_line: CommandLine, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """Until then the first 72 bytes do, as where the hash comes from; after it, the whole password that was typed."""
    (stored,) = await asyncio.to_thread(make_node_hashes, ["x" * 80])
    await command_line.run("user", "import", write(tmp_path / "users.jsonl", [make_line("Ada", passwordHash=stored)]))
    assert (await sign_in(client, "ada@example.com", "x" * 71)).status_code == 401
    assert (await sign_in(client, "ada@example.com", "x" * 90)).status_code == 200
    assert (await sign_in(client, "ada@example.com", "x" * 80)).status_code == 401
    assert (await sign_in(client, "ada@example.com", "x" * 90)).status_code == 200


async def test_an_import_is_repeated_without_harm(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection, ada: Person, tmp_path: Path
) -> None:
    """A user who exists is left unchanged, under whatever spelling; a line that comes twice counts once."""
    lines = [
        make_line("Eve", email=ada.email.upper()),
        make_line("Grace", email="grace@xn--bcher-kva.example"),
        make_line("Linus"),
        make_line("Grace Hopper", email="Grace@b\u00fccher.example"),
    ]
    file = write(tmp_path / "users.jsonl", lines)
    done = await command_line.find("user", "import", file)
    assert done == {"lines": 4, "imported": 2, "present": 2, "skipped": 0, "state": "imported"}
    users = await database.fetch("SELECT name, password_hash FROM users ORDER BY id")
    assert [row["name"] for row in users] == [ada.name, "Grace", "Linus"]
    assert (await sign_in(client, ada.email)).status_code == 200
    again = await command_line.find("user", "import", file)
    assert again == {"lines": 4, "imported": 0, "present": 4, "skipped": 0, "state": "imported"}
    assert await database.fetch("SELECT name, password_hash FROM users ORDER BY id") == users
    assert await database.fetchval("SELECT count(*) FROM user_changes") == 3


async def test_a_dry_run_stores_nothing(
    command_line: CommandLine, database: asyncpg.Connection, ada: Person, tmp_path: Path
) -> None:
    """It checks, counts and names what an import would."""
    lines = [make_line("Eve", email=ada.email), make_line("Grace"), make_line("Bad", passwordHash="md5")]
    file = write(tmp_path / "users.jsonl", lines)
    status, out, err = await command_line.run("user", "import", file, "--dry-run", "--json")
    assert (status, err) == (3, "line 3, bad@example.com: passwordHash is of a form that is not known here\n")
    expected = {"lines": 3, "imported": 1, "present": 1, "skipped": 1, "state": "would be imported"}
    assert json.loads(out) == expected
    assert await database.fetchval("SELECT count(*) FROM users") == 1
    assert await database.fetchval("SELECT count(*) FROM user_changes") == 1


async def test_what_can_not_be_imported_is_named_and_the_rest_goes_on(
    command_line: CommandLine, database: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each such line with its number, the address and the reason, wherever batches end; nothing moves the cursor."""
    monkeypatch.setattr(importing, "BATCH", 2)
    lines = [
        make_line("Ada"),
        "not JSON",
        make_line("Eve", email="eve\x1b[2J@example.com"),
        make_line("Grace"),
        json.dumps(make_line("Long", email="long@example.com")) + " " * 20_000,
        make_line("Bob", passwordHash="$2b$20$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
        make_line("", email="nobody@example.com"),
        make_line("Linus"),
    ]
    status, out, err = await command_line.run("user", "import", write(tmp_path / "users.jsonl", lines))
    assert status == 3
    assert [line.split() for line in out.splitlines()] == [
        *(["lines", "8"], ["imported", "3"], ["present", "0"], ["skipped", "5"], ["state", "imported"])
    ]
    assert err.splitlines() == [
        "line 2, -: line is not JSON",
        "line 3, eve\\u001b[2J@example.com: email must be a valid e-mail address",
        "line 5, -: line is longer than 16384 bytes",
        "line 6, bob@example.com: passwordHash is out of bounds: cost of bcrypt 20, and accepted are 4 to 14",
        "line 7, nobody@example.com: name must not be blank",
    ]
    users = await database.fetch("SELECT name FROM users ORDER BY id")
    assert [row["name"] for row in users] == ["Ada", "Grace", "Linus"]


async def test_who_has_no_password_does_not_sign_in(
    command_line: CommandLine, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """``passwordHash`` null is nobody's password: not an empty one, nor the word."""
    lines = [make_line("Ada", passwordHash=None)]
    assert (await command_line.run("user", "import", write(tmp_path / "users.jsonl", lines)))[0] == 0
    for password in ("", "null", "None", PASSWORD):
        assert (await sign_in(client, "ada@example.com", password)).status_code == 401


async def test_a_file_that_is_not_there_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    """Nothing is done, and the status is 1."""
    file = str(tmp_path / "users.jsonl")
    assert await command_line.run("user", "import", file) == (
        1,
        "",
        f"{file} can't be read: No such file or directory\n",
    )
    assert (await command_line.run("user", "import"))[0] == 2


async def test_a_crash_half_way_is_mended_by_another_run(
    command_line: CommandLine,
    client: httpx2.AsyncClient,
    database: asyncpg.Connection,
    auth_database_url: str,
    tmp_path: Path,
) -> None:
    """Killed between batches, the process leaves whole batches; the second run stores the rest, and each user once."""
    lines = [json.dumps(make_line(f"User{number}")).encode() + b"\n" for number in range(3 * importing.BATCH)]
    file = tmp_path / "users.jsonl"
    file.write_bytes(b"".join(lines))
    command = (sys.executable, "-m", "auth_service", "user", "import", "-")
    environment = {**SETTINGS, "AUTH_DATABASE_URL": auth_database_url}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"".join(lines[: importing.BATCH + 10]))
    await wait_until(lambda: database.fetchval("SELECT count(*) FROM users"), bool)
    process.kill()
    await process.wait()
    process.stdin.close()
    assert await database.fetchval("SELECT count(*) FROM users") == importing.BATCH
    done = await command_line.find("user", "import", str(file))
    assert isinstance(done, dict)
    assert (done["imported"], done["present"]) == (2 * importing.BATCH, importing.BATCH)
    counts = "SELECT count(*), count(DISTINCT user_id), min(user_id), max(user_id) FROM user_changes"
    assert tuple(await database.fetchrow(counts))[:2] == (3 * importing.BATCH,) * 2
    assert (await sign_in(client, f"user{3 * importing.BATCH - 1}@example.com")).status_code == 200


async def test_progress_is_shown_at_a_terminal(
    database: asyncpg.Connection, auth_database_url: str, tmp_path: Path
) -> None:
    """At a terminal a line on standard error says how far it is, and is gone in the end."""
    del database  # emptied
    lines = [make_line(f"User{number}") for number in range(4000)]
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "auth_service", "user", "import", write(tmp_path / "users.jsonl", lines), "--json")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**SETTINGS, "AUTH_DATABASE_URL": auth_database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=theirs,
    )
    out, _ = await process.communicate()
    os.close(theirs)
    shown = (await asyncio.to_thread(os.read, ours, 65_536)).decode()
    os.close(ours)
    assert json.loads(out)["imported"] == 4000
    assert " lines (" in shown
    assert " imported, 0 skipped" in shown
    assert shown.endswith("\r\x1b[K")


async def test_while_other_hashes_are_left_no_refusal_tells_by_its_time(
    command_line: CommandLine,
    client: httpx2.AsyncClient,
    ada: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal takes as long, whether there is an account, and whoever hashed its password; else nobody waits."""
    never, a_while = 1000.0, 0.3
    monkeypatch.setattr(signing_in, "REFUSAL_TIME", never)
    assert (await sign_in(client, ada.email, "wrong")).status_code == 401
    await command_line.run("user", "import", write(tmp_path / "users.jsonl", [make_line("Grace")]))
    monkeypatch.setattr(signing_in, "REFUSAL_TIME", a_while)
    for email in (ada.email, "grace@example.com", "nobody@example.com"):
        begun = time.monotonic()
        assert (await sign_in(client, email, "wrong")).status_code == 401
        assert time.monotonic() - begun >= a_while
    monkeypatch.setattr(signing_in, "REFUSAL_TIME", never)
    assert (await sign_in(client, "grace@example.com")).status_code == 200
    assert (await sign_in(client, "nobody@example.com", "wrong")).status_code == 401
