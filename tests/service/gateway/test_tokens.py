"""At the gateway: what an access token opens, and that forged ones open nothing, whatever signs them."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.forged_tokens import forge, list_faulty_tokens, make_claims
from tests.support.gateway_in_process import SESSION_ID, RunningGateway, json_of, running_gateway, status_of
from tests.support.raw_upstream import RawUpstream
from tests.support.signers import ALGORITHMS, Signer, share, signer_of

DEMANDS = """
[[rule]]
matcher = ["/admin"]
access = "protected"
upstream = "posts"
role = "admin"

[[rule]]
matcher = ["/recent"]
access = "protected"
upstream = "posts"
max_auth_age = 300
"""


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Give the algorithm that signs the tokens."""
    return str(request.param)


@pytest.fixture
async def gateway(rules: Path, algorithm: str) -> AsyncIterator[RunningGateway]:
    """Give a gateway that takes tokens so signed, with rules that ask for a role and a recent sign-in."""
    with rules.open("a") as file:
        file.write(DEMANDS)
    async with running_gateway(rules, by=signer_of(algorithm)) as running:
        yield running


@pytest.fixture
def signer(gateway: RunningGateway, algorithm: str) -> Signer:
    """Give what signs its tokens: its shared secret, or a key pair of which it knows the public half."""
    secret = gateway.settings.shared_key
    return signer_of(algorithm) if secret is None else share(secret)


def claim(gateway: RunningGateway, **others: object) -> dict[str, object]:
    """Return the claims of a valid token."""
    return {**make_claims(user_id=7, session_id=SESSION_ID), "iss": gateway.url, **others}


async def ask(client: httpx2.AsyncClient, gateway: RunningGateway, path: str, token: str) -> httpx2.Response:
    """Return the answer to a request with that token, which is the same with a cookie that holds it."""
    answer = await client.get(path, headers={"authorization": f"Bearer {token}"})
    by_cookie = await client.get(path, headers={"cookie": gateway.seal_session(token)})
    assert by_cookie.status_code == answer.status_code
    return answer


async def test_forged_tokens_open_nothing(
    gateway: RunningGateway, client: httpx2.AsyncClient, posts: RawUpstream, signer: Signer
) -> None:
    """A token with any one fault gets 401, bare and after Bearer, and nothing of the request arrives behind."""
    claims = claim(gateway)
    assert (await ask(client, gateway, "/api/user/7", forge(claims, by=signer))).status_code == 200
    arrived = len(posts.received)
    for fault, token in list_faulty_tokens(claims, signer).items():
        for credential in (token, f"Bearer {token}"):
            answer = await gateway.send_head(f"GET /api/user/7 HTTP/1.1\r\nAuthorization: {credential}")
            assert (status_of(answer), json_of(answer)) == (401, {"error": "No Authorization"}), fault
    assert len(posts.received) == arrived


async def test_a_rule_that_asks_for_a_role(gateway: RunningGateway, client: httpx2.AsyncClient, signer: Signer) -> None:
    """A token opens what asks for a role if it names that one."""
    for roles, status in ((["admin"], 200), (["writer", "admin"], 200), (["writer"], 403), (None, 403)):
        given = {} if roles is None else {"roles": roles}
        token = forge(claim(gateway, **given), by=signer)
        assert (await ask(client, gateway, "/admin", token)).status_code == status, roles


async def test_a_rule_that_asks_for_a_recent_sign_in(
    gateway: RunningGateway, client: httpx2.AsyncClient, signer: Signer
) -> None:
    """A token opens what asks for a recent sign-in if it says that there was one, however new it is itself."""
    now = int(time.time())
    for auth_time, status in ((now - 60, 200), (now - 400, 401), (now + 400, 401), (None, 401)):
        given = {} if auth_time is None else {"auth_time": auth_time}
        answer = await ask(client, gateway, "/recent", forge(claim(gateway, **given), by=signer))
        assert answer.status_code == status, auth_time
        if status == 401:
            assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
            assert 'max_age="300"' in answer.headers["www-authenticate"]
