"""``make dev``: what one writes is what runs, a moment later."""

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.support.house import ROOT
from tests.support.waiting import wait_until

PACKAGES = ("auth_service", "deploy", "gateway", "posts_service", "shared", "stack")
PATIENCE = 180  # seconds


@contextlib.contextmanager
def developing(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give a copy of the code that runs and is watched, and the gateway's URL."""
    tree, description = folder / "code", folder / "stack.json"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "stack", "--reload", "--port", "0", "--data", str(folder / "data")]
    process = subprocess.Popen([*command, "--describe", str(description)], cwd=tree)
    try:
        asyncio.run(wait_until(lambda: _is_over(process, description), bool, PATIENCE))
        yield tree, json.loads(description.read_text())["gateway"]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


async def _is_over(process: "subprocess.Popen[bytes]", description: Path) -> bool:
    """Tell whether the start is over: all is ready, or it failed."""
    return description.exists() or process.poll() is not None  # noqa: ASYNC240 - a look at a local disk


def read(url: str) -> str:
    """Return a page's text, or nothing while it can't be had."""
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, trust_env=False, timeout=5).text
    return ""


def test_a_change_is_served() -> None:
    """A changed template is served, code that can't run stops its service alone, and mending it brings that back."""
    with tempfile.TemporaryDirectory(prefix="gatepost-") as name, developing(Path(name)) as (tree, url):
        page = next((tree / "auth_service").rglob("signin.html"))
        page.write_text(page.read_text().replace("{% block card %}", "{% block card %}<p>Changed</p>", 1))
        look = asyncio.to_thread
        asyncio.run(wait_until(lambda: look(read, f"{url}/api/auth/signin"), lambda text: "Changed" in text, PATIENCE))

        module = tree / "posts_service" / "app.py"
        good = module.read_text()
        module.write_text(f"this is no Python\n{good}")
        asyncio.run(wait_until(lambda: look(read, f"{url}/api/posts"), lambda text: "not available" in text, PATIENCE))
        asyncio.run(wait_until(lambda: look(read, f"{url}/api/auth/signin"), lambda text: "Changed" in text, PATIENCE))

        module.write_text(good)
        asyncio.run(wait_until(lambda: look(read, f"{url}/api/posts"), lambda text: text.startswith("["), PATIENCE))
