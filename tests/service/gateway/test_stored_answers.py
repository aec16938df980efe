"""What caches on the way may store of an upstream's answers (RFC 9111)."""

import pytest

from tests.support.gateway_in_process import RunningGateway
from tests.support.raw_upstream import RawUpstream, Received

PRIVATE, PUBLIC = "/api/user/7", "/public/x"


@pytest.mark.parametrize(
    ("path", "is_signed_in", "said", "arrives"),
    [
        (PRIVATE, True, [], ["no-store"]),
        (PUBLIC, True, [], ["no-store"]),
        (PUBLIC, False, [], []),
        (PRIVATE, True, ["private, max-age=1"], ["private, max-age=1"]),
        (PUBLIC, True, ["max-age=1", "public"], ["max-age=1", "public"]),
        (PUBLIC, False, ["max-age=1"], ["max-age=1"]),
    ],
)
async def test_an_answer_that_depends_on_who_asks_is_not_kept(
    gateway: RunningGateway, posts: RawUpstream, path: str, said: list[str], arrives: list[str], *, is_signed_in: bool
) -> None:
    """A private answer is no-store unless the upstream says otherwise; a public one is left as it is."""

    async def answer(request: Received) -> None:
        await request.answer(b"ok", headers="".join(f"Cache-Control: {value}\r\n" for value in said))

    posts.script = answer
    headers = {"Authorization": f"Bearer {gateway.sign_token()}"} if is_signed_in else {}
    async with gateway.client() as client:
        found = await client.get(path, headers=headers)
    assert (found.status_code, found.headers.get_list("cache-control")) == (200, arrives)


@pytest.mark.parametrize("path", [PRIVATE, PUBLIC])
@pytest.mark.parametrize("validator", ['ETag: "1"', "Last-Modified: Sun, 29 Nov 2026 12:00:00 GMT"])
async def test_a_file_is_kept_by_its_visitor_alone(
    gateway: RunningGateway, posts: RawUpstream, path: str, validator: str
) -> None:
    """What can be checked for changes is kept by the client alone, which asks each time, and hears that it is good."""

    async def answer(request: Received) -> None:
        if request.values("if-none-match"):
            await request.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            await request.answer(b"ok", headers=f"{validator}\r\n")

    posts.script = answer
    headers = {"Authorization": f"Bearer {gateway.sign_token()}"}
    async with gateway.client() as client:
        first = await client.get(path, headers=headers)
        again = await client.get(path, headers=headers | {"If-None-Match": '"1"'})
    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers.get_list("cache-control") == again.headers.get_list("cache-control") == ["private, no-cache"]


async def test_a_file_for_everybody_is_left_as_it_is(gateway: RunningGateway, posts: RawUpstream) -> None:
    """Nothing is added for an anonymous visitor of a public path."""
    posts.script = lambda request: request.answer(b"ok", headers='ETag: "1"\r\n')
    async with gateway.client() as client:
        assert "cache-control" not in (await client.get(PUBLIC)).headers
