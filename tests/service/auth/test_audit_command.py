"""The audit at the command line: what is asked for, who did it, and what happens while one looks."""

import asyncio
import datetime as dt
import json
import os
import pwd
import signal
import sys

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from auth_service.operators.audit import follow
from auth_service.tables.audit import Wanted
from shared.settings import SAMPLE_SECRETS
from tests.support.command_line import CommandLine
from tests.support.house import ROOT
from tests.support.people import Person

LINE = (
    "INSERT INTO audit (event, user_id, address, user_agent, request_id, happened_at)"
    " VALUES ($1, $2, $3::text::inet, 'A browser', '1', now() - $4::text::interval)"
)


@pytest.fixture
async def lines(database: asyncpg.Connection) -> None:
    """Let something have happened."""
    for line in (
        ("signed_in", 1, "192.0.2.7", "3 days"),
        ("sign_in_refused", 1, "192.0.2.8", "2 hours"),
        ("sign_in_refused", 2, "2001:db8::7", "20 minutes"),
        ("signed_out", 2, None, "10 seconds"),
    ):
        await database.execute(LINE, *line)


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["signed_out 2", "sign_in_refused 2", "sign_in_refused 1", "signed_in 1"]),
        (("--event", "sign_in_refused"), ["sign_in_refused 2", "sign_in_refused 1"]),
        (("--event", "sign-in-refused", "--user", "1"), ["sign_in_refused 1"]),
        (("--since", "1h"), ["signed_out 2", "sign_in_refused 2"]),
        (("--since", "7d", "--until", "90m"), ["sign_in_refused 1", "signed_in 1"]),
        (("--until", "1d"), ["signed_in 1"]),
        (("--since", "2020-01-01", "--until", "2020-01-02"), []),
        (("--address", "192.0.2.8"), ["sign_in_refused 1"]),
        (("--address", "192.0.2.0/24"), ["sign_in_refused 1", "signed_in 1"]),
        (("--address", "2001:db8::/64"), ["sign_in_refused 2"]),
        (("--limit", "1", "--user", "1"), ["sign_in_refused 1"]),
        (("--user", "999"), []),
    ],
)
async def test_lines_are_asked_for(command_line: CommandLine, options: tuple[str, ...], found: list[str]) -> None:
    """``audit`` takes a user, an event, a time or how long ago, and an address or a network; all of them hold."""
    lines = await command_line.find("audit", *options)
    assert isinstance(lines, list)
    assert [f"{line['event']} {line['user']}" for line in lines] == found


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--event", "nothing"), "an event is one of signed_up, signed_in"),
        (("--since", "yesterday"), "how long ago, 90s, 30m, 2h or 7d"),
        (("--since", "999999d"), "how long ago, 90s, 30m, 2h or 7d"),
        (("--until", "800000d"), "how long ago, 90s, 30m, 2h or 7d"),
        (("--since", "0h"), "how long ago, 90s, 30m, 2h or 7d"),
        (("--since", "9999-01-01"), "the time has not come yet"),
        (("--until", "5"), "how long ago, 90s, 30m, 2h or 7d"),
        (("--address", "home"), "an address is written 192.0.2.7"),
        (("--user", "ada"), "a user is named by their id or their e-mail address"),
        (("--as", ""), "an operator's name has one line"),
        (("--as", "a\nb"), "an operator's name has one line"),
        (("--limit", "1001"), "a limit is a number from 1 to 1000"),
    ],
)
async def test_what_is_asked_wrongly(command_line: CommandLine, options: tuple[str, ...], sentence: str) -> None:
    """A text that is no event, time, address, user or name is refused with what would be right."""
    status, out, err = await command_line.run("audit", *options)
    assert (status, out, sentence in err) == (2, "", True)


async def test_following_has_no_end(command_line: CommandLine) -> None:
    """``--follow`` goes without ``--until``."""
    refused = await command_line.run("audit", "--follow", "--until", "1h")
    assert refused == (1, "", "until goes without --follow, which has no end\n")


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--user", "1"), "--user"),
        (("--event", "signed_in"), "--event"),
        (("--since", "4d"), "--since"),
        (("--until", "1h"), "--until"),
        (("--address", "192.0.2.7"), "--address"),
        (("--follow",), "--follow"),
        (("--limit", "1"), "--limit"),
        (("--limit", "50"), "--limit"),
        (("--as", "Grace", "--user", "1", "--json", "--limit", "1"), "--user, --limit"),
    ],
)
async def test_pruning_is_of_everybody_s_lines(
    command_line: CommandLine, database: asyncpg.Connection, options: tuple[str, ...], named: str
) -> None:
    """What picks lines for ``audit`` does not for ``audit prune``, before or behind it: that ends with 2, not ignored.

    Else who means one user's lines would delete those of all.
    """
    for words in ((*options, "prune", "--older-than", "1"), ("prune", "--older-than", "1", *options)):
        status, out, err = await command_line.run("audit", *words)
        assert (status, out) == (2, "")
        assert words[0] == "prune" or f"prune does not take {named}\n" in err
    assert await database.fetchval("SELECT count(*) FROM audit") == 4


@pytest.mark.usefixtures("lines")
async def test_who_pruned(command_line: CommandLine) -> None:
    """``--as`` and ``--json`` count before ``prune`` as behind it; given twice, the one behind it does."""
    prune = ("prune", "--older-than", "365")
    for words in (
        ("--as", "Grace", "--json", *prune),
        (*prune, "--as", "Linus", "--json"),
        ("--as", "Grace", *prune, "--as", "Ken", "--json"),
    ):
        status, out, _ = await command_line.run("audit", *words)
        assert (status, json.loads(out)["state"]) == (0, "pruned")
    lines = await command_line.find("audit", "--event", "audit_pruned")
    assert isinstance(lines, list)
    assert [line["operator"] for line in lines] == ["Ken", "Linus", "Grace"]


async def test_who_did_what(command_line: CommandLine, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit names the operator: as they say, as OPERATOR has it, or the user of this machine; and what was done."""
    me = pwd.getpwuid(os.getuid()).pw_name
    await command_line.find("user", "role", ada.email, "--add", "admin", "--add", "writer", "--as", "Grace")
    monkeypatch.setenv("OPERATOR", "on call")
    await command_line.find("user", "role", ada.email, "--add", "editor", "--remove", "writer")
    monkeypatch.delenv("OPERATOR")
    await command_line.find("service", "create", "billing")
    await command_line.find("service", "revoke", "billing", "--as", "Grace")
    made = await command_line.find("invitation", "new", "--note", "for Eve Example")
    assert isinstance(made, dict)
    await command_line.find("invitation", "revoke", str(made["id"]))
    lines = await command_line.find("audit", "--since", "1h")
    assert isinstance(lines, list)
    done = [(line["event"], line["about"], line["operator"]) for line in lines if line["operator"]]
    assert [each for each in done if each[0] != "session_revoked"] == [
        ("invitation_revoked", f"invitation {made['id']}", me),
        ("invitation_made", f"invitation {made['id']}", me),
        ("service_revoked", "service billing", "Grace"),
        ("service_created", "service billing", me),
        ("roles_changed", "+editor -writer", "on call"),
        ("roles_changed", "+admin +writer", "Grace"),
    ]
    assert ("session_revoked", None, "on call") in done
    assert {line["operator"] for line in lines if line["event"] == "signed_in"} == {None}


async def test_lines_are_followed(app: Starlette, database: asyncpg.Connection) -> None:
    """The latest lines come first, the oldest ahead; then each new one once, also one that was dated before others."""
    for line in (("signed_in", 1, None, "1 hour"), ("signed_out", 1, None, "5 seconds")):
        await database.execute(LINE, *line)
    following = follow(app.state.parts, Wanted(), 2)
    seen = [(await anext(following))["event"] for _ in range(2)]
    await database.execute(LINE, "roles_changed", 1, None, "2 seconds")
    seen.append((await anext(following))["event"])
    await database.execute(LINE, "user_disabled", 1, None, "4 seconds")  # a transaction that took long
    seen.append((await anext(following))["event"])
    assert seen == ["signed_in", "signed_out", "roles_changed", "user_disabled"]
    await following.aclose()  # type: ignore[attr-defined]


async def test_following_begins_where_it_should(app: Starlette, database: asyncpg.Connection) -> None:
    """With ``--since`` no line from before is given, also where one was dated a moment before it was written."""
    since = await database.fetchval("SELECT now() - interval '1 second'")
    before = "INSERT INTO audit (event, user_agent, request_id, happened_at) VALUES ('signed_out', '', '1', $1)"
    await database.execute(before, since - dt.timedelta(seconds=1))
    following = follow(app.state.parts, Wanted(since=since), 50)
    seen = []
    for event in ("signed_in", "roles_changed"):
        await database.execute(LINE, event, 1, None, "0 seconds")
        seen.append((await anext(following))["event"])
        await database.execute(before, since - dt.timedelta(seconds=2))  # a transaction that took long
    await database.execute(LINE, "user_disabled", 1, None, "0 seconds")
    seen.append((await anext(following))["event"])
    assert seen == ["signed_in", "roles_changed", "user_disabled"]
    await following.aclose()  # type: ignore[attr-defined]


async def test_following_until_ctrl_c(
    auth_database_url: str, database: asyncpg.Connection, client: httpx2.AsyncClient
) -> None:
    """The real process writes each line as it comes, with ``--json`` one for each; Ctrl-C just ends it."""
    del client  # the tables are there
    settings = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "AUTH_DATABASE_URL": auth_database_url}
    command = [sys.executable, "-m", "auth_service", "audit", "--follow", "--json", "--event", "signed_in"]
    await database.execute(LINE, "signed_in", 1, "192.0.2.7", "1 hour")
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    environment = {"PATH": os.defpath, **settings}
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT, **pipes)
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    await database.execute(LINE, "signed_in", 2, None, "0 seconds")
    second = json.loads(await process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (130, b"")
    assert [(each["user"], each["address"]) for each in (first, second)] == [(1, "192.0.2.7"), (2, None)]
    assert dt.datetime.fromisoformat(first["at"]) < dt.datetime.fromisoformat(second["at"])
