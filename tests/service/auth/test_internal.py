"""The auth service's endpoints for other services."""

import time

import httpx2
import pytest
from structlog.testing import capture_logs

from shared.auth_events import contract
from shared.settings import SAMPLE_SECRETS
from tests.support.log_lines import lines_of
from tests.support.people import Person
from tests.support.service_callers import tokens_of

FEEDS = (contract.USER_CHANGES_PATH, contract.REVOCATIONS_PATH)


def service_token(
    callee: str = "auth_service", secret: str = SAMPLE_SECRETS["SERVICE_SECRET"], caller: str = "posts_service"
) -> dict[str, str]:
    """Return the header with which a service calls, the posts service unless another is named."""
    token = tokens_of(secret).sign(caller=caller, callee=callee, now=int(time.time()))
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


@pytest.mark.parametrize(
    ("caller", "path", "status"),
    [
        ("gateway", contract.REVOCATIONS_PATH, 200),
        ("gateway", contract.SESSION_PATH, 200),
        ("gateway", contract.USER_CHANGES_PATH, 403),
        ("posts_service", contract.REVOCATIONS_PATH, 200),
        ("posts_service", contract.USER_CHANGES_PATH, 200),
        ("posts_service", contract.SESSION_PATH, 403),
    ],
)
async def test_each_path_is_for_some_callers(client: httpx2.AsyncClient, caller: str, path: str, status: int) -> None:
    """A service gets what it needs: the gateway no users, the posts service no sessions, both which ones ended."""
    headers = service_token(caller=caller)
    if path == contract.SESSION_PATH:
        answer = await client.post(path, json={"session": "", "pieces": []}, headers=headers)
    else:
        answer = await client.get(path, headers=headers)
    assert answer.status_code == status


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
