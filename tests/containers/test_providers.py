"""Another provider beside the containers: browsers reach it by one name, the auth service's container by another.

Both sides speak version 5 of NextAuth's protocol, which the gateway's container and the auth service's are told alike.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.containers import SERVICES, CommandFailed, Containers, find_host_address, running_containers
from tests.support.html_forms import read_forms
from tests.support.next_auth_5 import NAMES, get_session
from tests.support.ports import find_free_port
from tests.support.providers import (
    ReachedElsewhere,
    Running,
    begin,
    prove_there,
    running_provider,
    write_providers,
)

PROJECT = "gatepost-providers"
ISSUER = "http://login.gatepost.test"  # as browsers reach it
PORT = find_free_port()
ADDRESS = f"http://provider.gatepost.test:{PORT}"  # as the container does
START = "/api/auth/signin/ours"
FIND = "import socket; socket.getaddrinfo('login.gatepost.test', 80)"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Give a stack of its own, which knows the provider by both names."""
    folder: Path = tmp_path_factory.mktemp("providers")
    write_providers(folder, f'id = "ours"\nname = "Example"\nissuer = "{ISSUER}"\naddress = "{ADDRESS}"')
    folder.chmod(0o755)  # for the container's user, and so are the files
    for file in folder.iterdir():
        file.chmod(0o644)
    settings = {
        "COMPOSE_FILE": "docker-compose.yml:deploy/providers.yml:tests/containers/providers.yml",
        "PROVIDERS_FOLDER": str(folder),
        "NEXTAUTH_PROTOCOL": "5",
    }
    with running_containers(PROJECT, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def provider(containers: Containers) -> Iterator[Running]:
    """Give the provider, where the containers reach this machine, and no other machine does."""
    back = f"{containers.url}/api/auth/callback/ours"
    told = {"HOST": find_host_address(), "ISSUER": ISSUER, "REDIRECT_URIS": back}
    with running_provider("ours", port=PORT, **told) as running:
        running.know("ada", "ada@example.com", name="Ada Lovelace")
        yield running


@pytest.fixture
async def there(provider: Running) -> AsyncIterator[httpx2.AsyncClient]:
    """Give the browser's network, in which the provider is found under the name that browsers know."""
    async with httpx2.AsyncClient(transport=ReachedElsewhere(provider.port, find_host_address()), timeout=30) as client:
        yield client


async def test_the_whole_dance(
    containers: Containers, client: httpx2.AsyncClient, there: httpx2.AsyncClient, provider: Running
) -> None:
    """A browser is led to the issuer, and its answer proves who it is to a container that asks elsewhere.

    What the provider published, the code and the keys were all asked for at its address: the issuer's name means
    nothing to the container.
    """
    with pytest.raises(CommandFailed, match="gaierror"):
        containers.execute("auth_service", "python", "-c", FIND)
    url = await begin(client, provider.id, callbackUrl="/userposts")
    assert url.startswith(f"{ISSUER}/auth?")
    back = await client.get(await prove_there(url, "ada", there))
    assert (back.status_code, back.headers["location"]) == (302, f"{containers.url}/userposts")
    session = await get_session(client)
    assert isinstance(session, dict)
    assert (session["user"]["name"], session["user"]["email"]) == ("Ada Lovelace", "ada@example.com")
    assert NAMES.session in client.cookies
    page = await client.get("/userposts")
    assert (page.status_code, "Ada Lovelace" in page.text) == (200, True)


async def test_the_next_time(
    containers: Containers, client: httpx2.AsyncClient, there: httpx2.AsyncClient, provider: Running
) -> None:
    """A user who said no is led to the sign-in page, whose button then leads there again."""
    await begin(client, provider.id)
    refused = await client.get("/api/auth/callback/ours?error=access_denied")
    assert refused.headers["location"].endswith("/api/auth/signin?error=OAuthCallbackError")
    form = read_forms((await client.get(refused.headers["location"])).text)[START]
    led = await client.post(form.action, data=form.fields, headers={"Origin": containers.url})
    back = await client.get(await prove_there(led.headers["location"], "ada", there))
    assert "error" not in back.headers["location"]
    session = await get_session(client)
    assert isinstance(session, dict)
    assert session["user"]["email"] == "ada@example.com"


def test_the_way_out_is_its_alone(containers: Containers) -> None:
    """The network that leads out is the auth service's alone, and the folder of providers is not for writing."""
    networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
    found = {service: containers.format(service, networks).split() for service in SERVICES}
    assert [service for service in SERVICES if f"{PROJECT}_providers" in found[service]] == ["auth_service"]
    with pytest.raises(CommandFailed, match="Read-only file system"):
        containers.execute("auth_service", "touch", "/etc/gatepost/providers/x")
