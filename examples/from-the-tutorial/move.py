"""Moves the tutorial's users and posts over: ``move.py prisma/dev.db``, while Gatepost runs.

Reads the SQLite file that Prisma wrote, changes nothing in it, and hands each row to Gatepost's own commands, users
first. Nothing but Python is needed. Run again, it moves what is new. Exit status: 0 all is there, 3 all but what was
named and skipped, anything else what the command that failed said.
"""  # noqa: INP001 - a program of its own

import argparse
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DONE, SKIPPED = 0, 3
USERS = 'SELECT name, email, password FROM "User" ORDER BY id'
POSTS = """
    SELECT post.id, post.title, post.content, post.published, author.email
    FROM "Post" AS post LEFT JOIN "User" AS author ON author.id = post."authorId" ORDER BY post.id
"""

Lines = Iterator[dict[str, object]]


def main() -> int:
    """Move all, or write it into files, and return the exit status."""
    call = parse_arguments()
    database = sqlite3.connect(f"{call.database.resolve().as_uri()}?mode=ro", uri=True)
    if call.export:
        write_file(call.export / "users.jsonl", list_users(database))
        write_file(call.export / "posts.jsonl", list_posts(database))
        return DONE
    users, posts = find_commands(call)
    sys.stdout.write("Users\n")
    status = hand_over(users, list_users(database))
    if status not in {DONE, SKIPPED}:
        return status
    sys.stdout.write("Posts\n")
    return hand_over(posts, list_posts(database)) or status


def list_users(database: sqlite3.Connection) -> Lines:
    """Give a line for each user; the tutorial let a name be missing, and then the start of the address is taken."""
    for name, email, password in database.execute(USERS):
        yield {"name": name or (email or "").partition("@")[0], "email": email, "passwordHash": password}


def list_posts(database: sqlite3.Connection) -> Lines:
    """Give a line for each post."""
    for number, title, content, published, email in database.execute(POSTS):
        text = {"title": title, "content": content or "", "published": bool(published)}
        yield {"key": f"tutorial:{number}", "author": email, **text}


def find_commands(call: argparse.Namespace) -> tuple[Sequence[str], Sequence[str]]:
    """Return the commands that import users, and posts, from standard input."""
    if call.compose:
        services = ("auth_service", "posts_service")
        users, posts = (("deploy/compose.sh", "exec", "-T", name, "python", "-m", name) for name in services)
    else:
        users = (sys.executable, "-m", "stack", "--data", str(call.data.resolve()))
        posts = (*users, "--service", "posts_service")
    return (*users, "user", "import", "-"), (*posts, "import", "-")


def hand_over(command: Sequence[str], lines: Lines) -> int:
    """Give a command its lines, and return its exit status."""
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE)  # noqa: S603 - ours, no shell
    try:
        with process.stdin as stream:  # type: ignore[union-attr]
            stream.writelines(json.dumps(line).encode() + b"\n" for line in lines)
    except BrokenPipeError:
        pass  # it has said why
    return process.wait()


def write_file(path: Path, lines: Lines) -> None:
    """Write lines into a file that others can't read: password hashes are among them."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    sys.stdout.write(f"{path}\n")


def parse_arguments() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description="Move the tutorial's users and posts into Gatepost, which must run.")
    parser.add_argument("database", type=Path, help="the SQLite file, in the tutorial prisma/dev.db")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="what `make run` was started with as DATA")
    parser.add_argument("--compose", action="store_true", help="Gatepost runs in containers, by `make up`")
    parser.add_argument("--export", type=Path, metavar="FOLDER", help="only write users.jsonl and posts.jsonl there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
