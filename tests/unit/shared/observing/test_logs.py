"""Logs: one style for our lines and those of the libraries, and no library that reveals too much."""

import contextlib
import json
import logging
import os
import re
import sys

import httpx2
import pytest
import structlog

from shared.observing.logs import set_up_logs
from tests.support.forged_tokens import SECRET

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return the JSON lines that were written to standard error."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one JSON object with time in UTC, level, logger, service, request id and its message."""
    set_up_logs("posts_service", "INFO", "json")
    structlog.contextvars.bind_contextvars(request_id="11111111")
    structlog.get_logger("sync").warning("sync_fell_behind", seconds=3)

    (line,) = read_lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "sync_fell_behind",
        "seconds": 3,
        "level": "warning",
        "logger": "sync",
        "service": "posts_service",
        "request_id": "11111111",
    }


def test_lines_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    """A library's line looks like ours, with the request id, and with the traceback of its error."""
    set_up_logs("gateway", "INFO", "json")
    structlog.contextvars.bind_contextvars(request_id="11111111")
    try:
        int("inside")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in %s", "ASGI application")

    (line,) = read_lines(capsys)
    assert (line["event"], line["service"], line["request_id"]) == (
        "Exception in ASGI application",
        "gateway",
        "11111111",
    )
    assert "ValueError: invalid literal" in str(line["exception"])


def test_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines below the level are not written, neither ours nor others'."""
    set_up_logs("gateway", "WARNING", "json")
    structlog.get_logger("x").info("below")
    logging.getLogger("x").info("below")
    structlog.get_logger("x").error("above")
    assert [line["event"] for line in read_lines(capsys)] == ["above"]


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """For people a line is text, with a plain traceback, and without colours unless on a terminal."""
    set_up_logs("gateway", "INFO", "text")
    try:
        int("inside")
    except ValueError:
        structlog.get_logger("x").exception("it_failed", port=3000)

    text = capsys.readouterr().err
    assert "it_failed" in text
    assert "port=3000" in text
    assert "ValueError: invalid literal" in text
    assert "\x1b" not in text


def test_one_value_can_not_make_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A value with a line break does not start a new line, in either style."""
    for style in ("text", "json"):
        set_up_logs("gateway", "INFO", style)
        structlog.get_logger("x").info("it_happened", value="a\nforged line\r\nb")
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_value_gives_a_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    """Control and bidirectional characters in a value are escaped, in either style."""
    for style in ("text", "json"):
        set_up_logs("gateway", "INFO", style)
        structlog.get_logger("x").info("it_happened", value="a\u202eb", other="\x1b[2J", last="\x9b2J\x07")
        text = capsys.readouterr().err
        assert text.removesuffix("\n").isprintable()
        assert "\\u202e" in text


def fail(text: str) -> None:
    """Fail with a text."""
    raise ValueError(text)


def test_a_terminal_is_given_no_orders_but_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In coloured lines no other escape sequence gets through, be it in a value, a message, or the text of an error."""
    monkeypatch.setattr("os.isatty", lambda _: True)
    set_up_logs("gateway", "INFO", "text")
    structlog.get_logger("x").info("it_happened", value="\x1b[2J", other="a \x1b[2J", number=3)
    logging.getLogger("x").warning("a library says %s", "\x1b[2J\u202e")
    try:
        fail("\x1b[2J")
    except ValueError:
        structlog.get_logger("x").exception("it_failed")
    text = capsys.readouterr().err
    assert "\x1b[36mnumber\x1b[0m=\x1b[35m3\x1b[0m" in text
    assert text.count("[2J") > 3
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\n", "").isprintable()


def test_a_line_that_nobody_reads_keeps_nobody_from_being_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the log's reader has gone, or the log is closed, writing a line raises no error."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logs("gateway", "INFO", "json")
    structlog.get_logger("x").info("nobody_reads_this")
    with contextlib.suppress(BrokenPipeError):
        stream.close()
    structlog.get_logger("x").info("nor_this")


async def test_http_client_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """The HTTP client logs neither addresses with their queries nor headers, not even at the lowest level."""
    set_up_logs("gateway", "DEBUG", "json")

    async def handle(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as client:
        await client.get("http://auth.internal/users?planted=1", headers={"authorization": SECRET})
    logging.getLogger("httpcore2.http11").debug("send_request_headers planted")
    assert read_lines(capsys) == []


def test_steps_of_the_server_are_told_at_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    """The server's start and end are logged at DEBUG; its warnings always."""
    for level in ("DEBUG", "INFO"):
        set_up_logs("gateway", level, "json")
        logging.getLogger("uvicorn.error").info("Application startup complete.")
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    told = [line["event"] for line in read_lines(capsys)]
    assert told == ["Application startup complete.", *["Invalid HTTP request received."] * 2]


def test_access_log_of_the_server_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    """The server's own access log, which would contain raw paths, is off."""
    set_up_logs("gateway", "DEBUG", "json")
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /planted"')
    assert read_lines(capsys) == []
