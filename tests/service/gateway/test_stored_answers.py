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
