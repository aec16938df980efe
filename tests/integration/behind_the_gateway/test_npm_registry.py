"""Verdaccio, by npm itself: packages with a scope are published, looked at and installed."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.recipes import Recipes, Running
from tests.support.running_stack import StackUrls

PASSWORD = "the registry's own"
NAME, VERSION = "@ada/tea", "1.0.0"


@pytest.fixture(scope="module")
def verdaccio(recipes: Recipes) -> Iterator[Running]:
    """Give the registry, in which nobody has an account yet."""
    with recipes.running("npm-registry") as running:
        yield running


@pytest.fixture(scope="module")
def token(verdaccio: Running) -> str:
    """Give ada's token: she has taken the one account, as ``npm adduser`` does."""
    answer = ask_for_account(verdaccio.url, "ada")
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["token"]
    return found


def ask_for_account(registry: str, name: str, own: httpx2.BasicAuth | None = None) -> httpx2.Response:
    """Ask a registry for an account as ``npm adduser`` does, or with one's own for a token as ``npm login``."""
    url = f"{registry}/-/user/org.couchdb.user:{name}"
    return httpx2.put(url, json={"name": name, "password": PASSWORD}, auth=own, timeout=20)


def npm(folder: Path, registry: str, token: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run npm in a folder, with a token for the registry or none.

    Its cache, with the log that it writes meanwhile, is beside the folder: it would be published along with it.
    """
    secret = f"{registry.removeprefix('http:')}/:_authToken={token}\n" if token else ""
    (folder / ".npmrc").write_text(f"registry={registry}/\n{secret}cache={folder.parent}/npm-cache\nfetch-retries=0\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_UPDATE_NOTIFIER": "1"}
    command = ["npm", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def use_registry(folder: Path, registry: str, token: str) -> object:
    """Publish a package, tag it, look at it, and install it somewhere else; return what was seen."""
    package, elsewhere = folder / "package", folder / "elsewhere"
    for each in (package, elsewhere):
        each.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"name": NAME, "version": VERSION}))
    (package / "tea.txt").write_text("Darjeeling\n")
    (elsewhere / "package.json").write_text("{}")
    done = [
        npm(package, registry, token, "publish"),
        npm(package, registry, token, "dist-tag", "add", f"{NAME}@{VERSION}", "best"),
        npm(package, registry, token, "view", NAME, "dist-tags", "--json"),
        npm(elsewhere, registry, token, "install", f"{NAME}@best"),
    ]
    assert [each.returncode for each in done] == [0, 0, 0, 0], "\n".join(each.stderr for each in done)
    installed = elsewhere / "node_modules" / NAME
    files = sorted(each.name for each in installed.iterdir())
    assert npm(package, registry, token, "unpublish", "--force", NAME).returncode == 0
    return json.loads(done[2].stdout), files, (installed / "tea.txt").read_text()


def test_packages_are_published_and_installed(token: str, stack: StackUrls, tmp_path: Path) -> None:
    """Npm publishes a scoped package, tags, views, installs and unpublishes it, with its own two files."""
    seen = use_registry(tmp_path, f"{stack.gateway}/npm", token)
    assert seen == ({"latest": VERSION, "best": VERSION}, ["package.json", "tea.txt"], "Darjeeling\n")


@pytest.mark.usefixtures("verdaccio")
def test_without_a_token_there_is_nothing(stack: StackUrls, tmp_path: Path) -> None:
    """Whoever has no token of the registry's sees no package."""
    (tmp_path / "package.json").write_text("{}")
    assert "E401" in npm(tmp_path, f"{stack.gateway}/npm", "", "view", NAME).stderr


async def test_who_has_a_session_here_has_no_account_there(token: str, colleague: httpx2.AsyncClient) -> None:
    """A session of ours, or a name in a header, opens nothing; and a token of theirs counts beside it."""
    path, headers = "/npm/@ada%2ftea", {"Remote-User": "ada", "X-Remote-User": "ada"}
    assert (await colleague.get(path, headers=headers)).status_code == 401
    assert (await colleague.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 404


@pytest.mark.usefixtures("token")
def test_nobody_else_gets_an_account(stack: StackUrls) -> None:
    """Who asks later is refused, and who has an account signs in."""
    assert ask_for_account(f"{stack.gateway}/npm", "mallory").status_code == 403
    own = httpx2.BasicAuth("ada", PASSWORD)
    assert ask_for_account(f"{stack.gateway}/npm", "ada", own).status_code == 201


@pytest.mark.usefixtures("verdaccio")
@pytest.mark.parametrize("path", ["/npm%2f..%2faccount", "/npm/..%2faccount", "/npm/@ada%2f%2e%2e%2faccount"])
async def test_no_path_leads_out_of_the_registry(visitor: httpx2.AsyncClient, path: str) -> None:
    """However a slash is written, nothing beside the registry is reached by it."""
    assert (await visitor.get(path)).status_code == 400
