"""W3C Trace Context: which trace a request is part of, read from ``traceparent`` and written for the next service.

Pure. ``traceparent: 00-<trace id>-<parent id>-<flags>`` (W3C Recommendation "Trace Context", section 3.2). A value that
can't be parsed counts as none, its ``tracestate`` is dropped with it (section 4.3), and a trace begins here. What is
taken over consists of letters a to f and digits alone, so it is safe in logs and headers.

No spans are recorded here: the ids are passed on and logged, for those who collect them.
"""

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16
_SAMPLED = 1

_NOT_SAMPLED = "00"
BEGUN_HERE = "01"  # sampled, so that services behind that record spans do so as if no gateway stood ahead of them


class Parent(NamedTuple):
    """The trace that a caller is part of; ``flags`` as they are passed on."""

    trace_id: str
    span_id: str
    flags: str


def read_traceparent(values: list[bytes]) -> Parent | None:
    """Return the trace named by the values of ``traceparent``; None unless there is exactly one, and it is valid."""
    match = _TRACEPARENT.fullmatch(values[0].decode("latin-1")) if len(values) == 1 else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or span_id == _NO_PARENT:
        return None
    return Parent(trace_id, span_id, BEGUN_HERE if int(flags, 16) & _SAMPLED else _NOT_SAMPLED)


def write_traceparent(trace_id: str, span_id: str, flags: str) -> str:
    """Return the value that names to the next service the trace, and the span that calls it."""
    return f"00-{trace_id}-{span_id}-{flags}"
