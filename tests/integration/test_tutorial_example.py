"""The story of ``examples/from-the-tutorial``: the tutorial's users and posts, moved over with one command."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.next_auth import get_session, sign_in
from tests.support.running_stack import StackUrls, started_stack
from tests.support.tutorial import MOVE, PASSWORDS, POSTS, write_tutorial

NOBODYS = ("Nobody's", "Its author is gone", True, None)
USERS_LINES = ["lines     2", "imported  2", "present   0", "skipped   0", "state     imported"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The tutorial's file, and what the command said of moving it."""

    file: Path
    said: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def stack() -> Iterator[StackUrls]:
    """Give a stack that nobody has signed up to."""
    with started_stack({}) as urls:
        yield urls


@pytest.fixture(scope="module")
def moved(stack: StackUrls, tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """Give the tutorial's file, moved over."""
    file = tmp_path_factory.mktemp("tutorial") / "dev.db"
    write_tutorial(file, [*POSTS, NOBODYS])
    return Moved(file, move(stack, file))


def move(stack: StackUrls, file: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Return what the command says."""
    command = [sys.executable, str(MOVE), str(file), "--data", str(stack.data), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_all_that_can_be_is_moved(moved: Moved) -> None:
    """Users and posts are counted; a post without an author is named, and the exit status says so."""
    assert moved.said.stderr == "line 4, tutorial:4: author must be text\n"
    assert moved.said.returncode == 3
    posts = ["lines     4", "imported  3", "present   0", "skipped   1", "state     imported"]
    assert moved.said.stdout.splitlines() == ["Users", *USERS_LINES, "Posts", *posts]


async def test_old_passwords_open_old_posts(moved: Moved, client: httpx2.AsyncClient) -> None:
    """Somebody signs in as in the tutorial, with the password that they had there, and sees what they wrote."""
    del moved  # all of it
    login = await client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORDS[0]})
    assert (login.status_code, login.json()["name"]) == (200, "Ada")
    bearer = {"authorization": login.json()["accessToken"]}
    posts = (await client.get(f"/api/user/{login.json()['id']}", headers=bearer)).json()
    author = {"email": "ada@example.com", "name": "Ada"}
    assert [(post["title"], post["content"], post["published"], post["author"]) for post in posts] == [
        ("A draft", "", False, author),
        ("Hello", "A first post", True, author),
    ]


async def test_next_auth_signs_them_in(moved: Moved, client: httpx2.AsyncClient) -> None:
    """NextAuth's protocol works too, with a password longer than bcrypt reads; a user without a name got one."""
    del moved  # all of it
    assert (await sign_in(client, "grace.hopper@example.com", PASSWORDS[1])).status_code == 200
    user = (await get_session(client))["user"]
    assert isinstance(user, dict)
    assert user["name"] == "grace.hopper"
    posts = (await client.get(f"/api/user/{user['id']}")).json()
    assert [(post["title"], post["content"]) for post in posts] == [(POSTS[2][0], POSTS[2][1])]


def test_again_it_moves_what_is_new(moved: Moved, stack: StackUrls) -> None:
    """Run again, the command leaves all that is there as it is."""
    said = move(stack, moved.file)
    assert "present   2" in said.stdout
    assert "present   3" in said.stdout
    assert said.stdout.count("imported  0") == 2


def test_it_can_be_looked_at_first(moved: Moved, stack: StackUrls, tmp_path: Path) -> None:
    """``--export`` writes the lines into files that others can't read, and moves nothing."""
    said = move(stack, moved.file, "--export", str(tmp_path))
    assert (said.returncode, said.stderr) == (0, "")
    for name, lines in (("users.jsonl", 2), ("posts.jsonl", 4)):
        assert len((tmp_path / name).read_text().splitlines()) == lines
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_where_nothing_runs_it_says_so(moved: Moved, tmp_path: Path) -> None:
    """Without a running stack the command ends with its sentence, and goes no further."""
    command = [sys.executable, str(MOVE), str(moved.file), "--data", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 1
    assert said.stderr.startswith(f"Gatepost: nothing runs on {tmp_path}")
    assert said.stdout == "Users\n"
