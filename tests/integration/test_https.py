"""The configurations of ``deploy/https``, run by nginx and Caddy with certificates that nobody else believes."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.ports import list_free_ports
from tests.support import proxies
from tests.support.certificates import Authority
from tests.support.https_site import DOMAIN, check_site, site_client, write_curl_settings
from tests.support.operations_page import Command
from tests.support.ports import find_free_port
from tests.support.proxies import running_proxy
from tests.support.running_stack import ROOT, started_stack

CLIENT = "127.0.0.7"
SETTINGS = {"NEXTAUTH_URL": f"https://{DOMAIN}", "TRUSTED_PROXIES": "127.0.0.1"}
REDIRECT = Command(f"curl -sS -o /dev/null -w '%{{http_code}} %{{redirect_url}}' http://{DOMAIN}/userposts?a=1")
SECRET = "in-a-link"
WITH_A_CODE = Command(
    f"curl -sS -o /dev/null -w '%{{http_code}}' -e https://{DOMAIN}/?a={SECRET} https://{DOMAIN}/forgot/code?link={SECRET}"
)
PROTOCOL = Command(f"curl -sS -o /dev/null -w '%{{http_version}} %{{http_code}}' https://{DOMAIN}/signup")


HTTPS = ROOT / "deploy" / "https"
CADDYS_AUTHORITY = "caddy/pki/authorities/local/root.crt"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy listens by http and by https, and where the gateway does."""

    http: int
    https: int
    gateway: int


@contextlib.contextmanager
def running_nginx(folder: Path, ports: Ports) -> Iterator[Path]:
    """Let nginx run with the sample; gives the authority's certificate."""
    authority = Authority.create(folder)
    certificate = authority.sign(DOMAIN)
    replaced = {
        "listen 80;": f"listen 127.0.0.1:{ports.http};",
        "listen [::]:80;": "",  # not every machine has IPv6
        "listen 443 ": f"listen 127.0.0.1:{ports.https} ",
        "listen [::]:443 ssl http2;": "",
        f"/var/log/nginx/{DOMAIN}": str(folder / DOMAIN),
        f"/etc/ssl/{DOMAIN}/fullchain.pem": str(certificate),
        f"/etc/ssl/{DOMAIN}/privkey.pem": str(certificate),
    }
    configuration = replace(HTTPS / "nginx.conf", replaced)
    with running_proxy("nginx", proxies.Ports(ports.https, ports.gateway, ports.https, (DOMAIN,)), configuration):
        yield authority.file


@contextlib.contextmanager
def running_caddy(folder: Path, ports: Ports) -> Iterator[Path]:
    """Let Caddy run as its container does, with an authority of its own; gives that authority's certificate."""
    replaced = {
        "\tadmin off\n": f"\tadmin off\n\thttp_port {ports.http}\n\thttps_port {ports.https}\n",
        "port_holder:3000": f"127.0.0.1:{ports.gateway}",
        "127.0.0.1:2021": f"127.0.0.1:{find_free_port()}",
    }
    file, log = folder / "Caddyfile", folder / "log"
    file.write_text(replace(HTTPS / "Caddyfile", replaced))
    names = {"DOMAIN": DOMAIN, "CADDY_TLS": "tls internal", "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    with log.open("wb") as output:
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]
        process = subprocess.Popen(command, env={**os.environ, **names}, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while not (folder / CADDYS_AUTHORITY).exists() or b"certificate obtained" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield folder / CADDYS_AUTHORITY
    finally:
        process.terminate()
        process.wait(30)


def replace(file: Path, replaced: dict[str, str]) -> str:
    """Return a configuration with what is another for everybody who uses it replaced."""
    text = file.read_text()
    for sample, other in replaced.items():
        assert sample in text
        text = text.replace(sample, other)
    return text


def read_logs(folder: Path) -> str:
    """Return all that nginx wrote."""
    return "".join(path.read_text() for path in folder.glob("*.log"))


@pytest.mark.parametrize("running", [running_nginx, running_caddy])
async def test_what_tls_in_front_brings(running: Callable[[Path, Ports], AbstractContextManager[Path]]) -> None:
    """A browser's cookies go by https alone, http leads to https, and the audit has the client's own address."""
    http, https = list_free_ports(2)
    with tempfile.TemporaryDirectory(prefix="gatepost-") as made, started_stack(SETTINGS) as urls:
        folder = Path(made)
        with running(folder, Ports(http, https, int(urls.gateway.rpartition(":")[2]))) as authority:
            write_curl_settings(folder, http, https, authority)
            curl = {"CURL_HOME": made}
            assert REDIRECT.run(ROOT, curl) == f"308 https://{DOMAIN}/userposts?a=1"
            assert PROTOCOL.run(ROOT, curl) == "2 200"
            WITH_A_CODE.run(ROOT, curl)
            async with site_client(https, authority, CLIENT) as client:
                client.headers["x-forwarded-for"] = "203.0.113.9"
                person = await check_site(client)
        written = read_logs(folder)
        listed = Command(f".venv/bin/python -m stack --data {urls.data} audit --user {person.id} --json").run(ROOT)
    assert f'"address": "{CLIENT}"' in listed
    assert "203.0.113.9" not in listed
    assert SECRET not in written
    assert running is not running_nginx or "GET /forgot/code" in written
