"""Radicale, a server of calendars, by a real client of theirs, and by what telephones send."""

import json
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from tests.support.recipes import PACKAGES, PROGRAMS, Recipes, Running
from tests.support.running_stack import StackUrls

PASSWORD = "a calendar's own"
ADA = httpx2.BasicAuth("ada", PASSWORD)
QUESTION = '<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'


@pytest.fixture(scope="module")
def radicale(recipes: Recipes) -> Iterator[Running]:
    """Give Radicale, which knows ada."""
    with recipes.running("radicale", ADAS_PASSWORD=PASSWORD) as running:
        yield running


def use_calendar(url: str, password: str = PASSWORD) -> object:
    """Return what the client finds."""
    command = [PROGRAMS / "python", PACKAGES / "calendar_client.py", url, "ada", password]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_calendar_is_used_as_without_the_gateway(radicale: Running, stack: StackUrls) -> None:
    """A client makes a calendar and events with strange names, finds and changes them: the same as directly."""
    directly = use_calendar(f"{radicale.url}/ada/")
    assert directly == {
        "name": "Examination",
        "changed": "Examination",
        "calendars": ["Übungen"],
        "left": 0,
        "calendars left": 0,
    }
    assert use_calendar(f"{stack.gateway}/radicale/ada/") == directly


@pytest.mark.usefixtures("radicale")
def test_a_wrong_password_is_turned_away(stack: StackUrls) -> None:
    """Whom Radicale does not know gets nothing."""
    assert use_calendar(f"{stack.gateway}/radicale/ada/", "wrong") == {"refused": "Unauthorized"}


@pytest.mark.usefixtures("radicale")
async def test_clients_find_the_way(visitor: httpx2.AsyncClient) -> None:
    """The well-known address leads to the prefix; and who sends no password is asked for one."""
    found = await visitor.request("PROPFIND", "/.well-known/caldav", auth=ADA)
    assert (found.status_code, found.headers["location"]) == (301, "/radicale/")
    asked = await visitor.request("PROPFIND", "/radicale/ada/", content=QUESTION)
    assert (asked.status_code, asked.headers["www-authenticate"][:5]) == (401, "Basic")
    options = await visitor.options("/radicale/ada/", auth=ADA)
    assert "calendar-access" in options.headers["dav"]


@pytest.mark.usefixtures("radicale")
async def test_a_session_here_is_not_in_the_way(colleague: httpx2.AsyncClient) -> None:
    """Who has a session here as well is for Radicale who the password says."""
    answer = await colleague.request("PROPFIND", "/radicale/", content=QUESTION, auth=ADA)
    assert answer.status_code == 207
    assert "<href>/radicale/ada/</href>" in answer.text


@pytest.mark.usefixtures("radicale")
@pytest.mark.parametrize("name", ["Remote-User", "X-Remote-User", "X-Forwarded-User"])
async def test_a_name_in_a_header_proves_nothing(visitor: httpx2.AsyncClient, name: str) -> None:
    """A client that names ada in a header is nobody."""
    answer = await visitor.request("PROPFIND", "/radicale/ada/", headers={name: "ada"}, content=QUESTION)
    assert answer.status_code == 401


@pytest.mark.usefixtures("radicale")
async def test_a_client_chooses_no_prefix(visitor: httpx2.AsyncClient) -> None:
    """A prefix that a client names does not come back in Radicale's answers."""
    headers = {"X-Script-Name": "/evil"}
    answer = await visitor.request("PROPFIND", "/radicale/", headers=headers, content=QUESTION, auth=ADA)
    assert answer.status_code == 207
    assert "evil" not in answer.text
