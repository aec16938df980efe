"""The auth service's endpoints for other services."""

import time

import httpx2
import pytest
from structlog.testing import capture_logs

from shared.settings import SAMPLE_SECRETS
from shared.tokens.signed import KeyRing, ServiceTokens
from tests.support.log_lines import lines_of
from tests.support.people import Person

FEEDS = ("/internal/users/changes", "/internal/revocations")


def service_token(callee: str = "auth_service", secret: str = SAMPLE_SECRETS["SERVICE_SECRET"]) -> dict[str, str]:
    """Return the header with which the posts service calls."""
    token = ServiceTokens(KeyRing(secret)).sign(caller="posts_service", callee=callee, now=int(time.time()))
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "headers",
    [{}, service_token("posts_service"), service_token(secret=SAMPLE_SECRETS["SECRET_KEY"]), {"authorization": "x"}],
)
@pytest.mark.parametrize("path", FEEDS)
async def test_needs_a_service_token_for_this_service(
    client: httpx2.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    """Without a token, with one for another service, or with one signed by another key: 401."""
    assert (await client.get(path, headers=headers)).status_code == 401


@pytest.mark.parametrize("path", FEEDS)
async def test_polls_are_told_at_debug_only(client: httpx2.AsyncClient, path: str) -> None:
    """A service that polls a feed leaves no log line above DEBUG; one that is refused does."""
    with capture_logs() as logs:
        assert (await client.get(path, headers=service_token())).status_code == 200
        assert (await client.get(path)).status_code == 401
    told = [(line["log_level"], line["status"]) for line in lines_of(logs, "request_finished")]
    assert told == [("debug", 200), ("info", 401)]


@pytest.mark.parametrize("path", FEEDS)
async def test_a_user_is_no_service(client: httpx2.AsyncClient, path: str, ada: Person) -> None:
    """An access token is refused where a service token is expected."""
    assert (await client.get(path, headers=ada.bearer)).status_code == 401
