"""Moving over to containers: operators' commands read from standard input what their containers can't open."""

import sys
from pathlib import Path

import httpx2

from tests.support.containers import Containers
from tests.support.tutorial import MOVE, PASSWORDS, POSTS, write_tutorial


def test_the_tutorial_moves_into_containers(containers: Containers, tmp_path: Path) -> None:
    """With ``--compose`` one command moves the tutorial's users and posts; an old password opens old posts."""
    write_tutorial(tmp_path / "dev.db", POSTS)
    said = containers.run_script(sys.executable, str(MOVE), str(tmp_path / "dev.db"), "--compose")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("imported")] == ["2", "3"]
    with httpx2.Client(base_url=containers.url, timeout=30) as client:
        login = client.post("/api/login", json={"username": "ada@example.com", "password": PASSWORDS[0]}).json()
        posts = client.get(f"/api/user/{login['id']}", headers={"authorization": login["accessToken"]}).json()
    assert [(post["title"], post["author"]["name"]) for post in posts] == [("A draft", "Ada"), ("Hello", "Ada")]
