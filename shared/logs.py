"""Logs: structlog for our own lines and for those of the libraries, as text for people or JSON for machines.

Our lines, one for each request among them, are rendered and written without becoming log records of the standard
library: that costs a third of them. Libraries' lines are such records, and end in the same shape.
"""

import logging
import sys
from typing import Literal, TextIO

import structlog


def set_up_logs(service: str, level: str, style: Literal["text", "json"]) -> None:
    """Send every log line of this process to standard error, in one style, each naming the service."""
    stream = sys.stderr
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
        logger_factory=lambda name: _Lines(name, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
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
    """Where our lines go, each as one piece. One that can't be written keeps nobody from being served."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name  # as ``add_logger_name`` wants it
        self._stream = stream

    def write(self, line: str) -> None:
        """Write a finished line."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader has gone, the stream was closed
            return

    debug = info = warning = error = critical = write


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
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
