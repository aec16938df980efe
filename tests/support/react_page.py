"""A front end of one page with the published ``next-auth/react`` in it, bundled by esbuild: one more upstream."""

import contextlib
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shared.tokens.protocol import Version
from tests.support.next_auth_package import FOLDER, PACKAGES
from tests.support.node import install_packages
from tests.support.providers import write_providers
from tests.support.running_stack import ROOT, StackUrls, started_stack
from tests.support.victim import running_app

PATH = "/react-page"
DEADLINE = 60  # seconds

_HTML = (
    f'<!doctype html><meta charset="utf-8"><title>React</title><div id="root"></div><script src="{PATH}.js"></script>'
)
_OPTIONS = ("--bundle", "--minify", "--jsx=automatic", '--define:process.env={"NODE_ENV": "production"}')
RULE = f"""
[[rule]]
matcher  = ["{PATH}", "{PATH}.js"]
methods  = ["GET"]
access   = "public"
upstream = "react"
"""


def build_front_end(version: Version = "4") -> Starlette:
    """Return the front end with its page and its script, in which the client of a version is."""
    install_packages(FOLDER)
    client = f"--alias:next-auth={PACKAGES[version]}"
    command = ["node_modules/.bin/esbuild", "page.jsx", "--log-level=error", client, *_OPTIONS]
    script = subprocess.run(command, cwd=FOLDER, capture_output=True, timeout=DEADLINE, check=True).stdout

    async def show_page(_: Request) -> Response:
        return HTMLResponse(_HTML)

    async def show_script(_: Request) -> Response:
        return Response(script, media_type="text/javascript")

    return Starlette(routes=[Route(PATH, show_page), Route(f"{PATH}.js", show_script)])


def add_to_policy(url: str) -> str:
    """Return the policy that ships with the front end at this URL added to it."""
    text = (ROOT / "gateway" / "rules.toml").read_text()
    return text.replace("[upstreams]\n", f'[upstreams]\nreact = "{url}"\n') + RULE


@contextlib.asynccontextmanager
async def started_ahead_of_page(folder: Path, *providers: str, version: Version = "4") -> AsyncIterator[StackUrls]:
    """Start a stack in which people sign in with these tables of ``providers.toml``, ahead of the front end."""
    file, rules = write_providers(folder, *providers), folder / "rules.toml"
    async with running_app(build_front_end(version)) as port:
        rules.write_text(add_to_policy(f"http://127.0.0.1:{port}"))
        told = {"GATEWAY_RULES": str(rules), "PROVIDERS_FILE": str(file), "NEXTAUTH_PROTOCOL": version}
        with started_stack(told) as urls:
            yield urls
