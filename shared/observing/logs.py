"""Logs: structlog for our own lines and for those of the libraries, as text for people or JSON for machines.

Our lines are rendered and written without becoming log records of the standard library, at a third of the cost. Those
of requests take a shorter way still (``request_lines``). Libraries' lines are such records, and end up in the same
shape.

A service writes its lines by a ``LogWriter`` (``guard_standard_error``), so that a reader of the log, slow or gone,
never holds up a request. A command that a person waits for writes them straight to standard error.
"""

import atexit
import io
import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Literal, Protocol, TextIO

import structlog

from shared.language.visible_text import make_visible
from shared.observing.log_writer import LogStream, LogWriter, open_beside
from shared.observing.request_lines import LOGGER, SEPARATORS, Clock, Facts, Render, create_render, show_unquoted

STANDARD_ERROR = 2
_KEPT = "\n\t"  # of a message or a traceback of several lines


class LineWriter(Protocol):
    """Whatever takes rendered lines."""

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Take a line without its end."""

    def write_encoded(self, line: bytes) -> None:
        """Take a line with its end."""


def guard_standard_error() -> LogWriter:
    """Return a writer to standard error; everything that this process prints there from now on goes through it.

    What it holds is written at the end of the process, be that a return, an error or SIGTERM.
    """
    # Without a standard error its descriptor is free, and might become a client's connection.
    descriptor = STANDARD_ERROR if sys.stderr is not None else os.open(os.devnull, os.O_WRONLY)
    writer = LogWriter(descriptor, _say_loss, at_once=open_beside(descriptor))
    sys.stderr = LogStream(writer)

    def end(number: int, _frame: FrameType | None) -> None:
        writer.flush()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, end)  # which otherwise ends a process without a chance to write anything
    atexit.register(writer.flush)
    return writer


def set_up_logs(service: str, level: str, style: Literal["text", "json"], writer: LineWriter | None = None) -> None:
    """Send every log line of this process to the writer, all in one style and naming the service.

    Without a writer they go straight to standard error.
    """
    lines = writer or _Direct()
    console = structlog.dev.ConsoleRenderer(colors=os.isatty(STANDARD_ERROR), exception_formatter=_show_traceback)
    renderers = _renderers(style, console)
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, event: {**event, "service": service},
    ]
    structlog.configure(
        processors=[
            *steps,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *renderers,
        ],
        logger_factory=_Factory(lines, create_render(service, style, console)),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    for talkative in ("httpx2", "httpcore2"):  # they would log URLs with their queries, and headers
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # At INFO it logs each step of a start and an end.
    logging.getLogger("uvicorn.error").setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)
    # It warns of each migration, which our own line reports.
    logging.getLogger("pogo_core").setLevel(logging.ERROR)
    # It logs a traceback for every try while the database is away, which our own line reports.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


def find_request_writer() -> Callable[[Facts], None] | None:
    """Return a function that writes the line of a request; None where that is left to structlog.

    That is so where the level is above INFO, and where logs are not set up, as in tests.
    """
    factory = structlog.get_config()["logger_factory"]
    is_wanted = structlog.get_logger(LOGGER).is_enabled_for(logging.INFO)
    return factory.write_request if is_wanted and isinstance(factory, _Factory) else None


class _Factory:
    """Makes the sinks of our loggers' lines; writes the lines of requests itself."""

    def __init__(self, writer: LineWriter, render_request: Render) -> None:
        self._writer = writer
        self._write, self._render_request, self._clock = writer.write_encoded, render_request, Clock()

    def __call__(self, name: str) -> "_Lines":
        return _Lines(name, self._writer)

    def write_request(self, facts: Facts) -> None:
        """Write the line of a request."""
        self._write(self._render_request(facts, self._clock()))


class _Lines:
    """Where our lines go, by their level."""

    def __init__(self, name: str, writer: LineWriter) -> None:
        self.name = name  # for ``add_logger_name``
        self._writer = writer
        self.debug = self.info = writer.write

    def warning(self, line: str) -> None:
        """Write a finished line at once."""
        self._writer.write(line, is_urgent=True)

    error = critical = warning


class _Handler(logging.Handler):
    """Where the lines of libraries go: the same way."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._writer.write(self.format(record), is_urgent=record.levelno >= logging.WARNING)
        except Exception:  # noqa: BLE001 - as in every handler: a line that can't be rendered is not the caller's error
            self.handleError(record)


class _Direct:
    """Writes to standard error itself. A line that can't be written is not the caller's error."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Write a finished line."""
        del is_urgent
        self._print(line + "\n")

    def write_encoded(self, line: bytes) -> None:
        """Write a finished line with its end."""
        self._print(line.decode())

    def _print(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the reader has gone, the stream was closed
            return


def _say_loss(lines: int) -> None:
    """Log that lines are missing here; visible at every level that can be set."""
    structlog.get_logger("logs").error("log_lines_lost", lines=lines)


def _renderers(
    style: Literal["text", "json"], console: structlog.dev.ConsoleRenderer
) -> list[structlog.typing.Processor]:
    if style == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(separators=SEPARATORS)]
    return [_show_values, console]


def _show_values(
    _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape what a terminal would obey: the renderer shows values that it does not quote unchanged."""
    shown = {name: show_unquoted(value) if isinstance(value, str) else value for name, value in event.items()}
    return {**shown, "event": make_visible(str(event["event"]), _KEPT)}


def _show_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(make_visible(text.getvalue(), _KEPT))
