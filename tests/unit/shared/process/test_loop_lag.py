"""How late the event loop is."""

import pytest

from shared.process.loop_lag import PAUSE, LoopLag


@pytest.mark.parametrize(
    ("times", "expected"),
    [((5.0,), []), ((5.0, 5.0 + PAUSE), [0.0]), ((5.0, 5.05), [0.0]), ((5.0, 8.1, 8.3), [3.0, 0.1])],
)
def test_a_pause_that_was_too_long_is_the_lag(times: tuple[float, ...], expected: list[float]) -> None:
    """The lag is what a pause took beyond what it should have, never less than nothing."""
    lags: list[float] = []
    moments = iter(times)
    lag = LoopLag(lags.append, lambda: next(moments))
    for _ in times:
        lag.note_tick()
    assert lags == pytest.approx(expected)
