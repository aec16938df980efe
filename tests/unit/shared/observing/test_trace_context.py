"""W3C Trace Context: what counts as a trace, and what is passed on."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.observing.request_context import begin_record, write_trace
from shared.observing.trace_context import Parent, read_traceparent, write_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WRITTEN = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-ff", "01"),
        (f"cc-{TRACE}-{SPAN}-02", "00"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", "01"),
    ],
)
def test_a_trace_is_read(value: str, flags: str) -> None:
    """A valid value is read, of later versions the known part; of the flags only ``sampled`` is passed on."""
    assert read_traceparent([value.encode()]) == Parent(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "value",
    [
        *("", "00", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1", f"00-{TRACE}-{SPAN}-001", f"00-{TRACE}-{SPAN}-0g"),
        *(f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"cc-{TRACE}-{SPAN}-01.more", f"0-{TRACE}-{SPAN}-01"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01"),
        *(f"00-{TRACE[:-1]}-{SPAN}-01", f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n", f"00_{TRACE}_{SPAN}_01"),
    ],
)
def test_what_can_not_be_read_is_no_trace(value: str) -> None:
    """A malformed value counts as none, and so do two values."""
    assert read_traceparent([value.encode()]) is None
    assert read_traceparent([f"00-{TRACE}-{SPAN}-01".encode()] * 2) is None


@given(st.lists(st.binary(max_size=80), max_size=2))
def test_whatever_comes_a_good_trace_goes_on(values: list[bytes]) -> None:
    """Whatever a client sends, the next service gets a valid value, with the request's own span."""
    record = begin_record([(b"traceparent", value) for value in values])
    assert WRITTEN.fullmatch(write_trace(record))
    parent = Parent(record.trace_id, record.span_id, record.trace_flags)
    assert read_traceparent([write_trace(record).encode()]) == parent


def test_a_trace_goes_on_under_a_span_of_its_own() -> None:
    """A request that is part of a trace keeps its id and flags, and calls others under its own span."""
    headers = [(b"traceparent", write_traceparent(TRACE, SPAN, "00").encode())]
    one, other = begin_record(headers), begin_record(headers)
    assert (one.trace_id, one.trace_flags) == (TRACE, "00")
    assert len({one.span_id, other.span_id, SPAN}) == 3


def test_a_trace_begins_here_under_the_request_s_id() -> None:
    """Without a trace one begins, sampled; its id is the request's, unless that brought one of its own."""
    record = begin_record([])
    assert (record.trace_id, record.trace_flags) == (record.request_id, "01")
    named = begin_record([(b"x-request-id", b"from-the-client")])
    assert named.request_id == "from-the-client"
    assert WRITTEN.fullmatch(write_trace(named))
