"""One gateway decides for applications at several hosts, behind a real proxy that is configured as documented."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.support import next_auth
from tests.support.html_forms import read_forms
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.ports import find_free_port
from tests.support.proxies import CONFIGURATIONS, PROXIES, Ports, Proxy, running_proxy
from tests.support.raw_upstream import RawUpstream
from tests.support.running_stack import StackUrls, started_stack
from tests.support.several_hosts import DOMAIN, NAMES, AtPort

WIKI_RULE = f"""
[[rule]]
matcher = ["/reports/:path*"]
hosts = "wiki.{DOMAIN}"
access = "public"
upstream = "gateway"
"""
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def public_port() -> int:
    """Give the port that the proxies listen on, one after the other."""
    return find_free_port()


@pytest.fixture(scope="module")
def stack(public_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give a stack with three hosts: the documented policy without its role, and one shows its reports to everybody."""
    rules = tmp_path_factory.mktemp("policy") / "rules.toml"
    head, first, others = (CONFIGURATIONS / "rules.toml").read_text().partition("[[rule]]")
    rules.write_text(head + WIKI_RULE + first + others.replace('role     = "staff"\n', ""))
    at_port = {name: f"{host}:{public_port}" for name, host in NAMES.items()}
    settings = {
        "NEXTAUTH_URL": f"http://{at_port['ID']}",
        "COOKIE_DOMAIN": DOMAIN,
        "GATEWAY_HOSTS": f"{at_port['APP']},{at_port['WIKI']}",
        "TRUSTED_PROXIES": "127.0.0.1",
        "GATEWAY_RULES": str(rules),
    }
    with started_stack(settings) as urls:
        yield urls


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, stack: StackUrls, application: RawUpstream, public_port: int
) -> Iterator[Proxy]:
    """Give each proxy in turn."""
    gateway = int(stack.gateway.rpartition(":")[2])
    with running_proxy(request.param, Ports(public_port, gateway, application.port, tuple(NAMES.values()))) as running:
        yield running


@pytest.fixture(scope="module")
async def ada(stack: StackUrls) -> Person:
    """Give somebody who signed up."""
    async with httpx2.AsyncClient(base_url=stack.auth, timeout=10) as client:
        return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture
async def client(proxy: Proxy, public_port: int) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser's client, which keeps cookies by host and domain."""
    del proxy  # it runs
    url = f"http://{NAMES['APP']}:{public_port}"
    async with httpx2.AsyncClient(base_url=url, transport=AtPort(public_port), timeout=15) as client:
        yield client


async def test_each_host_is_decided_by_its_rules(
    client: httpx2.AsyncClient, application: RawUpstream, public_port: int
) -> None:
    """One path is for everybody at one host, and a page at the other; a host that is not served gets nothing."""
    wiki = f"http://{NAMES['WIKI']}:{public_port}"
    assert (await client.get(f"{wiki}/reports/1", headers=NAVIGATION)).status_code == 200
    assert len(application.received) == 1
    assert (await client.get("/reports/1", headers=NAVIGATION)).status_code == 302
    await client.get("/reports/1", headers=NAVIGATION | {"Host": f"evil.{DOMAIN}:{public_port}"})
    assert len(application.received) == 1


async def test_who_signs_in_at_one_host_is_back_at_the_other(
    client: httpx2.AsyncClient, application: RawUpstream, ada: Person, public_port: int
) -> None:
    """The proxy leads to the sign-in page at the public host, that leads back, and the application learns who it is."""
    led = await client.get("/reports/1?of=all", headers=NAVIGATION)
    assert led.headers["location"].startswith(f"http://{NAMES['ID']}:{public_port}/api/auth/signin?")
    form = read_forms((await client.get(led.headers["location"])).text)[next_auth.CALLBACK]
    sent = form.fields | {"username": ada.email, "password": PASSWORD}
    back = await client.post(f"http://{NAMES['ID']}:{public_port}{next_auth.CALLBACK}", data=sent)
    assert back.headers["location"] == f"http://{NAMES['APP']}:{public_port}/reports/1?of=all"
    assert (await client.get(back.headers["location"], headers=NAVIGATION)).status_code == 200
    assert application.received[-1].values("authorization")[0].startswith("Bearer ")
    assert not any("session-token" in value for value in application.received[-1].values("cookie"))
