"""A token with any fault is refused, at the posts service directly and through the gateway, and never breaks either."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.support.forged_tokens import list_faulty_tokens, make_claims, read_claims
from tests.support.people import Person
from tests.support.running_stack import StackUrls

FAULTS = sorted(list_faulty_tokens(make_claims()))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_faulty_token_is_refused_everywhere(stack: StackUrls, ada: Person, fault: str) -> None:
    """A token with this fault, bare and after Bearer, gets 401 and the common body, whoever is asked."""
    token = list_faulty_tokens(read_claims(ada.token))[fault]
    for base_url in (stack.posts, stack.gateway):
        for credential in (token, f"Bearer {token}"):
            status, body = await get_posts(base_url, stack.gateway, ada, credential)
            assert (status, body) == (401, b'{"error":"No Authorization"}')


async def test_the_token_without_a_fault_is_accepted(stack: StackUrls, ada: Person) -> None:
    """The same requests with the token as it was issued are answered, so the refusals are of the faults."""
    for base_url in (stack.posts, stack.gateway):
        assert await get_posts(base_url, stack.gateway, ada, f"Bearer {ada.token}") == (200, b"[]")


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
