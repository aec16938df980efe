"""Jupyter, with a kernel: what JupyterLab does, from a page in Chromium."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Operate, Recipes, Running
from tests.support.running_stack import StackUrls

NAME = "C# 50% [a].ipynb"
LIKE_JUPYTERLAB = """
async ([method, path, body]) => {
  const xsrf = document.cookie.match("\\\\b_xsrf=([^;]*)")[1];
  const headers = {"X-XSRFToken": xsrf, "Content-Type": "application/json"};
  const answer = await fetch("/jupyter/api/" + path, {method, headers, body: body && JSON.stringify(body)});
  return [answer.status, answer.status === 204 ? null : await answer.json()];
}
"""
RUN_IN_KERNEL = """
([kernel, code]) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/jupyter/api/kernels/${kernel}/channels?session_id=s`);
  const header = {msg_id: "m", msg_type: "execute_request", username: "", session: "s", version: "5.3"};
  const content = {code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false};
  const message = {header, parent_header: {}, metadata: {}, content, channel: "shell"};
  socket.onopen = () => socket.send(JSON.stringify(message));
  socket.onerror = () => reject(new Error("the WebSocket failed"));
  socket.onmessage = ({data}) => {
    const {parent_header, msg_type, content} = JSON.parse(data);
    if (parent_header.msg_id === "m" && msg_type === "stream") resolve(content.text);
  };
})
"""


@pytest.fixture(scope="module", autouse=True)
def jupyter(recipes: Recipes) -> Iterator[Running]:
    """Give Jupyter's server, which may run as root here."""
    with recipes.running("jupyter", "--allow-root") as running:
        yield running


@pytest.fixture
async def page(context: BrowserContext, grace: Person, operate: Operate, stack: StackUrls) -> AsyncIterator[Page]:
    """Give a page of Jupyter's, to which an analyst came by signing in."""
    operate("user", "role", str(grace.id), "--add", "analyst")
    page = await context.new_page()
    await page.goto("/jupyter/")
    await sign_in(page, grace)
    await expect(page).to_have_url(f"{stack.gateway}/jupyter/")
    return page


async def call(page: Page, method: str, path: str, body: object = None) -> object:
    """Call Jupyter's API from a page, as JupyterLab does, and return the status and the answer."""
    return await page.evaluate(LIKE_JUPYTERLAB, [method, path, body])


async def test_a_notebook_is_saved_under_a_strange_name(page: Page, jupyter: Running) -> None:
    """A notebook whose name has #, % and brackets is saved, listed, opened and removed."""
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = await page.evaluate("encodeURIComponent", NAME)
    assert "%23" in path
    saved = await call(page, "PUT", f"contents/{path}", {"type": "notebook", "content": notebook})
    assert saved[0] == 201, saved
    assert (jupyter.folder / "notebooks" / NAME).exists()
    opened = await call(page, "GET", f"contents/{path}")
    assert (opened[0], opened[1]["name"], opened[1]["type"]) == (200, NAME, "notebook")
    assert (await call(page, "DELETE", f"contents/{path}"))[0] == 204


async def test_a_kernel_runs_what_is_typed(page: Page) -> None:
    """A kernel is started; over its WebSocket it runs code, and what that prints comes back; then it is ended."""
    status, kernel = await call(page, "POST", "kernels", {"name": "python3"})
    assert status == 201
    assert await page.evaluate(RUN_IN_KERNEL, [kernel["id"], "print(6 * 7)"]) == "42\n"
    assert (await call(page, "DELETE", f"kernels/{kernel['id']}"))[0] == 204


async def test_jupyters_own_guard_still_stands(page: Page) -> None:
    """Without its form token, Jupyter refuses what changes anything."""
    answer = await page.evaluate("fetch('/jupyter/api/kernels', {method: 'POST'}).then(answer => answer.status)")
    assert answer == 403


async def test_nobody_else_comes_in(visitor: httpx2.AsyncClient, colleague: httpx2.AsyncClient) -> None:
    """An anonymous caller, and one without the role, reach neither the API nor a WebSocket."""
    claims = {"Remote-User": "1", "Remote-Groups": "analyst"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-Fetch-Mode": "websocket"}
    for client, refusal in ((visitor, 401), (colleague, 403)):
        headers = claims | {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
        assert (await client.get("/jupyter/api/contents", headers=headers)).status_code == refusal
        assert (await client.post("/jupyter/api/kernels", headers=headers)).status_code == refusal
        asked = await client.get("/jupyter/api/kernels/1/channels", headers=claims | upgrade)
        assert asked.status_code == refusal
