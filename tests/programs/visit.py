"""Somebody who uses a program: by a browser, by a script, or by a command of their own."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from playwright.async_api import Browser, Page, Request, Response

from tests.support import next_auth
from tests.support.browser import sign_in
from tests.support.people import Person

OF_A_SCRIPT = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


@dataclass
class Visit:
    """A visit to a program at its own address, or at the gateway's as ``person``.

    ``failed`` are the requests of the browser that failed.
    """

    url: str
    folder: Path
    client: httpx2.AsyncClient
    browser: Browser
    person: Person | None = None
    failed: set[str] = field(default_factory=set)

    @property
    def authority(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def bearer(self) -> dict[str, str]:
        """What a command sends that has no cookies: nothing to the program itself."""
        return self.person.bearer if self.person else {}

    @contextlib.asynccontextmanager
    async def page(self, path: str = "/") -> AsyncIterator[Page]:
        """Give a page of the browser at a path, after signing in if the gateway asks for it."""
        context = await self.browser.new_context(base_url=self.url)
        context.set_default_timeout(20_000)
        if self.person is not None:  # no browser but one on this machine would reach the program past the gateway
            await context.route(self._is_elsewhere, lambda route: route.abort())
            await context.route_web_socket(self._is_elsewhere, lambda socket: socket.close())
        page = await context.new_page()
        page.on("response", lambda response: note_response(self, response))
        page.on("requestfailed", lambda request: note_failure(self, request))
        try:
            await page.goto(path)
            if self.person is not None and "/api/auth/signin" in page.url:
                await sign_in(page, self.person)
                await page.wait_for_url(lambda url: "/api/auth/" not in url)
            yield page
        except BaseException:
            (self.folder / "page.html").write_text(f"<!-- {page.url} -->\n{await page.content()}")
            raise
        finally:
            await context.close()

    @contextlib.asynccontextmanager
    async def empty_page(self) -> AsyncIterator[Page]:
        """Give an empty page of the program's origin, for scripts: the browser itself answers with it."""
        async with self.page("/api/auth/signin" if self.person else "about:blank") as page:
            await page.route("**/empty", lambda route: route.fulfill(body="", content_type="text/html"))
            await page.goto(f"{self.url}/empty")
            yield page

    async def sign_in(self) -> None:
        """Let the script hold a session's cookie, if there is a gateway."""
        self.client.headers.update(OF_A_SCRIPT)
        if self.person is not None:
            assert (await next_auth.sign_in(self.client, self.person.email)).status_code == 200

    async def run(self, *command: str, environment: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """Run a command in the visit's folder; return what it prints. One that fails ends the story."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 120)
        text = printed.decode(errors="replace")
        assert process.returncode == 0, f"{command[0]} failed: {text[-600:]}"
        return text

    def _is_elsewhere(self, url: str) -> bool:
        return urlsplit(url).netloc not in {"", self.authority}


def note_response(visit: Visit, response: Response) -> None:
    """Note a response that says that something failed."""
    parts = urlsplit(response.url)
    if response.status >= 400 and parts.netloc == visit.authority:
        visit.failed.add(f"{response.request.method} {parts.path} {response.status}")


def note_failure(visit: Visit, request: Request) -> None:
    """Note a request without a response."""
    parts = urlsplit(request.url)
    if parts.netloc == visit.authority and "ABORTED" not in (request.failure or ""):
        visit.failed.add(f"{request.method} {parts.path} {request.failure}")
