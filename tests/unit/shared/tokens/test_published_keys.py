"""Following the published keys: what is fetched and when, what counts meanwhile, and what nobody can bring about."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from shared.tokens import published_keys
from shared.tokens.keys import KeyRing, PublishedKeys
from shared.tokens.published_keys import KeyFollower
from shared.tokens.signed import AccessTokens, TokenRefused
from shared.web.service_calls import ServiceClient
from tests.support.forged_tokens import ISSUER, TTL, forge, make_claims
from tests.support.key_publisher import KeyPublisher, describe_keys, running_key_publisher
from tests.support.raw_upstream import Received, Script
from tests.support.service_callers import tokens_of
from tests.support.signers import SECRET, make_ec_key, pair_up
from tests.support.waiting import eventually

ONE, TWO = (pair_up(make_ec_key(number)) for number in (1, 2))
MADE_UP = [pair_up(make_ec_key(number)).kid for number in range(10, 30)]
Follow = Callable[[PublishedKeys], KeyFollower]


@pytest.fixture
async def publisher() -> AsyncIterator[KeyPublisher]:
    """Give a publisher of one key."""
    async with running_key_publisher(ONE) as publisher:
        yield publisher


@pytest.fixture
async def follow(publisher: KeyPublisher) -> AsyncIterator[Follow]:
    """Give a function that starts to follow the publisher."""
    followers: list[KeyFollower] = []
    client = ServiceClient(publisher.url, caller="gateway", callee="auth_service", tokens=tokens_of("a-secret"))

    def start(keys: PublishedKeys) -> KeyFollower:
        followers.append(follower := KeyFollower(client, keys))
        follower.start()
        return follower

    yield start
    for follower in followers:
        await follower.stop()
    await client.close()


def no_secret() -> PublishedKeys:
    """Return the keys of a service without a shared secret."""
    return PublishedKeys(KeyRing(None))


def answer_by(body: bytes = b"", status: str = "200 OK", headers: str = "") -> Script:
    """Return what answers every request in this way."""

    async def script(request: Received) -> None:
        await request.answer(body, status=status, headers=headers)

    return script


BROKEN = {
    "not there": answer_by(status="404 Not Found"),
    "unavailable": answer_by(status="503 Service Unavailable"),
    "elsewhere": answer_by(status="302 Found", headers="Location: /.well-known/other.json\r\n"),
    "no JSON": answer_by(b"<html>"),
    "no key set": answer_by(b'{"keys": 1}'),
    "an empty key set": answer_by(b'{"keys": []}'),
    "too long": answer_by(b" " * 65_537 + describe_keys([TWO])),
    "another's name": answer_by(describe_keys([TWO]).replace(TWO.kid.encode(), ONE.kid.encode())),
    "a private key": answer_by(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "d": "AA"}]}).encode()),
    "compressed": answer_by(describe_keys([TWO]), headers="Content-Encoding: gzip\r\n"),
}


async def test_reads_the_keys_at_its_start(publisher: KeyPublisher, follow: Follow) -> None:
    """The keys are there after a moment; they were asked for without a token, and without following anybody further."""
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    assert (keys.kids, keys.find_lack(), follower.find_remark()) == ((ONE.kid,), None, None)
    assert [(each.method, each.values("authorization")) for each in publisher.asked] == [("GET", [])]


@pytest.mark.parametrize("fault", BROKEN)
async def test_what_can_not_be_read_changes_nothing(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The last good keys stay whatever is answered; that is told once, and so is its end. Then new keys count."""
    monkeypatch.setattr(published_keys, "EVERY", 0.01)
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    with capture_logs() as logs:
        publisher.script, failed = BROKEN[fault], len(publisher.asked)
        await eventually(lambda: len(publisher.asked) > failed + 3)
        assert keys.kids == (ONE.kid,)
        assert (follower.find_remark() or "").startswith("last read ")
        publisher.script, publisher.signers = None, [TWO]
        await eventually(lambda: keys.kids == (TWO.kid,))
        await eventually(lambda: follower.find_remark() is None)
    told = [entry["event"] for entry in logs if entry["event"].startswith("published_keys")]
    assert told == ["published_keys_not_read", "published_keys_changed", "published_keys_read_again"]


@pytest.mark.parametrize("fault", BROKEN)
async def test_without_any_key_it_lacks_them(publisher: KeyPublisher, follow: Follow, fault: str) -> None:
    """While no key was ever read there is a lack, and no token of an unknown key is certainly no good."""
    publisher.script = BROKEN[fault]
    keys = no_secret()
    follower = follow(keys)
    await eventually(lambda: len(publisher.asked) > 1)
    assert keys.find_lack() == "no key yet"
    keys.find_key(ONE.kid)
    assert not await follower.settle()
    publisher.script = None
    await follower.wait_a_moment()
    assert keys.find_key(ONE.kid) is not None


async def test_a_secret_that_was_forgotten_is_named(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no secret and nothing is published, the log says just that: most likely the secret is missing."""
    monkeypatch.setattr(published_keys, "QUIET_START", 0.0)
    publisher.script = BROKEN["not there"]
    with capture_logs() as logs:
        follow(no_secret())
        await eventually(lambda: len(publisher.asked) > 2)
    (told,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert (told["event"], told["status"]) == ("published_keys_not_read", 404)
    assert told["reason"] == "SECRET_KEY is not set, and the auth service publishes no keys"


async def test_names_that_somebody_makes_up_cost_one_request(publisher: KeyPublisher, follow: Follow) -> None:
    """Any number of unknown keys, at once and after another, costs one request in half a minute, and drops no key."""
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    for _ in range(5):
        for kid in MADE_UP:
            assert keys.find_key(kid) is None
        assert all(await asyncio.gather(*(follower.settle() for _ in MADE_UP)))
    assert (len(publisher.asked), keys.kids) == (2, (ONE.kid,))


async def test_an_unknown_key_that_came_too_soon_is_looked_for_later(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is named within the half minute is read when that is over, though nobody names it again."""
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    monkeypatch.setattr(published_keys, "UNKNOWN_EVERY", 0.3)
    keys.find_key(MADE_UP[0])
    assert await follower.settle()
    publisher.signers = [ONE, TWO]
    assert keys.find_key(TWO.kid) is None
    await eventually(lambda: keys.find_key(TWO.kid) is not None)


async def test_a_token_of_an_unknown_key_is_asked_about_again(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token whose key a reading came back without, as from a replica that is behind, asks anew and soon passes."""
    monkeypatch.setattr(published_keys, "UNKNOWN_EVERY", 0.05)
    keys = no_secret()
    follower, tokens = follow(keys), AccessTokens(keys, ISSUER, TTL)
    await follower.wait_a_moment()
    token = forge(make_claims(now=1_800_000_000), by=TWO)

    def is_good() -> bool:
        try:
            tokens.verify(token, 1_800_000_000)
        except TokenRefused:
            return False
        return True

    assert not is_good()
    assert await follower.settle()
    publisher.signers = [ONE, TWO]
    await eventually(is_good)


async def test_the_first_token_of_a_new_key_waits_for_it(publisher: KeyPublisher, follow: Follow) -> None:
    """Whoever names a new key waits for the one request that brings it, with all others that do."""
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    may_answer = asyncio.Event()

    async def hold(request: Received) -> None:
        await may_answer.wait()
        await request.answer(describe_keys([ONE, TWO]))

    publisher.script = hold
    assert keys.find_key(TWO.kid) is None
    waiting = [asyncio.create_task(follower.settle()) for _ in range(20)]
    await eventually(lambda: len(publisher.asked) == 2)
    assert not any(each.done() for each in waiting)
    may_answer.set()
    await asyncio.gather(*waiting)
    assert keys.find_key(TWO.kid) is not None
    assert len(publisher.asked) == 2


async def test_while_the_publisher_is_away_nothing_is_certain(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the publisher away known keys count, and of an unknown one nobody can tell; afterwards somebody can."""
    monkeypatch.setattr(published_keys, "UNKNOWN_EVERY", 0.05)
    keys = no_secret()
    follower = follow(keys)
    await follower.wait_a_moment()
    publisher.script = BROKEN["unavailable"]
    keys.find_key(TWO.kid)
    assert not await follower.settle()
    assert keys.find_key(ONE.kid) is not None
    publisher.script = None
    await eventually(lambda: follower.find_remark() is None)
    assert await follower.settle()


async def test_beside_a_secret_nothing_need_be_published_yet(publisher: KeyPublisher, follow: Follow) -> None:
    """On the road from a secret to key pairs 404 is no failure; the first keys count as soon as they are named."""
    publisher.signers = []
    keys = PublishedKeys(KeyRing(SECRET))
    follower = follow(keys)
    with capture_logs() as logs:
        await follower.wait_a_moment()
        assert (follower.find_remark(), await follower.settle(), keys.kids) == (None, True, ())
        publisher.signers = [ONE]
        assert keys.find_key(ONE.kid) is None
        assert await follower.settle()
    assert keys.find_key(ONE.kid) is not None
    assert [entry["event"] for entry in logs if entry["log_level"] != "debug"] == ["published_keys_changed"]


async def test_only_what_may_be_a_published_key_is_asked_for(publisher: KeyPublisher, follow: Follow) -> None:
    """The name of a shared secret, and whatever is no thumbprint, leads to no request."""
    keys = PublishedKeys(KeyRing(SECRET))
    follower = follow(keys)
    await follower.wait_a_moment()
    for kid in ("0123abcd", "", "x" * 44, None, 7, "é" * 43):
        assert keys.find_key(kid) is None
        assert await follower.settle()
    assert len(publisher.asked) == 1


async def test_a_fault_of_ours_does_not_end_the_following(
    publisher: KeyPublisher, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong here is logged with its traceback, and following goes on."""

    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    keys = no_secret()
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(published_keys, "read_jwks", fail)
        follower = follow(keys)
        await eventually(lambda: len(publisher.asked) > 1)
    assert "published_keys_not_read" in {entry["event"] for entry in logs if entry["log_level"] == "error"}
    await follower.wait_a_moment()
    assert keys.kids == (ONE.kid,)
