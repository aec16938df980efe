"""An auth service whose clock is ten minutes ahead: what its neighbours say, and that no browser is sent in circles."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from stack.postgres import DatabaseUrls
from tests.support.ports import wait_until_it_listens
from tests.support.service_processes import ServiceProcess, service_process

AHEAD = 600
PASSWORD = "correct horse battery"
DEVELOPMENT = {"ENVIRONMENT": "development"}


@dataclass(frozen=True, slots=True)
class Apart:
    """An auth service that is ahead, and a gateway that calls it."""

    auth: ServiceProcess
    gateway: ServiceProcess
    url: str


@pytest.fixture(scope="module")
def apart(databases: DatabaseUrls) -> Iterator[Apart]:
    """Give both, running."""
    public = {**DEVELOPMENT, "NEXTAUTH_URL": "http://localhost:3000"}
    with service_process("auth_service", {**public, "AUTH_DATABASE_URL": databases.auth}, ahead=AHEAD) as auth:
        at = f"http://127.0.0.1:{auth.port}"
        with service_process("gateway", {**public, "AUTH_SERVICE_URL": at, "POSTS_SERVICE_URL": at}) as gateway:
            for each in (gateway, auth):
                each.wait_for_error("clock_is_off")
                wait_until_it_listens(each.process, each.port, each.output)
            yield Apart(auth, gateway, f"http://127.0.0.1:{gateway.port}")


def ask(apart: Apart) -> httpx2.Client:
    """Return a browser at the gateway."""
    headers = {"Host": "localhost:3000", "Origin": "http://localhost:3000"}
    return httpx2.Client(base_url=apart.url, headers=headers, timeout=20, trust_env=False)


def test_both_sides_say_so(apart: Apart) -> None:
    """The caller, the one that is called and its database each name the other, in the log, in /readyz and as a metric.

    It is a remark: both are ready.
    """
    for process, peer, way in ((apart.gateway, "auth_service", "ahead of"), (apart.auth, "gateway", "behind")):
        told = httpx2.get(f"http://127.0.0.1:{process.port}/readyz", trust_env=False, timeout=30)
        assert told.status_code == 200
        said = rf"the clock of {peer} is (59[5-9]|60[0-5]) s {way} ours, so tokens are refused"
        assert re.search(said, told.json()["remarks"]["clock"])
        metrics = httpx2.get(f"http://127.0.0.1:{process.metrics_port}/metrics", trust_env=False, timeout=30).text
        (line,) = [each for each in metrics.splitlines() if f'clock_offset_seconds{{peer="{peer}"}}' in each]
        assert abs(abs(float(line.split()[-1])) - AHEAD) < 5
    lines = [json.loads(line) for line in apart.auth.lines if "clock_is_off" in line]
    assert {line["peer"] for line in lines} >= {"gateway", "database"}


def test_a_browser_is_sent_nowhere(apart: Apart) -> None:
    """Who signs in gets 503 where a page needs the session, and not the sign-in page, which would send them back."""
    with ask(apart) as browser:
        user = {"name": "Ada", "email": "ada@clocks.example", "password": PASSWORD}
        assert browser.post("/api/user", json=user).status_code == 201
        csrf = browser.get("/api/auth/csrf").json()["csrfToken"]
        form = {"csrfToken": csrf, "username": user["email"], "password": PASSWORD, "json": "true"}
        signed_in = browser.post("/api/auth/callback/credentials", data=form)
        assert signed_in.status_code == 200, signed_in.text
        cookies = [line for line in signed_in.headers.get_list("set-cookie") if "session-token" in line]
        assert cookies
        page = browser.get("/userposts", headers={"Accept": "text/html"})
        assert page.status_code == 503, page.headers.get("location")
