"""Following revocations over HTTP: they take effect, a feed that is cut is resumed, and all of it is visible."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from shared.auth_events import follower as follower_module
from shared.auth_events import revocation_follower
from shared.auth_events.follower import Follower, get_pause
from shared.auth_events.revocation_follower import create_revocation_follower
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from shared.tokens.claims import Claims
from shared.web.service_calls import ServiceClient
from tests.support.fake_auth_service import FakeAuthService, answer_with, break_off, running_auth_service
from tests.support.log_lines import Line, lines_of
from tests.support.service_callers import tokens_of
from tests.support.waiting import eventually

SECRET = SAMPLE_SECRETS["SERVICE_SECRET"]
A, B, C = (str(uuid.UUID(int=number)) for number in (1, 2, 3))


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuthService]:
    """Give an auth service where no session has ended."""
    async with running_auth_service(SECRET) as fake:
        yield fake


@pytest.fixture
def revocations() -> Revocations:
    """Give the set that the feed fills."""
    return Revocations()


@pytest.fixture
def metrics() -> Metrics:
    """Give the metrics in which the feed appears."""
    return Metrics()


@pytest.fixture
async def feed(
    auth: FakeAuthService, revocations: Revocations, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Follower]:
    """Give a follower of the feed of revocations that retries quickly."""
    monkeypatch.setattr(follower_module, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(follower_module, "SHORTEST_ROUND", 0.01)
    client = ServiceClient(auth.url, caller="gateway", callee="auth_service", tokens=tokens_of(SECRET))
    feed = create_revocation_follower(client, revocations, metrics)
    feed.start()
    yield feed
    await feed.stop()
    await client.close()


def make_token_claims(issued_at: int) -> Claims:
    """Return the claims of a token issued at a time, for a session that nobody ended."""
    return Claims(1, "Ada", "ada@example.com", C, "t", issued_at, issued_at + 3600)


def figure(metrics: Metrics, name: str) -> float:
    """Return a figure of the metrics."""
    lines = [line for line in generate_latest(metrics.registry).decode().splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2])


async def test_what_is_told_is_known(
    auth: FakeAuthService, revocations: Revocations, metrics: Metrics, feed: Follower
) -> None:
    """Sessions that ended before the start are soon known, and so are those that end later; each is sent once."""
    auth.revoke(A)
    await eventually(lambda: revocations.is_revoked(A))
    auth.revoke(B)
    await eventually(lambda: revocations.is_revoked(B))
    assert not revocations.is_revoked(C)
    assert figure(metrics, "gatepost_revocations_known") == 2
    assert feed.find_remark() is None
    await eventually(lambda: auth.list_places("revocations")[-1] == 2)


async def test_many_pages_are_read(auth: FakeAuthService, revocations: Revocations, feed: Follower) -> None:
    """More than a page of revocations is read page by page."""
    del feed
    ended = [str(uuid.uuid4()) for _ in range(1203)]
    for session_id in ended:
        auth.revoke(session_id)
    await eventually(lambda: len(revocations) == len(ended))
    assert all(revocations.is_revoked(session_id) for session_id in ended)


async def test_the_set_is_bounded(
    auth: FakeAuthService, revocations: Revocations, feed: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose tokens have all expired is soon dropped."""
    del feed
    monkeypatch.setattr(revocation_follower, "PRUNE_EVERY", 0)
    auth.revoke(A, until=int(time.time()) - 1)
    auth.revoke(B)
    await eventually(lambda: revocations.is_revoked(B))
    await eventually(lambda: len(revocations) == 1)


NONSENSE = {
    "closes the connection": break_off,
    "answers 503": lambda: answer_with({"error": "no"}, "HTTP/1.1 503 Service Unavailable"),
    "answers no object": lambda: answer_with([]),
    "says no place": lambda: answer_with({"revocations": []}),
    "says a place that is no number": lambda: answer_with({"revocations": [], "last": "9"}),
    "has no revocations": lambda: answer_with({"last": 9}),
    "says an epoch that is none": lambda: answer_with({"revocations": [], "last": 1, "epoch": "today"}),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_a_feed_that_is_cut_is_taken_up_again(
    auth: FakeAuthService, revocations: Revocations, metrics: Metrics, feed: Follower, nonsense: str
) -> None:
    """While the feed is cut, known revocations apply and the cut is visible; then it continues, visibly too."""
    auth.revoke(A)
    await eventually(lambda: revocations.is_revoked(A))
    auth.cut = NONSENSE[nonsense]
    await eventually(lambda: feed.find_remark() is not None)
    auth.revoke(B)
    asked = len(auth.list_places("revocations"))
    await eventually(lambda: len(auth.list_places("revocations")) > asked + 2)
    assert (revocations.is_revoked(A), revocations.is_revoked(B)) == (True, False)
    assert re.fullmatch(r"cut: last heard of \d s ago", feed.find_remark() or "")
    before = figure(metrics, 'gatepost_feed_lag_seconds{feed="revocations"}')
    await asyncio.sleep(0.05)
    assert figure(metrics, 'gatepost_feed_lag_seconds{feed="revocations"}') >= before + 0.05
    auth.cut = None
    await eventually(lambda: revocations.is_revoked(B))
    await eventually(lambda: feed.find_remark() is None)
    assert 0 not in auth.list_places("revocations")[asked:]


def levels_of(logs: Sequence[Line]) -> list[tuple[str, str]]:
    """Return what is logged about the feed and its calls above DEBUG."""
    told = [(line["log_level"], line["event"]) for line in lines_of(logs, "feed", "service_call")]
    return [line for line in told if line[0] != "debug"]


@pytest.mark.parametrize(
    ("seconds", "told"), [(60.0, []), (0.0, [("warning", "feed_cut"), ("info", "feed_resumed")])], ids=["soon", "later"]
)
async def test_an_auth_service_that_starts_too(
    auth: FakeAuthService,
    feed: Follower,
    revocations: Revocations,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    told: list[tuple[str, str]],
) -> None:
    """While the service starts, an absent auth service is no news; later one warning reports it.

    When it is back, one line says so if the warning was logged.
    """
    await feed.stop()
    monkeypatch.setattr(follower_module, "QUIET_START", seconds)
    auth.cut = break_off
    with capture_logs() as logs:
        feed.start()
        asked = len(auth.list_places("revocations"))
        await eventually(lambda: len(auth.list_places("revocations")) > asked + 3)
        auth.cut = None
        auth.revoke(A)
        await eventually(lambda: revocations.is_revoked(A))
        await eventually(lambda: feed.find_remark() is None)
    assert levels_of(logs) == told


async def test_a_cut_is_told_once(auth: FakeAuthService, feed: Follower, revocations: Revocations) -> None:
    """Once the auth service has responded, a cut is one immediate warning, with the reason, and its end one line."""
    auth.revoke(A)
    await eventually(lambda: revocations.is_revoked(A))
    with capture_logs() as logs:
        auth.cut = NONSENSE["answers 503"]
        await eventually(lambda: feed.find_remark() is not None)
        asked = len(auth.list_places("revocations"))
        await eventually(lambda: len(auth.list_places("revocations")) > asked + 3)
        auth.cut = None
        await eventually(lambda: feed.find_remark() is None)
    assert levels_of(logs) == [("warning", "feed_cut"), ("info", "feed_resumed")]
    (cut,) = lines_of(logs, "feed_cut")
    assert (cut["feed"], cut["error"], cut["status"]) == ("revocations", "BadStatus", 503)


async def test_an_entry_that_makes_no_sense_is_passed_over(
    auth: FakeAuthService,
    revocations: Revocations,
    metrics: Metrics,
    feed: Follower,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unreadable entry does not affect the rest of its page, and is logged: its number and members, no values."""
    for sid in ("secret-value", A.replace("-", "")):
        auth.revocations.append({"id": len(auth.revocations) + 1, "sid": sid, "until": int(time.time()) + 60})
    auth.revoke(B)
    await eventually(lambda: revocations.is_revoked(B))
    await eventually(lambda: feed.find_remark() is None)
    assert len(revocations) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if "feed_entry_skipped" in line]
    assert len(told) == 2
    assert figure(metrics, 'gatepost_feed_entries_skipped_total{feed="revocations"}') == 2
    assert all(part in told[0] for part in ("entry=1", "feed=revocations", "'sid': 'string_pattern_mismatch'"))
    assert "secret-value" not in "".join(told)


async def test_a_new_epoch_is_taken_at_its_word(
    auth: FakeAuthService, revocations: Revocations, feed: Follower
) -> None:
    """In a new epoch the feed is read from its beginning, and earlier tokens are refused."""
    del feed
    first, second = (str(uuid.UUID(int=number)) for number in (11, 12))
    auth.epoch = first
    auth.revoke(A)
    await eventually(lambda: revocations.is_revoked(A))
    await eventually(lambda: auth.asked_of["revocations"][-1].get("epoch") == first)
    claims = make_token_claims(issued_at=1000)
    assert not revocations.has_ended(claims)
    auth.epoch, auth.since = second, 1001
    auth.revocations[:] = []
    await eventually(lambda: auth.asked_of["revocations"][-1].get("epoch") == second)
    assert revocations.has_ended(claims)
    assert not revocations.has_ended(make_token_claims(issued_at=1001))
    assert revocations.is_revoked(A)


async def test_a_feed_that_went_back_is_read_anew(
    auth: FakeAuthService, revocations: Revocations, feed: Follower
) -> None:
    """When the other's database was restored, the feed is read from its beginning, and what is known stays known."""
    del feed
    auth.revoke(A)
    auth.revoke(B)
    await eventually(lambda: len(revocations) == 2)
    await eventually(lambda: auth.list_places("revocations")[-1] == 2)
    auth.revocations[:] = []
    auth.revoke(C)
    await eventually(lambda: revocations.is_revoked(C))
    assert (revocations.is_revoked(A), revocations.is_revoked(B)) == (True, True)


async def test_silence_shows(feed: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that has not responded for a while counts as late, even if no call has failed."""
    assert feed.find_remark() is None
    monkeypatch.setattr(follower_module, "SILENCE", 0.0)
    assert (feed.find_remark() or "").startswith("late: last heard of")


async def test_an_empty_feed_is_not_asked_without_end(auth: FakeAuthService, feed: Follower) -> None:
    """An auth service that returns empty pages at once is not called as fast as it can answer."""
    del feed
    auth.cut = lambda: answer_with({"revocations": [], "last": 0})
    before = len(auth.list_places("revocations"))
    await asyncio.sleep(0.5)
    assert len(auth.list_places("revocations")) - before <= 60


def test_pauses_grow_and_differ() -> None:
    """The pause after a failure grows to two seconds and no further, and replicas don't call in step."""
    assert all(0.05 <= get_pause(1) <= 0.1 for _ in range(100))
    assert all(1.0 <= get_pause(failures) <= 2.0 for failures in (6, 7, 100, 10_000))
    assert len({get_pause(9) for _ in range(100)}) > 50
