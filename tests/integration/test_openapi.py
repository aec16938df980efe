"""The description of the API is true: schemathesis, which believes it, finds nothing."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser

from tests.support.people import Person
from tests.support.running_stack import StackUrls

SETTINGS = Path(__file__).parent / "schemathesis.toml"


async def test_the_description_covers_the_api(client: httpx2.AsyncClient) -> None:
    """``/openapi.json`` is OpenAPI 3.1 and describes both services' parts in one document."""
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described >= {
        ("POST", "/api/user"),
        ("POST", "/api/login"),
        ("GET", "/api/me"),
        ("GET", "/api/user/{id}"),
        ("GET", "/api/posts"),
        ("POST", "/api/posts"),
        ("PATCH", "/api/posts/{id}"),
        ("DELETE", "/api/posts/{id}"),
    }


async def test_the_docs_page_shows_every_operation(client: httpx2.AsyncClient) -> None:
    """``/docs`` names every path of the description, loads nothing from elsewhere, and is linked on all pages."""
    document = (await client.get("/openapi.json")).json()
    page = await client.get("/docs", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert all(path in page.text for path in document["paths"])
    assert "http://" not in page.text.replace(str(client.base_url).rstrip("/"), "")
    assert page.text.count("<script") == 1
    assert 'href="/docs"' in (await client.get("/", headers={"accept": "text/html"})).text


async def test_the_docs_page_fits_a_phone(browser: Browser, stack: StackUrls) -> None:
    """On the narrowest phone nothing of ``/docs`` lies beside the screen, and a link to a body opens and shows it."""
    context = await browser.new_context(base_url=stack.gateway, viewport={"width": 320, "height": 640})
    page = await context.new_page()
    await page.goto("/docs#create_post")
    await page.locator("#create_post").get_by_role("link", name="PostView").click()
    await page.locator("#PostView").wait_for(state="visible")
    await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await context.close()


def test_schemathesis_finds_nothing(stack: StackUrls, ada: Person, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Schemathesis, with all its checks, finds no answer that the description does not promise."""
    examples = "40" if pytestconfig.getoption("whole_lists") else "10"
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(SETTINGS),
        "run",
        f"{stack.gateway}/openapi.json",
    ]
    command += ["--header", f"Authorization: Bearer {ada.token}", "--checks", "all", "--max-examples", examples]
    command += ["--seed", "1", "--exclude-path", "/api/logout", "--continue-on-failure"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout[-8000:]
