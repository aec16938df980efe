"""The commands of ``docs/operations.md`` that are about users, run in a clone beside its ``make run``."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.operations_page import Command, copy_project, section
from tests.support.people import PASSWORD, sign_in, sign_up_and_in
from tests.support.running_stack import running_project

BESIDE_MAKE_RUN = {
    "deploy/compose.sh exec -T auth_service python -m auth_service": ".venv/bin/python -m stack",
    "python -m auth_service migrate": ".venv/bin/python -m stack migrate",
    "python -m auth_service": ".venv/bin/python -m stack",
    "python -m posts_service": ".venv/bin/python -m stack --service posts_service",
}


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone in which everything runs: where it is, and its URL."""

    folder: Path
    url: str


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """Give a clone in which everything runs."""
    # Not pytest's own directory: it closes that to all other users, and PostgreSQL runs as one.
    with (
        tempfile.TemporaryDirectory(prefix="gatepost-") as folder,
        running_project(copy_project(Path(folder)), {}) as urls,
    ):
        yield Clone(Path(folder), urls.gateway)


def test_the_command_line(clone: Clone) -> None:
    """A user is made, a password that is guessed first is refused, and the audit has a line of it."""
    with section("The command line") as commands:
        for command in commands.take_all():
            command.run(clone.folder, replacing=BESIDE_MAKE_RUN)


def test_the_doctor(clone: Clone) -> None:
    """Beside a running stack nothing is at fault; a secret that was changed since, and a proxy that is anybody, are."""
    Command(".venv/bin/python -m stack doctor").run(clone.folder)
    with section("The doctor") as commands:
        commands.take("doctor").run(clone.folder)


def test_a_user_who_needs_help(clone: Clone) -> None:
    """Somebody who was locked out, and has a post, is helped by all that the page shows, and gets their data."""
    create = f"echo '{PASSWORD}' | .venv/bin/python -m stack user create 'Grace Hopper' grace@example.com"
    Command(create).run(clone.folder)
    with httpx2.Client(base_url=clone.url, trust_env=False, timeout=30) as client:
        wrong = {"username": "grace@example.com", "password": "not the password"}
        assert client.post("/api/login", json=wrong).status_code == 401
        signed_in = client.post("/api/login", json={**wrong, "password": PASSWORD}).json()
        bearer = {"authorization": f"Bearer {signed_in['accessToken']}"}
        assert client.post("/api/posts", json={"title": "A draft"}, headers=bearer).status_code == 201
    with section("When a user needs help") as commands:
        for command in commands.take_all():
            command.run(clone.folder, replacing=BESIDE_MAKE_RUN)
    exported = (
        json.loads((clone.folder / "auth.json").read_text()),
        json.loads((clone.folder / "posts.json").read_text()),
    )
    assert (exported[0]["users"][0]["name"], exported[1]["posts"][0]["title"]) == ("Grace Hopper", "A draft")


def test_users_of_another_system(clone: Clone) -> None:
    """A file such as the page shows is imported, but for the line that can't be, which is told."""
    Command(".venv/bin/python -m stack user delete 1").run(clone.folder)
    with section("Users of another system") as commands:
        shown = commands.take("cat users.jsonl")
        (clone.folder / "users.jsonl").write_text(shown.expected or "")
        shown.run(clone.folder)
        commands.take("user import").run(clone.folder, replacing=BESIDE_MAKE_RUN)


async def test_a_copy_of_the_data() -> None:
    """What is copied while nothing runs is what is there when it is put back, and nothing that came later."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as folder, section("Beside `make run`") as commands:
        project = copy_project(Path(folder))
        with running_project(project, {}) as urls:
            async with httpx2.AsyncClient(base_url=urls.gateway, timeout=15) as client:
                ada = await sign_up_and_in(client, "Ada Lovelace")
        commands.take("# backup").run(project)
        (project / ".data" / "later").touch()
        commands.take("# restore").run(project)
        assert not (project / ".data" / "later").exists()
        with running_project(project, {}) as urls:
            async with httpx2.AsyncClient(base_url=urls.gateway, timeout=15) as client:
                assert (await sign_in(client, ada.email)).id == ada.id
