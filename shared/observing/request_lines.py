"""The log line of a request, rendered without structlog: the same line to the letter, at a tenth of the cost.

Every request has one, and its fields are few and flat. All other lines go by structlog (``shared.observing.logs``).

1. What the line looks like is structlog's: as text it is put together from pieces that structlog rendered once.
2. Nothing in it is obeyed by a terminal, in either style: what can't be seen is written as an escape.
3. The line is bytes from the start; nobody encodes it again.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Literal, Protocol

import orjson
from structlog.dev import ConsoleRenderer

from shared.language.visible_text import make_visible

EVENT = "request_finished"
LOGGER = "request"
FIELDS = (
    *("request_id", "trace_id", "span_id", "method", "matcher", "status", "ms"),
    *("user_id", "sid", "anonymous", "fault", "upstream", "refusal"),
)
"""What may be told of a request."""

SEPARATORS = (",", ":")
"""Of a JSON line: as orjson writes it."""

_DELETE = b"\x7f"  # the one control character that orjson does not escape
_QUOTED = re.compile("[ \t\r\n=\"']")  # structlog shows a text with one of these by its repr
_PLAIN = re.compile("[!#-&(-<>-~]*")  # nothing to quote, nothing that can't be seen
_PLACE = "PLACE"

Facts = Mapping[str, object]


class Render(Protocol):
    """Makes a line, with its end, of what is told of a request."""

    def __call__(self, facts: Facts, timestamp: str) -> bytes:
        """Return the line."""


class JsonLine:
    """The line as JSON: its fields in the order in which they are told, then those of every line."""

    def __init__(self, service: str) -> None:
        before = {"event": EVENT, "logger": LOGGER, "level": "info"}
        self._before = b"," + orjson.dumps(before)[1:-1] + b',"timestamp":"'
        self._after = b'",' + orjson.dumps({"service": service})[1:] + b"\n"

    def __call__(self, facts: Facts, timestamp: str) -> bytes:
        """Return the line with its end, in ASCII."""
        try:
            told = orjson.dumps(facts)
        except orjson.JSONEncodeError:  # half of a surrogate pair
            told = _DELETE
        if not told.isascii() or _DELETE in told:
            told = json.dumps(facts, separators=SEPARATORS).encode()
        return b"".join((told[:-1], self._before, timestamp.encode(), self._after))


class TextLine:
    """The line for people, as ``renderer`` renders it: its fields in the order of the alphabet."""

    def __init__(self, service: str, renderer: ConsoleRenderer) -> None:
        head = {"timestamp": _PLACE, "level": "info", "event": EVENT, "logger": LOGGER}
        self._before, self._after = _render(renderer, head).split(_PLACE)
        self._parts = {field: _render(renderer, {field: _PLACE}).replace(_PLACE, "%s") for field in FIELDS}
        self._parts["service"] = _render(renderer, {"service": service})
        self._frames: dict[tuple[str, ...], tuple[str, Callable[[Facts], tuple[object, ...]]]] = {}

    def __call__(self, facts: Facts, timestamp: str) -> bytes:
        """Return the line with its end."""
        fields = tuple(facts)
        frame, pick = self._frames.get(fields) or self._create_frame(fields)
        values = pick(facts)
        if not _PLAIN.fullmatch("".join(map(str, values))):
            values = tuple(_show(value) if isinstance(value, str) else value for value in values)
        return f"{self._before}{timestamp}{self._after} {frame % values}\n".encode()

    def _create_frame(self, fields: tuple[str, ...]) -> tuple[str, Callable[[Facts], tuple[object, ...]]]:
        """Return what stands around the values of these fields, and what picks them in their order; keep both."""
        frame = " ".join(self._parts[field] for field in sorted(("service", *fields)))
        self._frames[fields] = frame, itemgetter(*sorted(fields))
        return self._frames[fields]


class Clock:
    """Tells the time as every line does: in UTC, to the microsecond (RFC 3339). The text of a second is made once."""

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def __call__(self) -> str:
        """Return the time."""
        microseconds = time.time_ns() // 1000
        second = microseconds // 1_000_000
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{microseconds % 1_000_000:06d}Z"


def show_unquoted(text: str) -> str:
    """Return what structlog would show unquoted with escapes for what can't be seen; all else as it is."""
    return text if text.isprintable() or _QUOTED.search(text) else make_visible(text)


def create_render(service: str, style: Literal["text", "json"], renderer: ConsoleRenderer) -> Render:
    """Return what renders the lines of requests in a style; ``renderer`` is that of the other lines of text."""
    return JsonLine(service) if style == "json" else TextLine(service, renderer)


def _render(renderer: ConsoleRenderer, event: Facts) -> str:
    return str(renderer(None, "info", dict(event)))


def _show(text: str) -> str:
    """Return what structlog shows of a text, with escapes for what can't be seen."""
    return repr(text) if _QUOTED.search(text) else make_visible(text)
