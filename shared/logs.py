"""Logs: structlog for our own lines and for those of the libraries, as text for people or JSON for machines.

Our lines, one for each request among them, are rendered and written without becoming log records of the standard
library: that costs a third of them. Libraries' lines are such records, and end in the same shape.

A service writes its lines by a ``LogWriter`` (``guard_standard_error``), so that nobody who reads the log, or does not,
holds up a request. A command that a person waits for writes them straight to standard error.
"""

import atexit
import logging
import os
import signal
import sys
from types import FrameType
from typing import Literal, Protocol

import structlog

from shared.log_writer import LogStream, LogWriter
from shared.visible_text import make_visible

STANDARD_ERROR = 2


class LineWriter(Protocol):
    """Whoever takes finished lines."""

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Take a line without its end."""


def guard_standard_error() -> LogWriter:
    """Return a writer to standard error, through which everything goes that this process prints there from now on.

    What it holds is written at the end of the process, be that a return, an error or SIGTERM.
    """
    # Without a standard error its descriptor is free, and might be a client's connection one day.
    writer = LogWriter(STANDARD_ERROR if sys.stderr is not None else os.open(os.devnull, os.O_WRONLY), _say_loss)
    sys.stderr = LogStream(writer)

    def end(number: int, _frame: FrameType | None) -> None:
        writer.flush()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, end)  # which else ends a process without a chance to write anything
    atexit.register(writer.flush)
    return writer


def set_up_logs(service: str, level: str, style: Literal["text", "json"], writer: LineWriter | None = None) -> None:
    """Send every log line of this process to the writer, in one style, each naming the service.

    Without a writer they go straight to standard error.
    """
    lines = writer or _Direct()
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_service(service),
    ]
    structlog.configure(
        processors=[
            *steps,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_renderers(style),
        ],
        logger_factory=lambda name: _Lines(name, lines),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(style)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    for talkative in ("httpx2", "httpcore2"):  # they would tell addresses with their queries, and headers
        logging.getLogger(talkative).setLevel(logging.WARNING)
    # It shows a traceback for every try while the database is away, of which our own line tells.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


class _Lines:
    """Where our lines go, by their level."""

    def __init__(self, name: str, writer: LineWriter) -> None:
        self.name = name  # as ``add_logger_name`` wants it
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
        except Exception:  # noqa: BLE001 - as every handler does: a line that can't be made is no error of its writer
            self.handleError(record)


class _Direct:
    """Writes to standard error itself. A line that can't be written is no error of who writes it."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Write a finished line."""
        del is_urgent
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader has gone, the stream was closed
            return


def _say_loss(lines: int) -> None:
    """Say that lines are missing here; at every level that can be set."""
    structlog.get_logger("logs").error("log_lines_lost", lines=lines)


def _name_service(service: str) -> structlog.typing.Processor:
    def add_service(
        _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return add_service


def _renderers(style: Literal["text", "json"]) -> list[structlog.typing.Processor]:
    if style == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    has_colors = _is_terminal()
    plain = structlog.dev.plain_traceback
    # Values with an escape of their own are shown quoted, so what is left of them comes from the renderer.
    keep = "\n\t\x1b" if has_colors else "\n\t"
    return [
        structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=plain),
        lambda _, __, line: make_visible(str(line), keep),
    ]


def _is_terminal() -> bool:
    return os.isatty(STANDARD_ERROR)
