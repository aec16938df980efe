"""The log line of a request: exactly what structlog would have written."""

import datetime as dt
import json
import time

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.observing.logs import set_up_logs
from shared.observing.metrics import Metrics
from shared.observing.request_context import Reports, begin_record
from shared.observing.request_lines import EVENT, FIELDS, LOGGER, Clock, JsonLine, TextLine, show_unquoted

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

WHEN = "2026-01-01T12:00:00.123000Z"
LAST = {"event": EVENT, "logger": LOGGER, "level": "info", "timestamp": WHEN, "service": "gateway"}
NUMBERS = {
    "status": st.integers(100, 599),
    "user_id": st.integers(1, 2**63 - 1),
    "ms": st.integers(0, 10**9).map(lambda hundredths: hundredths / 100),
}
PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_./:", min_size=1)
ODD = st.text(st.sampled_from("a9\u00e9\uac00 =\"'\\\t\r\n\x00\x1b\x7f\x9b\u202e\ufeff\U0001f600\ud800%{}"), min_size=1)
VALUES = {field: NUMBERS.get(field, PLAIN | ODD) for field in FIELDS}
ALWAYS = {field: VALUES.pop(field) for field in ("request_id", "status")}
FACTS = st.fixed_dictionaries(ALWAYS, optional=VALUES)


class Kept:
    """Keeps the lines that are written."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Keep a line without its end."""
        del is_urgent
        self.write_encoded(line.encode() + b"\n")

    def write_encoded(self, line: bytes) -> None:
        """Keep a line."""
        self.lines.append(line)


def log_by_structlog(style: str, facts: dict[str, object]) -> bytes:
    """Return the line of a request as structlog makes it, with ``WHEN`` for its time."""
    kept = Kept()
    set_up_logs("gateway", "INFO", "json" if style == "json" else "text", kept)
    structlog.get_logger(LOGGER).info(EVENT, **facts)
    (line,) = kept.lines
    now = dt.datetime.now(dt.UTC).isoformat()
    begin = line.index(now[:11].encode())
    return line[:begin] + WHEN.encode() + line[line.index(b"Z", begin) + 1 :]


@given(FACTS)
def test_as_json(facts: dict[str, object]) -> None:
    """Whatever a request's line contains, as JSON it is the line that structlog makes: ASCII, in the same order."""
    line = JsonLine("gateway")(facts, WHEN)
    assert line == log_by_structlog("json", facts)
    assert json.loads(line) == {**facts, **LAST}
    assert list(json.loads(line)) == [*facts, *LAST]


@pytest.mark.parametrize("has_colors", [False, True])
@given(facts=FACTS)
def test_as_text(has_colors: bool, facts: dict[str, object]) -> None:  # noqa: FBT001 - a parameter of the test
    """Whatever a request's line contains, as text it is the line that structlog makes, on a terminal too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.isatty", lambda _: has_colors)
        expected = log_by_structlog("text", facts)
    assert TextLine("gateway", structlog.dev.ConsoleRenderer(colors=has_colors))(facts, WHEN) == expected


@given(ODD)
def test_nothing_is_obeyed(text: str) -> None:
    """A line has no character that a terminal would obey, except in a form that is quoted afterwards."""
    shown = show_unquoted(text)
    assert shown.isprintable() or (shown == text and repr(shown) != f"'{shown}'")


def test_a_report_takes_the_short_way() -> None:
    """Once logging is set up a request's report is one such line, with what is known and nothing else."""
    kept = Kept()
    set_up_logs("posts_service", "INFO", "json", kept)
    record = begin_record([(b"x-request-id", b"11111111")])
    record.matcher, record.user_id = "/api/user/:id", 7
    Reports(Metrics()).report(record, "GET", 200)
    told = json.loads(kept.lines[0])
    assert len(kept.lines) == 1
    assert (told["request_id"], told["matcher"], told["status"], told["user_id"]) == (
        "11111111",
        "/api/user/:id",
        200,
        7,
    )
    about = ["request_id", "trace_id", "span_id", "method", "matcher", "status", "ms", "user_id"]
    assert list(told) == [*about, *LAST]


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", 2), ("INFO", 1), ("WARNING", 0)])
def test_what_comes_by_itself_is_debug(level: str, lines: int) -> None:
    """The line of a periodic request, sent every few seconds, is DEBUG, that of any other INFO."""
    kept = Kept()
    set_up_logs("auth_service", level, "json", kept)
    reports, routine = Reports(Metrics()), begin_record(())
    routine.is_routine = True
    reports.report(begin_record(()), "GET", 200)
    reports.report(routine, "GET", 200)
    assert [json.loads(line)["level"] for line in kept.lines] == ["info", "debug"][:lines]


def test_the_time() -> None:
    """The clock gives the time in UTC to the microsecond, before and after a second has passed."""
    clock = Clock()
    for _ in range(3):
        before = dt.datetime.now(dt.UTC)
        told = clock()
        after = dt.datetime.now(dt.UTC)
        assert len(told) == len(WHEN)
        assert before <= dt.datetime.fromisoformat(told) <= after
        time.sleep(0.5)
