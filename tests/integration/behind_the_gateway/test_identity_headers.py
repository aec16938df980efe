"""Copyparty, a server of files that takes the sign-in over: who it is, and which roles they have, are headers."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import BrowserContext, expect

from tests.support import next_auth
from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Operate, Recipes, Running
from tests.support.running_stack import StackUrls

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
CLAIMS = {"Remote-User": "1", "Remote-Groups": "editor", "X-Remote-User": "1", "remote_user": "1"}


@pytest.fixture(scope="module", autouse=True)
def files(recipes: Recipes) -> Iterator[Running]:
    """Give the server."""
    with recipes.running("copyparty") as running:
        yield running


async def test_everybody_has_a_folder_of_their_own(
    context: BrowserContext, grace: Person, stack: StackUrls, files: Running, tmp_path: Path
) -> None:
    """Who signs in here is signed in there, uploads a file with the page, and finds it."""
    tea = tmp_path / "C# 50%.txt"
    tea.write_text("Darjeeling")
    page = await context.new_page()
    await page.goto(f"/files/u/{grace.id}/")
    await sign_in(page, grace)
    await expect(page).to_have_url(f"{stack.gateway}/files/u/{grace.id}/")
    await page.locator("#opa_up").click()
    await page.locator("#file1").set_input_files(tea)
    await page.get_by_text("OK", exact=True).click()
    link = page.locator("#files").get_by_role("link", name=tea.name)
    await expect(link).to_be_visible()
    assert (files.folder / "data" / "u" / str(grace.id) / tea.name).read_text() == "Darjeeling"
    answer = await page.request.get(str(await link.get_attribute("href")))
    assert await answer.text() == "Darjeeling"


async def test_what_is_anothers_stays_theirs(colleague: httpx2.AsyncClient, grace: Person) -> None:
    """Nobody reads another's folder, or writes without the role, whoever they say they are."""
    own, other = f"/files/u/{grace.id}/", f"/files/u/{grace.id - 1}/"
    assert (await colleague.get(f"{own}?ls", headers=CLAIMS)).json()["acct"] == str(grace.id)
    assert (await colleague.get(f"{other}?ls", headers=CLAIMS | {"Remote-User": str(grace.id - 1)})).status_code == 403
    refused = await colleague.put("/files/shared/a.txt", content=b"a", headers=CLAIMS)
    assert (refused.status_code, "does not have write-access" in refused.text) == (401, True)


async def test_a_role_here_is_a_group_there(
    colleague: httpx2.AsyncClient, visitor: httpx2.AsyncClient, ada: Person, operate: Operate
) -> None:
    """Who has the role writes where its group may, and everybody who has signed in reads that."""
    operate("user", "role", str(ada.id), "--add", "editor")
    await next_auth.sign_in(visitor, ada.email)
    written = await visitor.put("/files/shared/tea.txt", content=b"Assam", headers=FROM_HERE)
    assert written.status_code == 201, written.text
    assert (await colleague.get("/files/shared/tea.txt")).text == "Assam"
    assert (await visitor.put("/files/shared/a.html", content=b"<script>", headers=FROM_HERE)).status_code == 201
    assert (await colleague.get("/files/shared/a.html")).headers["content-type"].startswith("text/plain")


async def test_nobody_comes_in_without_signing_in(visitor: httpx2.AsyncClient) -> None:
    """An anonymous caller gets no page of it, and writes nothing, whatever they send."""
    for headers in ({}, CLAIMS):
        answer = await visitor.get("/files/shared/", headers=headers)
        assert answer.status_code == 302, answer.text
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "/api/auth/signin")
        assert (await visitor.put("/files/shared/a.txt", content=b"a", headers=headers)).status_code == 401
