"""The writer of log lines, on pipes: what it buffers, what it drops, and how it reports that."""

import fcntl
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.observing.log_writer import LogStream, LogWriter, open_beside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")

PIPE = 4096  # bytes
CAPACITY = 10_000


@dataclass(slots=True)
class Pipe:
    """A writer with a small buffer in front of a small pipe, and both ends of the pipe."""

    reader: int
    writer: int
    at_once: int | None = None
    losses: list[int] = field(default_factory=list)
    log: LogWriter = field(init=False)

    def __post_init__(self) -> None:
        """Start to write."""
        self.log = LogWriter(self.writer, self._say_loss, capacity=CAPACITY, at_once=self.at_once)

    def _say_loss(self, lines: int) -> None:
        self.losses.append(lines)
        self.log.write(f"lost {lines}")

    def read(self) -> list[str]:
        """Return all lines that the writer has, including its reports of losses."""
        found, deadline = b"", time.monotonic() + 30
        while not self.log.flush(0) or select.select([self.reader], [], [], 0)[0]:
            assert time.monotonic() < deadline
            if select.select([self.reader], [], [], 0.01)[0]:
                found += os.read(self.reader, 65_536)
        return found.decode().splitlines()

    def block(self) -> int:
        """Write lines until some are dropped; return how many were written in all."""
        lines = 0
        while not self.log.dropped:
            self.log.write(f"line {lines}")
            lines += 1
        return lines


@pytest.fixture(params=["by the thread", "at once"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    """Give a pipe of 4 KiB, with and without a way to write to it directly."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    pipe = Pipe(reader, writer, open_beside(writer) if request.param == "at once" else None)
    yield pipe
    os.set_blocking(reader, False)
    os.close(reader)  # which ends the thread's write, if it is in one
    assert pipe.log.flush(30)  # it writes no more: the descriptor may be another file's by now
    os.close(writer)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_lines_come_in_their_order(pipe: Pipe) -> None:
    """All lines are written in order, whatever their level and their characters."""
    for number in range(20):
        pipe.log.write(f"line {number}", is_urgent=number % 3 == 0)
    pipe.log.write("r\u00e9sum\u00e9 \ud800")
    assert pipe.log.flush()
    assert pipe.read() == [*(f"line {number}" for number in range(20)), "r\u00e9sum\u00e9 \\ud800"]


def test_a_line_after_a_pause_is_not_kept(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line, and one after a pause, is written without waiting for more: nothing later is printed before it.

    So a service's ``database_connected`` stands above the greeting of the stack that has seen it ready.
    """
    monkeypatch.setattr("shared.observing.log_writer.GATHER_SECONDS", 3600.0)
    pipe.log.write("first")
    assert select.select([pipe.reader], [], [], 30)[0]
    assert os.read(pipe.reader, PIPE) == b"first\n"


def test_a_line_of_bytes_is_taken_as_it_is(pipe: Pipe) -> None:
    """A line that is bytes already, with its end, keeps its place among the others."""
    pipe.log.write("one")
    pipe.log.write_encoded(b"two\n")
    pipe.log.write("three")
    assert pipe.log.flush()
    assert pipe.read() == ["one", "two", "three"]


def test_a_full_buffer_drops_what_comes(pipe: Pipe) -> None:
    """Lines that find no room are counted; once the pipe is read the loss is one line, in place, and new lines come."""
    written = pipe.block()
    for _ in range(7):
        pipe.log.write("more")
    assert pipe.log.dropped == 8
    lines = pipe.read()
    assert lines == [*(f"line {number}" for number in range(written - 1)), "lost 8"]
    pipe.log.write("after")
    assert pipe.read() == ["after"]
    assert pipe.losses == [8]


def test_a_slow_reader_gets_stretches(pipe: Pipe) -> None:
    """After the buffer was full no line is accepted until it is half empty: losses are not reported line by line."""
    pipe.block()
    for _ in range(3):
        os.read(pipe.reader, 500)
        pipe.log.write("not yet")
    assert pipe.losses == []
    assert pipe.read()[-1] == "lost 4"
    assert pipe.losses == [4]


def test_memory_is_bounded(pipe: Pipe) -> None:
    """A line that is longer than the buffer is dropped too."""
    pipe.log.write("a" * CAPACITY)
    assert pipe.log.dropped == 1


def test_a_blocked_pipe_does_not_hold_up_a_flush(pipe: Pipe) -> None:
    """A flush waits no longer than its timeout for the lines to be written."""
    pipe.block()
    assert not pipe.log.flush(0.05)


def test_a_closed_pipe_is_a_loss(pipe: Pipe) -> None:
    """Lines that no longer have a reader are counted as lost."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, pipe.reader)
    os.close(nothing)
    pipe.log.write("one")
    pipe.log.write("two", is_urgent=True)
    wait_until(lambda: pipe.log.dropped == 2)
    assert pipe.losses == []


def test_a_descriptor_that_does_not_block(pipe: Pipe) -> None:
    """The writer waits for a pipe that somebody made non-blocking, and nothing is lost."""
    os.set_blocking(pipe.writer, False)
    for number in range(800):
        pipe.log.write(f"line {number}")
    assert pipe.read() == [f"line {number}" for number in range(800)]


@pytest.mark.parametrize("is_at_once", [False, True])
def test_lines_of_several_writers_stay_whole(is_at_once: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Two writers on one pipe, like services in one terminal, do not write into each other's lines."""
    reader, writer = os.pipe()
    beside = [open_beside(writer) if is_at_once else None for _ in range(2)]
    logs = [LogWriter(writer, lambda _: None, at_once=each) for each in beside]
    found: list[str] = []

    def read() -> None:
        with os.fdopen(reader, encoding="utf-8") as stream:
            found.extend(stream.read().splitlines())

    reading = threading.Thread(target=read)
    reading.start()
    for number in range(2000):
        logs[number % 2].write("ab"[number % 2] * 50)
    assert all(log.flush(30) for log in logs)
    for each in (writer, *beside):
        if each is not None:
            os.close(each)
    reading.join()
    assert sorted(found) == ["a" * 50] * 1000 + ["b" * 50] * 1000


def test_what_prints_by_itself_goes_the_same_way(pipe: Pipe) -> None:
    """Printed text becomes lines, each once it is complete."""
    stream = LogStream(pipe.log)
    print("one\ntw", end="", file=stream)
    print("o", file=stream, flush=True)
    assert pipe.log.flush()
    assert pipe.read() == ["one", "two"]


def test_a_way_beside_has_a_mode_of_its_own(tmp_path: Path) -> None:
    """Only a pipe is opened a second time, and the descriptor that others share stays unchanged."""
    reader, writer = os.pipe()
    beside = open_beside(writer)
    assert beside is not None
    assert (os.get_blocking(writer), os.get_blocking(beside)) == (True, False)
    with (tmp_path / "log").open("wb") as file:
        assert open_beside(file.fileno()) is None
    for each in (reader, writer, beside):
        os.close(each)


def test_one_who_fills_a_piece_writes_it() -> None:
    """If a pipe accepts lines directly, the writer of the line that fills a piece sends it, in order."""
    reader, writer = os.pipe()
    log = LogWriter(writer, lambda _: None, at_once=open_beside(writer))
    log.write("first")
    os.set_blocking(reader, False)
    assert os.read(reader, 65_536) == b"first\n"
    lines = [f"{number:99}\n".encode() for number in range(2 * select.PIPE_BUF // 100)]
    for line in lines:
        log.write_encoded(line)
    assert log.flush()
    assert os.read(reader, 65_536) == b"".join(lines)
