"""The story of ``examples/comments``: a third service, added to a clone as ``docs/extending.md`` says."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.comments_example import DOCUMENT, count_written, make_clone, read_steps, running_with_comments
from tests.support.html_forms import read_forms
from tests.support.next_auth import sign_in
from tests.support.other_pytest import run_tests
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

API, PAGE = "/api/comments/1", "/comments/1"


@pytest.fixture(scope="module")
def stack() -> Iterator[StackUrls]:
    """Give the stack with the third service."""
    with running_with_comments() as urls:
        yield urls


async def write_comment(client: httpx2.AsyncClient, person: Person, content: str) -> httpx2.Response:
    """Comment on a post with the person's token."""
    return await client.post(API, json={"content": content}, headers=person.bearer)


async def read_page(stack: StackUrls) -> str:
    """Return the page as somebody sees it who is not signed in."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=30) as anonymous:
        answer = await anonymous.get(PAGE)
    assert answer.status_code == 200
    return answer.text


async def test_who_is_signed_in_comments_and_everybody_reads(
    client: httpx2.AsyncClient, stack: StackUrls, ada: Person
) -> None:
    """A comment is stored with its author's name, which the page shows to everybody; the API wants a token."""
    created = await write_comment(client, ada, "I <like> it")
    assert created.status_code == 201
    comment = created.json()
    assert (comment["postId"], comment["content"], comment["author"]) == (1, "I <like> it", ada.name)
    assert (await client.get(API, headers=ada.bearer)).json()[0] == comment
    page = await read_page(stack)
    assert "I &lt;like&gt; it" in page
    assert ada.name in page
    assert "<form" not in page
    for refused in (await client.get(API), await client.post(API, json={"content": "anonymous"})):
        assert (refused.status_code, refused.json()) == (401, {"error": "No Authorization"})


async def test_a_bad_comment_is_refused(client: httpx2.AsyncClient, ada: Person) -> None:
    """An empty comment, one that is too long and one with more than a content are 422."""
    for body in ({"content": ""}, {"content": "x" * 2001}, {"content": "x", "author": "Eve"}, {}):
        answer = await client.post(API, json=body, headers=ada.bearer)
        assert answer.status_code == 422


async def test_the_page_has_a_form_of_its_own(client: httpx2.AsyncClient, stack: StackUrls, ada: Person) -> None:
    """In a browser a comment is written by the page's form; one that no page of ours made is refused."""
    await sign_in(client, ada.email)
    origin = {"origin": stack.gateway}
    form = read_forms((await client.get(PAGE)).text)[PAGE]
    sent = await client.post(PAGE, data={**form.fields, "content": "By the form"}, headers=origin)
    assert (sent.status_code, sent.headers["location"]) == (303, PAGE)
    assert "By the form" in (await client.get(PAGE)).text
    forged = await client.post(PAGE, data={"form_token": "1.forged", "content": "By nobody"}, headers=origin)
    assert forged.status_code == 403
    assert "By nobody" not in await read_page(stack)


async def test_a_new_name_is_shown(client: httpx2.AsyncClient, stack: StackUrls, ada: Person) -> None:
    """After a user is renamed, their comments show the new name."""
    await write_comment(client, ada, "By somebody who is renamed")
    name = f"Countess {ada.id}"
    assert (await client.patch("/api/me", json={"name": name}, headers=ada.bearer)).status_code == 200
    await wait_until(lambda: read_page(stack), lambda page: name in page)


async def test_a_deleted_users_comments_go(client: httpx2.AsyncClient, stack: StackUrls, grace: Person) -> None:
    """When a user is deleted, so are their comments, and nobody else's."""
    await write_comment(client, grace, "By somebody who goes")
    before = await read_page(stack)
    assert "By somebody who goes" in before
    deleted = await client.request("DELETE", "/api/me", json={"password": PASSWORD}, headers=grace.bearer)
    assert deleted.status_code == 204
    after = await wait_until(lambda: read_page(stack), lambda page: "By somebody who goes" not in page)
    assert grace.name not in after
    assert "By the form" in after


def test_the_laws_of_the_house_hold_for_it(tmp_path: Path) -> None:
    """A service that is added as the document says is under the laws from then on, and keeps them.

    The document leaves one to its reader: to describe the new settings.
    """
    clone = tmp_path / "gatepost"
    make_clone(clone)
    laws = ("tests/unit/test_house.py", "tests/unit/stack")
    run = run_tests(*laws, "-v", "-k", "not documented", temporary=tmp_path, folder=clone)
    assert run.returncode == 0, run.stdout[-5000:]
    assert "[comments_service]" in run.stdout


def test_the_document_says_what_it_takes() -> None:
    """The recipe states how many files it touches and how many lines are written, and stays small."""
    steps = read_steps()
    files, lines = len({step.file for step in steps}), count_written(steps)
    stated = re.search(r"touches (\d+) files by (\d+) lines\D+(\d+) lines", DOCUMENT.read_text())
    assert stated is not None
    assert [int(number) for number in stated.groups()] == [files, lines["existing"], lines["own"]]
    assert files <= 10
