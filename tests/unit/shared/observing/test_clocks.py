"""How far other clocks are off: what counts as certain, and what is said of it."""

import itertools

import pytest
from structlog.testing import capture_logs

from shared.observing.clocks import RIGHT_AFTER, Clocks
from shared.observing.metrics import Metrics

OFF, RIGHT = (600.0, 600.1), (-0.1, 0.1)


def note(*intervals: tuple[float, float], every: float = 1.0) -> tuple[list[tuple[str, str]], str | None, float | None]:
    """Return what is logged of a clock noted ``every`` so many seconds, what is remarked in the end, and its metric."""
    metrics, ticks = Metrics(), itertools.count(step=every)
    clocks = Clocks(metrics, lambda: next(ticks))
    with capture_logs() as logs:
        for earliest, latest in intervals:
            clocks.note("auth_service", earliest, latest)
    told = [(log["event"], log["log_level"]) for log in logs]
    value = metrics.registry.get_sample_value("gatepost_clock_offset_seconds", {"peer": "auth_service"})
    return told, clocks.find_remark(), value


@pytest.mark.parametrize(
    ("interval", "offset"),
    [((-0.1, 0.2), 0.0), ((-3.0, 7.0), 0.0), ((1.0, 9.0), 1.0), ((-9.0, -2.0), -2.0), ((4.9, 30.0), 4.9)],
)
def test_a_slow_answer_makes_no_clock_wrong(interval: tuple[float, float], offset: float) -> None:
    """Only so much counts as a difference as there is in any case, and little of it is no matter."""
    assert note(interval) == ([], None, offset)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((600.0, 600.1), "the clock of auth_service is 600 s ahead of ours, so tokens are refused: "),
        ((-600.0, -599.9), "the clock of auth_service is 600 s behind ours, so tokens are refused: "),
        ((7.0, 8.0), "the clock of auth_service is 7 s ahead of ours, and at 30 s tokens are refused: "),
    ],
)
def test_a_clock_that_is_off_is_told_once(interval: tuple[float, float], said: str) -> None:
    """It is logged once, stays a remark for as long as it is off, and its return is logged too."""
    told, remark, value = note(interval, interval, interval)
    assert told == [("clock_is_off", "warning")]
    assert (remark or "").startswith(said)
    assert value == min(interval, key=abs)
    told, remark, value = note(interval, interval, RIGHT, every=RIGHT_AFTER)
    assert told == [("clock_is_off", "warning"), ("clock_is_right_again", "info")]
    assert (remark, value) == (None, 0.0)


def test_one_wrong_clock_among_several_is_told_once() -> None:
    """Of a peer's replicas one may be off: while it is heard of now and then, those between make nothing right."""
    told, remark, value = note(*[OFF, *[RIGHT] * 9] * 20, every=RIGHT_AFTER / 10)
    assert told == [("clock_is_off", "warning")]
    assert (remark or "").startswith("the clock of auth_service is 600 s ahead of ours")
    assert value == OFF[0]


def test_the_limit_is_told() -> None:
    """From which difference on a clock is off is a metric, too, for who compares with it."""
    metrics = Metrics()
    Clocks(metrics)
    limit = metrics.registry.get_sample_value("gatepost_clock_offset_limit_seconds")
    assert limit is not None
    for offset, is_told in ((limit, True), (-limit, True), (limit - 0.01, False)):
        assert (note((offset, offset))[1] is not None) is is_told


def test_a_call_may_have_been_on_its_way() -> None:
    """A call is signed at whole seconds and takes its time: what is signed a moment ago tells of no difference."""
    clocks = Clocks(Metrics())
    clocks.note_call("gateway", -7)
    assert clocks.find_remark() is None
    clocks.note_call("gateway", -9)
    assert "the clock of gateway is 6 s behind ours" in (clocks.find_remark() or "")
