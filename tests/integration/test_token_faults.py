"""A token with any fault is refused, at the posts service directly and through the gateway, and never breaks either.

Whether a shared secret signs tokens or a key pair: then no service holds a secret that could sign one.
"""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.forged_tokens import forge, list_faulty_tokens, read_claims
from tests.support.people import Person
from tests.support.running_stack import StackUrls, started_stack
from tests.support.services import signing_environment
from tests.support.signers import Signer, signer_of


@pytest.fixture(scope="module", params=["HS256", "ES256"])
def signer(request: pytest.FixtureRequest) -> Signer:
    """Give what signs the stack's tokens."""
    return signer_of(request.param)


@pytest.fixture(scope="module")
def stack(signer: Signer) -> Iterator[StackUrls]:
    """Give a stack whose tokens it signs."""
    with started_stack(signing_environment(signer)) as urls:
        yield urls


async def test_a_faulty_token_is_refused_everywhere(
    stack: StackUrls, ada: Person, signer: Signer, subtests: pytest.Subtests
) -> None:
    """A token with any one fault, bare and after Bearer, gets 401 and the common body, whoever is asked."""
    for fault, token in list_faulty_tokens(read_claims(ada.token), signer).items():
        with subtests.test(fault):
            for base_url in (stack.posts, stack.gateway):
                for credential in (token, f"Bearer {token}"):
                    status, body = await get_posts(base_url, stack.gateway, ada, credential)
                    assert (status, body) == (401, b'{"error":"No Authorization"}')


async def test_the_token_without_a_fault_is_accepted(stack: StackUrls, ada: Person, signer: Signer) -> None:
    """The same requests with the token as it was issued, or made by hand, are answered: the refusals are of faults."""
    for base_url in (stack.posts, stack.gateway):
        for token in (ada.token, forge(read_claims(ada.token), by=signer)):
            assert await get_posts(base_url, stack.gateway, ada, f"Bearer {token}") == (200, b"[]")


async def get_posts(base_url: str, public_url: str, person: Person, credential: str) -> tuple[int, bytes]:
    """Ask for the person's posts with exactly this Authorization header; return status and body."""
    parts = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET /api/user/{person.id} HTTP/1.1\r\nHost: {urlsplit(public_url).netloc}\r\n".encode())
    writer.write(b"Connection: close\r\nAuthorization: " + credential.encode() + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), body
