"""The gateway with keys that the auth service publishes: it never lets in whom it can't judge, nor turns them away."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.forged_tokens import forge, make_claims
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.key_publisher import KeyPublisher, running_key_publisher
from tests.support.raw_upstream import RawUpstream, Received
from tests.support.signers import Signer, make_ec_key, pair_up
from tests.support.waiting import wait_until

ONE, TWO, STRANGER = (pair_up(make_ec_key(number)) for number in (1, 2, 3))


@pytest.fixture
async def publisher() -> AsyncIterator[KeyPublisher]:
    """Give an auth service that publishes one key, and nothing else."""
    async with running_key_publisher(ONE) as publisher:
        yield publisher


@pytest.fixture
async def following(rules: Path, publisher: KeyPublisher) -> AsyncIterator[RunningGateway]:
    """Give a gateway without a shared secret."""
    async with running_gateway(rules, by=ONE, auth_service_url=publisher.url) as gateway:
        yield gateway


async def be_away(request: Received) -> None:
    """Answer as one who is not there yet."""
    await request.answer(status="503 Service Unavailable")


def sign_by(signer: Signer, gateway: RunningGateway) -> str:
    """Return a token of a signer, good but for its key."""
    return forge(make_claims() | {"iss": gateway.url}, by=signer)


async def ask(gateway: RunningGateway, path: str, token: str, *, as_cookie: bool = False) -> httpx2.Response:
    """Return the answer to a request with a token, in a header or in a session cookie."""
    headers = {"cookie": gateway.seal_session(token)} if as_cookie else {"authorization": f"Bearer {token}"}
    async with gateway.client() as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("as_cookie", [False, True])
async def test_a_token_of_a_published_key_passes(following: RunningGateway, *, as_cookie: bool) -> None:
    """A token is verified by the published key; no request waits for the auth service, or asks it."""
    assert (await ask(following, "/userposts", sign_by(ONE, following), as_cookie=as_cookie)).status_code == 200


@pytest.mark.parametrize("as_cookie", [False, True])
async def test_the_first_token_of_a_new_key_passes(
    following: RunningGateway, publisher: KeyPublisher, posts: RawUpstream, *, as_cookie: bool
) -> None:
    """A token of a key that was published a moment ago passes at once, with what its rule wants to know."""
    publisher.signers = [TWO, ONE]
    token = sign_by(TWO, following)
    assert (await ask(following, "/userposts", token, as_cookie=as_cookie)).status_code == 200
    assert posts.received[-1].values("authorization") == [f"Bearer {token}"]
    assert (await ask(following, "/userposts", sign_by(ONE, following), as_cookie=as_cookie)).status_code == 200
    assert len(publisher.asked) == 2


async def test_a_renewed_session_may_come_with_a_new_key(
    following: RunningGateway, publisher: KeyPublisher, posts: RawUpstream
) -> None:
    """Where a session's token has expired, the fresh one may be the first that a new key has signed."""
    publisher.signers = [TWO, ONE]
    claims = make_claims() | {"iss": following.url}
    expired = forge(claims | {"iat": int(str(claims["iat"])) - 60, "exp": int(str(claims["iat"])) - 1}, by=ONE)
    fresh = forge(claims, by=TWO)
    publisher.session = json.dumps({"accessToken": fresh, "setCookie": []}).encode()
    session = following.credentials.sealer.seal(
        {"sub": "1", "sid": str(claims["sid"]), "accessToken": expired}, int(str(claims["iat"]))
    )
    async with following.client() as client:
        cookie = f"{following.credentials.cookie_names.session}={session}"
        answer = await client.get("/userposts", headers={"cookie": cookie})
    assert answer.status_code == 200
    assert posts.received[-1].values("authorization") == [f"Bearer {fresh}"]
    assert len(publisher.asked) == 2


async def test_forward_auth_waits_for_a_new_key_too(
    rules: Path, publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in front is told what the gateway itself would do: a yes with a new key, a no with a stranger's."""
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1")
    async with running_gateway(rules, by=ONE, auth_service_url=publisher.url) as gateway, gateway.client() as client:
        said = {"X-Forwarded-Uri": "/api/user/1", "X-Forwarded-Method": "GET", "X-Forwarded-Host": gateway.host}

        async def ask_with(token: str) -> httpx2.Response:
            headers = {**said, "X-Forwarded-Proto": "http", "Authorization": f"Bearer {token}"}
            return await client.get("/_gateway/auth", headers=headers)

        publisher.signers = [TWO, ONE]
        new = await ask_with(sign_by(TWO, gateway))
        assert (new.status_code, new.headers["gatepost-decision"]) == (200, "allow")
        assert (await ask_with(sign_by(STRANGER, gateway))).status_code == 401


async def test_a_retired_key_is_refused_once_it_is_known(following: RunningGateway, publisher: KeyPublisher) -> None:
    """Tokens of a key that is published no longer are refused, those too that were verified before."""
    old = sign_by(ONE, following)
    assert (await ask(following, "/userposts", old)).status_code == 200
    publisher.signers = [TWO]
    assert (await ask(following, "/userposts", sign_by(TWO, following))).status_code == 200
    assert (await ask(following, "/userposts", old)).status_code == 302


async def test_made_up_keys_are_refused(following: RunningGateway, publisher: KeyPublisher) -> None:
    """A stranger's token is refused like any bad one, and any number of them costs one request."""
    for number in range(5, 15):
        token = sign_by(pair_up(make_ec_key(number)), following)
        assert (await ask(following, "/userposts", token)).status_code == 302
        assert (await ask(following, "/api/user/1", token)).status_code == 401
    assert len(publisher.asked) == 2
    assert (await ask(following, "/userposts", sign_by(ONE, following))).status_code == 200


async def test_without_any_key_nobody_is_judged(rules: Path, publisher: KeyPublisher, posts: RawUpstream) -> None:
    """Until it has read a key the gateway is not ready: requests with a token get 503, all others go on as ever."""
    publisher.script = be_away
    async with running_gateway(rules, by=ONE, auth_service_url=publisher.url) as gateway, gateway.client() as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["lacks"]) == (503, {"keys": "no key yet"})
        token = sign_by(ONE, gateway)
        for path in ("/userposts", "/api/user/1", "/public/1"):
            for as_cookie in (False, True):
                answer = await ask(gateway, path, token, as_cookie=as_cookie)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert posts.received == []
        assert (await client.get("/userposts", headers={"authorization": "Bearer x"})).status_code == 302
        assert (await client.get("/public/1")).status_code == 200
        publisher.script = None
        await wait_until(lambda: client.get("/readyz"), lambda ready: ready.status_code == 200)
        assert (await ask(gateway, "/userposts", token)).status_code == 200


async def test_while_the_auth_service_is_away(following: RunningGateway, publisher: KeyPublisher) -> None:
    """Known keys count; a token of an unknown one is not refused but told to come again, where it matters."""
    publisher.script = be_away
    unknown = sign_by(TWO, following)
    assert (await ask(following, "/userposts", unknown)).status_code == 503
    assert (await ask(following, "/api/user/1", unknown)).status_code == 503
    assert (await ask(following, "/public/1", unknown)).status_code == 200
    assert (await ask(following, "/userposts", sign_by(ONE, following))).status_code == 200
    async with following.client() as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, list(ready.json()["remarks"])) == (200, ["revocations", "published keys"])
