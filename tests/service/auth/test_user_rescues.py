"""What operators do for a user who can't help themselves: unlock, a new password by a link, another address."""

import re
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest

from tests.support.command_line import CommandLine
from tests.support.guessing import ELSEWHERE, HOME
from tests.support.html_forms import read_forms
from tests.support.letters import WITH_MAIL, list_letters
from tests.support.people import PASSWORD, Person

NEW_PASSWORD = "seven quiet lighthouses"
LINK = "INSERT INTO identities (provider, issuer, subject, user_id) VALUES ('hub', 'hub', 'ada', $1)"
UNKNOWN = [
    ("999", "There is no user of that id\n"),
    ("nobody@example.com", "There is no user of that e-mail address\n"),
]


async def sign_in(client: httpx2.AsyncClient, email: str, password: str, address: str = HOME) -> int:
    """Return the status of a try to sign in."""
    body = {"username": email, "password": password}
    return (await client.post("/api/login", json=body, headers={"x-forwarded-for": address})).status_code


@pytest.mark.parametrize(("named", "sentence"), UNKNOWN)
@pytest.mark.parametrize(
    "words",
    [
        *(("show",), ("role",), ("disable",), ("enable",), ("delete",), ("unlock",), ("password",), ("export",)),
        *(("email", "ada@example.org"), ("unlink", "hub")),
    ],
)
async def test_nobody_is_called_so(
    command_line: CommandLine, words: tuple[str, ...], named: str, sentence: str
) -> None:
    """Each command about a user takes an id or an e-mail address, and says which of them nobody has."""
    verb, *rest = words
    assert await command_line.run("user", verb, named, *rest) == (1, "", sentence)


async def test_a_user_is_found_by_their_address(command_line: CommandLine, ada: Person) -> None:
    """However it is spelled; lists take it, too."""
    for named in (str(ada.id), ada.email, ada.email.upper()):
        assert (await command_line.find("user", "show", named))["id"] == ada.id  # type: ignore[index]
        assert len(await command_line.find("session", "list", "--user", named)) == 1  # type: ignore[arg-type]
        assert len(await command_line.find("audit", "--user", named)) == 2  # type: ignore[arg-type]
    for words in (("session", "list"), ("session", "end"), ("audit",)):
        refused = await command_line.run(*words, "--user", "nobody@example.com")
        assert refused == (1, "", "There is no user of that e-mail address\n")


async def test_a_user_who_is_held_up_is_let_in(
    guarded: httpx2.AsyncClient, newcomer: Person, command_line: CommandLine
) -> None:
    """``user unlock`` lifts the waits of an account at each address that its audit names, and says how many counts."""
    for address in (HOME, ELSEWHERE):
        for _ in range(6):
            await sign_in(guarded, newcomer.email, "not the password", address)
        assert await sign_in(guarded, newcomer.email, PASSWORD, address) == 429
    unlocked = await command_line.find("user", "unlock", newcomer.email)
    assert isinstance(unlocked, dict)
    assert (unlocked["id"], unlocked["forgiven"]) == (newcomer.id, 3)
    for address in (HOME, ELSEWHERE):
        assert await sign_in(guarded, newcomer.email, PASSWORD, address) == 200
    (line,) = await command_line.find("audit", "--event", "user_unlocked")  # type: ignore[misc]
    assert line["user"] == newcomer.id


async def test_a_locked_out_user_is_let_in(
    guarded: httpx2.AsyncClient, newcomer: Person, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """An account that is closed for a day to addresses that it does not know is open again."""
    await sign_in(guarded, newcomer.email, "not the password")
    await database.execute("UPDATE attempts SET in_a_row = 100, recent = 100, last_at = now(), since = now()")
    assert await sign_in(guarded, newcomer.email, PASSWORD) == 429
    await command_line.find("user", "unlock", str(newcomer.id))
    assert await sign_in(guarded, newcomer.email, PASSWORD) == 200


async def make_link(command_line: CommandLine, user: Person, *options: str) -> str:
    """Return the path of a link by which a user sets a password, with its query."""
    made = await command_line.find("user", "password", user.email, *options)
    assert isinstance(made, dict)
    link = urlsplit(made["link"])
    assert (link.path, list(parse_qs(link.query))) == ("/forgot/code", ["link"])
    return f"{link.path}?{link.query}"


async def set_password(client: httpx2.AsyncClient, path: str, password: str) -> httpx2.Response:
    """Open a link, and send the form on its page with a password."""
    page = await client.get(path)
    assert page.status_code == 200
    form = read_forms(page.text)["/forgot/code"].fields
    return await client.post("/forgot/code", data={**form, "password": password})


async def test_a_password_is_set_by_a_link(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """``user password`` gives a link, without mail; opening it uses nothing up; a new password ends all sessions.

    Until then the old password works. It is good once; the same form sent twice is answered as once.
    """
    path = await make_link(command_line, ada)
    assert (await client.get(path)).status_code == 200
    assert await sign_in(client, ada.email, PASSWORD) == 200
    done = await set_password(client, path, NEW_PASSWORD)
    assert (done.status_code, done.headers["location"].partition("?")[2]) == (303, "notice=reset")
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    assert await sign_in(client, ada.email, PASSWORD) == 401
    assert await sign_in(client, ada.email, NEW_PASSWORD) == 200
    events = [row["event"] for row in await database.fetch("SELECT event FROM audit WHERE user_id = $1", ada.id)]
    assert {"password_link_made", "password_reset"} <= set(events)
    assert await database.fetchval("SELECT email_verified_at FROM users") is None
    dead = await client.get(path)
    assert (dead.status_code, "This link is no longer good" in dead.text) == (400, True)


async def test_the_second_click_of_a_link_s_form(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine
) -> None:
    """It gets the first one's answer with the same password, and none with another."""
    path = await make_link(command_line, ada)
    page = await client.get(path)
    form = read_forms(page.text)["/forgot/code"].fields
    for password, status in ((NEW_PASSWORD, 303), (NEW_PASSWORD, 303), ("another quiet lighthouse", 400)):
        answer = await client.post("/forgot/code", data={**form, "password": password})
        assert answer.status_code == status
    assert await sign_in(client, ada.email, NEW_PASSWORD) == 200


async def test_a_link_that_is_not_good(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """One that was replaced, is too old, or was never made opens nothing; nor does the page for codes without mail."""
    replaced = await make_link(command_line, ada)
    latest = await make_link(command_line, ada, "--hours", "1")
    assert (await client.get(latest)).status_code == 200
    left = "SELECT expires_at - created_at <= interval '1 hour' FROM codes WHERE used_at IS NULL"
    assert await database.fetchval(left)
    await database.execute("UPDATE codes SET expires_at = now() - interval '1 s' WHERE used_at IS NULL")
    for path in (replaced, latest, "/forgot/code?link=never-made", f"/forgot/code?link={'a' * 43}"):
        assert (await client.get(path)).status_code == 400, path
    assert (await client.get("/forgot/code")).status_code == 404
    assert (await client.post("/forgot/code", data={"code": "ABCDEFGH"})).status_code == 404


@pytest.mark.parametrize(
    "words",
    [
        ("user", "disable", "USER"),
        ("session", "end", "--user", "USER"),
        ("user", "email", "USER", "ada@new.example"),
        (),
    ],
)
async def test_a_link_ends_with_what_it_could_undo(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine, words: tuple[str, ...]
) -> None:
    """Another password, an end of all sessions, another address, a disabled account: each makes a waiting link void."""
    path = await make_link(command_line, ada)
    if words:
        await command_line.find(*(ada.email if word == "USER" else word for word in words))
    else:
        wanted = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert (await client.post("/api/me/password", json=wanted, headers=ada.bearer)).status_code == 204
    assert (await client.get(path)).status_code == 400


@pytest.mark.parametrize(
    "words", [("user", "unlink", "USER", "hub"), ("user", "role", "USER", "--remove", "writer"), ()]
)
async def test_whatever_ends_all_sessions_ends_a_link(
    client: httpx2.AsyncClient,
    ada: Person,
    command_line: CommandLine,
    database: asyncpg.Connection,
    words: tuple[str, ...],
) -> None:
    """So do an identity or a role that is taken away, and a user who signs out everywhere else."""
    await database.execute(LINK, ada.id)
    await command_line.find("user", "role", ada.email, "--add", "writer")
    path = await make_link(command_line, ada)
    if words:
        await command_line.find(*(ada.email if word == "USER" else word for word in words))
    else:
        assert (await client.delete("/api/me/sessions", headers=ada.bearer)).status_code == 204
    assert (await client.get(path)).status_code == 400


async def test_a_link_of_before_a_restore_is_not_good(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine, database: asyncpg.Connection
) -> None:
    """Where the database was put back, what ended a link may be part of what was lost: its page does not open."""
    path = await make_link(command_line, ada)
    await database.execute("UPDATE epochs SET is_loss = true, began_at = clock_timestamp()")
    try:
        assert (await client.get(path)).status_code == 400
    finally:
        await database.execute("UPDATE epochs SET is_loss = false")


@pytest.mark.parametrize("words", [("password", "USER"), ("email", "USER", "ada@new.example")])
async def test_identities_go_with_a_rescue(
    client: httpx2.AsyncClient,
    ada: Person,
    command_line: CommandLine,
    database: asyncpg.Connection,
    words: tuple[str, ...],
) -> None:
    """What remains at other providers is named; with ``--unlink`` it is taken away, and the sessions end with it."""
    await database.execute(LINK, ada.id)
    verb = ["user", *(str(ada.id) if word == "USER" else word for word in words)]
    before, after = await command_line.find(*verb), await command_line.find(*verb, "--unlink")
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["identities"], after["identities"]) == (["hub: -"], [])
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    assert await database.fetchval("SELECT provider FROM audit WHERE event = 'identity_removed'") == "hub"
    if "link" in after:
        assert (await client.get(after["link"])).status_code == 200


async def test_a_link_is_told_to_nobody(client: httpx2.AsyncClient, ada: Person, command_line: CommandLine) -> None:
    """Where its page leads, nobody learns it from ``Referer``."""
    page = await client.get(await make_link(command_line, ada))
    assert page.headers["referrer-policy"] == "strict-origin"


async def test_a_password_of_a_link_keeps_the_rules(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine
) -> None:
    """A password that may not be chosen is refused on the form, and leaves the link good."""
    path = await make_link(command_line, ada)
    refused = await set_password(client, path, "password1")
    assert (refused.status_code, "one of the passwords that are guessed first" in refused.text) == (422, True)
    assert (await set_password(client, path, NEW_PASSWORD)).status_code == 303


async def test_no_link_is_stored(command_line: CommandLine, ada: Person, database: asyncpg.Connection) -> None:
    """The database holds a keyed hash of a link alone, and the audit nothing of it."""
    path = await make_link(command_line, ada)
    token = path.partition("link=")[2]
    for table in ("codes", "audit", "letters"):
        rows = [row[0] for row in await database.fetch(f"SELECT each::text FROM {table} AS each")]  # noqa: S608
        assert not any(token in row for row in rows)


@pytest.mark.parametrize("hours", ["0", "169", "1.5", "soon"])
async def test_a_link_has_an_end(command_line: CommandLine, ada: Person, hours: str) -> None:
    """It is good for an hour to a week."""
    status, out, err = await command_line.run("user", "password", str(ada.id), "--hours", hours)
    assert (status, out, "a number of hours from 1 to 168" in err) == (2, "", True)


async def test_a_user_gets_another_address(
    client: httpx2.AsyncClient,
    ada: Person,
    command_line: CommandLine,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``user email`` moves the account and ends its sessions; identities stay, and the old address is told.

    The new one is proven only if the operator says so.
    """
    for name in ("smtp_url", "mail_from"):
        monkeypatch.setenv(name.upper(), str(WITH_MAIL[name]))
    await database.execute(LINK, ada.id)
    moved = await command_line.find("user", "email", ada.email, "ada@lovelace.example.org")
    assert isinstance(moved, dict)
    assert (moved["id"], moved["email"], moved["proven"]) == (ada.id, "ada@lovelace.example.org", None)
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 401
    assert await sign_in(client, ada.email, PASSWORD) == 401
    assert await sign_in(client, "ada@lovelace.example.org", PASSWORD) == 200
    (letter,) = await list_letters(database)
    assert (letter.kind, letter.address) == ("address_changed", ada.email)
    shown = await command_line.find("user", "show", str(ada.id))
    assert isinstance(shown, dict)
    assert shown["identities"] == ["hub: -"]
    (line,) = await command_line.find("audit", "--event", "email_changed")  # type: ignore[misc]
    assert (line["user"], line["about"]) == (ada.id, "not proven")
    told = await database.fetchval("SELECT email FROM user_changes WHERE user_id = $1", ada.id)
    assert told == "ada@lovelace.example.org"
    proven = await command_line.find("user", "email", str(ada.id), "ada@example.org", "--proven")
    assert isinstance(proven, dict)
    assert proven["proven"] is not None


async def test_an_address_that_can_not_be_given(
    command_line: CommandLine, ada: Person, client: httpx2.AsyncClient
) -> None:
    """One that is somebody else's, or none, is refused, and changes nothing."""
    await client.post("/api/user", json={"name": "Eve", "email": "eve@example.com", "password": PASSWORD})
    taken = await command_line.run("user", "email", str(ada.id), "EVE@example.com")
    assert taken == (1, "", "This e-mail address is already taken\n")
    status, out, err = await command_line.run("user", "email", str(ada.id), "eve")
    assert (status, out) == (1, "")
    assert err.startswith("address ")
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200


async def test_all_sessions_of_a_user_are_ended(
    client: httpx2.AsyncClient, ada: Person, command_line: CommandLine
) -> None:
    """``session end --user`` ends all of them, and nobody else's."""
    await sign_in(client, ada.email, PASSWORD)
    eve = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    await client.post("/api/user", json=eve)
    await sign_in(client, eve["email"], PASSWORD)
    status, out, _ = await command_line.run("session", "end", "--user", ada.email)
    assert (status, re.split(r"\s{2,}|\n", out.strip())) == (0, ["user", str(ada.id), "state", "all sessions ended"])
    sessions = await command_line.find("session", "list")
    assert isinstance(sessions, list)
    assert [each["state"] for each in sessions] == ["live", "ended_by_operator", "ended_by_operator"]
    for words in ((), (str(ada.session_id), "--user", ada.email), ("--user", "ada")):
        assert (await command_line.run("session", "end", *words))[0] == 2
