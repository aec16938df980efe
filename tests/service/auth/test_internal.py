"""What other services ask of the auth service."""

import time

import httpx2
import pytest
from structlog.testing import capture_logs

from shared.settings import SAMPLE_SECRETS
from shared.tokens.signed import KeyRing, ServiceTokens
from tests.support.log_lines import lines_of
from tests.support.people import Person, sign_up_and_in


def service_token(callee: str = "auth_service", secret: str = SAMPLE_SECRETS["SERVICE_SECRET"]) -> dict[str, str]:
    """Return the header by which the posts service calls."""
    token = ServiceTokens(KeyRing(secret)).sign(caller="posts_service", callee=callee, now=int(time.time()))
    return {"authorization": f"Bearer {token}"}


async def test_answers_the_users_that_exist(client: httpx2.AsyncClient, ada: Person) -> None:
    """Users are answered as id, name and e-mail, in order, and unknown ids are left out."""
    grace = await sign_up_and_in(client, "Grace")
    path = f"/internal/users?ids={grace.id},{ada.id},999,{ada.id}"
    answer = await client.get(path, headers=service_token())
    assert answer.status_code == 200
    assert answer.json() == [{"id": p.id, "name": p.name, "email": p.email} for p in (ada, grace)]


@pytest.mark.parametrize(
    "headers",
    [{}, service_token("posts_service"), service_token(secret=SAMPLE_SECRETS["SECRET_KEY"]), {"authorization": "x"}],
)
async def test_needs_a_service_token_for_this_service(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    """Without a token, with one for another service, or with one signed by another key: 401."""
    assert (await client.get("/internal/users?ids=1", headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["/internal/users/changes", "/internal/revocations"])
async def test_polls_are_told_at_debug_only(client: httpx2.AsyncClient, path: str) -> None:
    """A service that polls a feed leaves no line above DEBUG, and one that is refused does."""
    with capture_logs() as logs:
        assert (await client.get(path, headers=service_token())).status_code == 200
        assert (await client.get(path)).status_code == 401
    told = [(line["log_level"], line["status"]) for line in lines_of(logs, "request_finished")]
    assert told == [("debug", 200), ("info", 401)]


async def test_a_user_is_no_service(client: httpx2.AsyncClient, ada: Person) -> None:
    """An access token is refused where a service token is expected."""
    assert (await client.get("/internal/users?ids=1", headers=ada.bearer)).status_code == 401


@pytest.mark.parametrize(
    "ids",
    ["", "0", "-1", "1,", "1,,2", "a", "1;2", "\uff11", "9" * 19, "9" * 30, ",".join(map(str, range(1, 102)))],
)
async def test_takes_one_to_a_hundred_ids(client: httpx2.AsyncClient, ids: str) -> None:
    """What is not a list of 1 to 100 ids is 422."""
    answer = await client.get("/internal/users", params={"ids": ids}, headers=service_token())
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"ids"}


async def test_takes_a_hundred_ids(client: httpx2.AsyncClient) -> None:
    """A hundred ids are not too many."""
    ids = ",".join(str(2**63 - n) for n in range(1, 101))
    assert (await client.get("/internal/users", params={"ids": ids}, headers=service_token())).json() == []
