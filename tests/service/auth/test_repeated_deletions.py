"""``user delete-again``: who had asked for their deletion before a restore is deleted again."""

from pathlib import Path

import asyncpg
import httpx2

from tests.support.command_line import CommandLine
from tests.support.people import PASSWORD, sign_up_and_in


async def test_who_is_back_is_deleted_again(
    command_line: CommandLine, client: httpx2.AsyncClient, database: asyncpg.Connection, tmp_path: Path
) -> None:
    """Of a list, those who are there are deleted as ever, once; the others, and who is not listed, stay as they are."""
    ada, grace = [await sign_up_and_in(client, name) for name in ("Ada Lovelace", "Grace Hopper")]
    listed = f"{ada.id}\n{10**9}\n\n{ada.id}\n"
    (tmp_path / "deleted-users").write_text(listed)
    done = await command_line.find("user", "delete-again", str(tmp_path / "deleted-users"))
    assert done == {"listed": 2, "deleted": 1, "not there": 1}
    assert await database.fetchval("SELECT kind FROM user_changes WHERE user_id = $1", ada.id) == "deleted"
    assert (await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})).status_code == 401
    assert (await client.get("/api/me", headers=grace.bearer)).status_code == 200
    status, out, _ = await command_line.run("user", "delete-again", "-", "--json", stdin=listed)
    assert (status, '"deleted": 0' in out) == (0, True)


async def test_a_list_that_is_none_deletes_nobody(
    command_line: CommandLine, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    """A line that is no id, or a file that is not there, is one sentence, and nobody was deleted."""
    ada = await sign_up_and_in(client, "Ada Lovelace")
    status, out, said = await command_line.run("user", "delete-again", "-", stdin=f"{ada.id}\nada@example.com\n")
    assert (status, out, said) == (1, "", "line 2 is no id (an id is a positive number)\n")
    status, _, said = await command_line.run("user", "delete-again", str(tmp_path / "none"))
    assert (status, said) == (1, f"{tmp_path / 'none'} can't be read: No such file or directory\n")
    assert (await client.get("/api/me", headers=ada.bearer)).status_code == 200
