"""The tutorial's own data: an SQLite file as Prisma writes it, passwords hashed by node's bcrypt."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tests.support.other_hashes import make_node_hashes
from tests.support.running_stack import ROOT

MOVE = ROOT / "examples" / "from-the-tutorial" / "move.py"
COST = 10  # the tutorial's
PASSWORDS = ("the tutorial's own", "y" * 80)

# What `prisma migrate` writes for the tutorial's models.
SCHEMA = """
CREATE TABLE "User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "email" TEXT NOT NULL,
    "name" TEXT,
    "password" TEXT NOT NULL
);
CREATE TABLE "Post" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" TEXT NOT NULL,
    "content" TEXT,
    "published" BOOLEAN NOT NULL DEFAULT false,
    "authorId" INTEGER,
    CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId")
        REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
"""
Post = tuple[str, str | None, bool, int | None]
POSTS: list[Post] = [
    ("Hello", "A first post", True, 1),
    ("A draft", None, False, 1),
    ("\uc548\ub155", "By Grace, with 'quotes' and\nlines", True, 2),
]


def write_tutorial(file: Path, posts: Sequence[Post]) -> None:
    """Write a file with two users, Ada and one without a name, and some posts; skip where there is no Node."""
    ada, grace = make_node_hashes(PASSWORDS, COST)
    users = [("ada@example.com", "Ada", ada), ("grace.hopper@example.com", None, grace)]
    database = sqlite3.connect(file)
    with database:
        database.executescript(SCHEMA)
        database.executemany('INSERT INTO "User" ("email", "name", "password") VALUES (?, ?, ?)', users)
        database.executemany(
            'INSERT INTO "Post" ("title", "content", "published", "authorId") VALUES (?, ?, ?, ?)', posts
        )
    database.close()
