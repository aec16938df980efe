"""The running stack with a key pair: the auth service alone can sign, and keys rotate while people use it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import httpx2
import pytest
from jose import jwt

from tests.support.next_auth import sign_in
from tests.support.people import PASSWORD, Person
from tests.support.rotating_keys import write_keys
from tests.support.running_stack import StackUrls, started_stack
from tests.support.signers import Signer, make_ec_key, make_rsa_key, pair_up
from tests.support.waiting import wait_until

KEYS, ISSUER = "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"
ONE, TWO = pair_up(make_ec_key(1)), pair_up(make_rsa_key())
AT_ONCE = 4
PATIENCE = 180  # seconds


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file with the key pair."""
    return write_keys(Path(tmp_path_factory.mktemp("keys")) / "token-keys.pem", ONE.pem)


@pytest.fixture(scope="module")
def stack(key_file: Path) -> Iterator[StackUrls]:
    """Give the URLs of a stack in which no service has a secret for access tokens."""
    with started_stack({"TOKEN_KEY_FILE": str(key_file)}) as urls:
        yield urls


async def test_what_verifies_is_published(client: httpx2.AsyncClient, stack: StackUrls, ada: Person) -> None:
    """Through the gateway anybody gets the keys, may keep them, and verifies a token by them with a library alone."""
    metadata = (await client.get(ISSUER)).json()
    assert (metadata["issuer"], metadata["jwks_uri"]) == (stack.gateway, stack.gateway + KEYS)
    answer = await client.get(KEYS)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert (await client.get(KEYS, headers={"if-none-match": answer.headers["etag"]})).status_code == 304
    assert (await client.head(KEYS)).status_code == 200
    assert (await client.post(KEYS)).status_code == 405
    claims = jwt.decode(ada.token, answer.json(), ["ES256"], audience="gatepost", issuer=stack.gateway)
    assert (claims["sub"], claims["client_id"]) == (str(ada.id), "gatepost")


async def test_everything_goes_on_as_with_a_secret(client: httpx2.AsyncClient, ada: Person) -> None:
    """With a token and with a session cookie people do what they do."""
    written = await client.post("/api/posts", json={"title": "By a key pair"}, headers=ada.bearer)
    assert written.status_code == 201
    await sign_in(client, ada.email)
    assert "By a key pair" in (await client.get("/userposts", headers={"accept": "text/html"})).text


async def test_keys_rotate_while_people_use_them(
    client: httpx2.AsyncClient, stack: StackUrls, ada: Person, key_file: Path
) -> None:
    """Announced, signing, retired: with requests all the time, each with the newest token, not one is refused."""
    statuses: list[int] = []
    steps = (([ONE.pem, TWO.public_pem], [ONE, TWO]), ([TWO.pem, ONE.public_pem], [TWO, ONE]), ([TWO.pem], [TWO]))
    async with using(client, stack, ada, statuses):
        for keys, published in steps:
            write_keys(key_file, *keys)
            await wait_until_published(client, published)
            await wait_for_more(statuses, 10 * AT_ONCE)
    assert set(statuses) == {200}
    # The issuer forgets a key at once, the others when they read the next time: by then its tokens have expired.
    assert (await client.get(f"{stack.auth}/api/me", headers=ada.bearer)).status_code == 401


async def wait_until_published(client: httpx2.AsyncClient, signers: Sequence[Signer]) -> None:
    """Wait until these keys are published, in this order."""

    async def list_published() -> list[str]:
        return [key["kid"] for key in (await client.get(KEYS)).json()["keys"]]

    await wait_until(list_published, lambda published: published == [signer.kid for signer in signers], PATIENCE)


async def wait_for_more(statuses: list[int], number: int) -> None:
    """Wait until so many more answers have come."""
    wanted = len(statuses) + number

    async def count() -> int:
        return len(statuses)

    await wait_until(count, lambda found: found >= wanted, PATIENCE)


@contextlib.asynccontextmanager
async def using(
    client: httpx2.AsyncClient, stack: StackUrls, person: Person, statuses: list[int]
) -> AsyncIterator[None]:
    """Let somebody sign in and read meanwhile, several times at once, at the gateway and at the posts service."""
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            answer = await client.post("/api/login", json={"username": person.email, "password": PASSWORD})
            statuses.append(answer.status_code)
            headers = {"authorization": f"Bearer {answer.json()['accessToken']}"}
            for url in (stack.gateway, stack.posts):
                answer = await client.get(f"{url}/api/user/{person.id}", headers=headers)
                statuses.append(answer.status_code)

    workers = [asyncio.create_task(work()) for _ in range(AT_ONCE)]
    try:
        yield
    finally:
        is_over.set()
        await asyncio.gather(*workers)
