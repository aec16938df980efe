"""The log line of a request, rendered without structlog: the same line to the letter, at a tenth of the cost.

Every request has one, and its fields are few and flat. All other lines are structlog's (``shared.observing.logs``).

1. The line looks as structlog would write it: as text it is put together from pieces that structlog rendered once.
2. Nothing in it can control a terminal, in either style: invisible characters are written as escapes.
3. The line is bytes from the start, and never encoded again.
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
    "request_id",
    "trace_id",
    "span_id",
    "method",
    "matcher",
    "status",
    "ms",
    "user_id",
    "sid",
    "anonymous",
    "fault",
    "upstream",
    "refusal",
    "reason",
    "client",
    "path",
)
"""The fields that a request's line may have."""

SEPARATORS = (",", ":")
"""Of a JSON line, as orjson writes them."""

_DELETE = b"\x7f"  # the one control character that orjson does not escape
_QUOTED = re.compile("[ \t\r\n=\"']")  # structlog shows a text with one of these by its repr
_PLAIN = re.compile("[!#-&(-<>-~]*")  # nothing to quote, nothing that can't be seen
_PLACEHOLDER = "PLACEHOLDER"

Facts = Mapping[str, object]


class Render(Protocol):
    """Renders the facts about a request as a line, with its end."""

    def __call__(self, facts: Facts, timestamp: str) -> bytes:
        """Return the line."""


class JsonLine:
    """The line as JSON: the request's fields in the order given, then those of every line."""

    def __init__(self, service: str) -> None:
        before = {"event": EVENT, "logger": LOGGER, "level": "info"}
        self._before = b"," + orjson.dumps(before)[1:-1] + b',"timestamp":"'
        self._after = b'",' + orjson.dumps({"service": service})[1:] + b"\n"

    def __call__(self, facts: Facts, timestamp: str) -> bytes:
        """Return the line with its end, in ASCII."""
        try:
            line = orjson.dumps(facts)
        except orjson.JSONEncodeError:  # half of a surrogate pair
            line = _DELETE
        if not line.isascii() or _DELETE in line:
            line = json.dumps(facts, separators=SEPARATORS).encode()
        return b"".join((line[:-1], self._before, timestamp.encode(), self._after))


class TextLine:
    """The line for people, as ``renderer`` renders it: its fields in alphabetical order."""

    def __init__(self, service: str, renderer: ConsoleRenderer) -> None:
        head = {"timestamp": _PLACEHOLDER, "level": "info", "event": EVENT, "logger": LOGGER}
        self._before, self._after = _render(renderer, head).split(_PLACEHOLDER)
        self._parts = {field: _render(renderer, {field: _PLACEHOLDER}).replace(_PLACEHOLDER, "%s") for field in FIELDS}
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
        """Return, and keep, the text around the values of these fields, and a function that picks them in order."""
        frame = " ".join(self._parts[field] for field in sorted(("service", *fields)))
        self._frames[fields] = frame, itemgetter(*sorted(fields))
        return self._frames[fields]


class Clock:
    """The time as every line has it: in UTC, to the microsecond (RFC 3339). A second's text is rendered once."""

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
    """Return a text with escapes for invisible characters, if structlog would show it unquoted; else unchanged."""
    return text if text.isprintable() or _QUOTED.search(text) else make_visible(text)


def create_render(service: str, style: Literal["text", "json"], renderer: ConsoleRenderer) -> Render:
    """Return a renderer of requests' lines in a style; ``renderer`` is the one for all other text lines."""
    return JsonLine(service) if style == "json" else TextLine(service, renderer)


def _render(renderer: ConsoleRenderer, event: Facts) -> str:
    return str(renderer(None, "info", dict(event)))


def _show(text: str) -> str:
    """Return a text as structlog shows it, with escapes for invisible characters."""
    return repr(text) if _QUOTED.search(text) else make_visible(text)
