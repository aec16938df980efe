"""Real nginx, Caddy and HAProxy for the tests, run with the configurations of ``docs/forward-auth``, or with another.

Nothing in a configuration is changed but its ports and the names of the site, and nothing is added but what keeps a
second instance out of the way of the system's own: where it writes its files.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.ports import wait_until_it_listens
from tests.support.running_stack import ROOT

CONFIGURATIONS = ROOT / "docs" / "forward-auth"
STOP_DEADLINE = 10

PROXIES = ("nginx", "caddy", "haproxy")

_FILES = {"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg"}
_BESIDE = ("gatepost.lua", "gatepost-headers.conf")
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nginx.conf;
}}
"""
_CADDY = """
{{
	admin off
}}
import {folder}/Caddyfile
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: which one, and the URL that browsers use."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy listens, by which names, and where it finds the gateway and the applications."""

    public: int
    gateway: int
    application: int
    names: tuple[str, ...] = ("localhost", "wiki.localhost")
    wiki: int = 9  # "discard": nobody answers there


@contextlib.contextmanager
def running_proxy(name: str, ports: Ports, configuration: str | None = None) -> Iterator[Proxy]:
    """Give a proxy with a configuration, or with that of the documentation; skip the test where it is not installed."""
    if shutil.which(name, path=_search_path()) is None:
        pytest.skip(f"{name} is not installed")
    with tempfile.TemporaryDirectory(prefix="gatepost-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # nginx's workers are another user's
        command = _prepare(name, folder, ports, configuration)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=log, stderr=log)
        try:
            wait_until_it_listens(process, ports.public, folder / "log")
            yield Proxy(name, f"http://localhost:{ports.public}")
        finally:
            process.terminate()
            process.wait(STOP_DEADLINE)


async def send_raw(port: int, head: str) -> bytes:
    """Send a request with the given lines, byte for byte, and Connection, and return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    try:
        return await asyncio.wait_for(reader.read(), 15)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def _prepare(name: str, folder: Path, ports: Ports, configuration: str | None) -> list[str]:
    """Write the configuration with other ports, and return the command that runs it."""
    text = configuration or (CONFIGURATIONS / _FILES[name]).read_text()
    documented = {"8000": ports.public, "3000": ports.gateway, "8080": ports.application, "8081": ports.wiki}
    assert configuration or all(f":{port}" in text for port in documented)
    text = re.sub(f":({'|'.join(documented)})\\b", lambda found: f":{documented[found[1]]}", text)
    sites = ", ".join(f"http://{each}:{ports.public}" for each in ports.names)
    text = re.sub(r"^http://localhost.* {", f"{sites} {{", text, flags=re.MULTILINE)
    text = re.sub(r"server_name .*;", f"server_name {' '.join(ports.names)};", text)
    path = folder / _FILES[name]
    path.write_text(text)
    for beside in _BESIDE:
        shutil.copy(CONFIGURATIONS / beside, folder)
    program = shutil.which(name, path=_search_path()) or name
    match name:
        case "nginx":
            (folder / "main.conf").write_text(_NGINX.format(folder=folder))
            return [program, "-e", str(folder / "error.log"), "-c", str(folder / "main.conf")]
        case "caddy":
            (folder / "main").write_text(_CADDY.format(folder=folder))
            return [program, "run", "--adapter", "caddyfile", "--config", str(folder / "main")]
        case _:
            return [program, "-db", "-f", str(path)]


def _environment(folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
