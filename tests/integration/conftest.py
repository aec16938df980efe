"""What the integration tests share: the running stack, clients, and people who signed up."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.running_stack import StackUrls, running_stack

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed up and signed in."""

    id: int
    name: str
    email: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        """The header that proves who this is."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackUrls]:
    """Give the URLs of a running stack."""
    with running_stack(tmp_path_factory.mktemp("stack")) as urls:
        yield urls


@pytest.fixture
async def client(stack: StackUrls) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the gateway that follows no redirect and keeps its cookies."""
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=10) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has just signed up."""
    return await sign_up_and_in(client, "Ada Lovelace")


@pytest.fixture
async def grace(client: httpx2.AsyncClient) -> Person:
    """Give somebody else."""
    return await sign_up_and_in(client, "Grace Hopper")


async def sign_up_and_in(client: httpx2.AsyncClient, name: str) -> Person:
    """Sign up under an address that nobody has, sign in, and return the person."""
    email = f"{name.split()[0].lower()}.{next(_numbers)}.{id(client)}@example.com"
    created = await client.post("/api/user", json={"name": name, "email": email, "password": PASSWORD})
    assert created.status_code == 201, created.text
    signed_in = await client.post("/api/login", json={"username": email, "password": PASSWORD})
    assert signed_in.status_code == 200, signed_in.text
    found = signed_in.json()
    return Person(found["id"], name, email, found["accessToken"])
