"""The writer of log lines: a bounded buffer, and a thread that writes it to a file descriptor.

A pipe that nobody reads holds 64 KiB, and then the next ``write`` blocks for ever. In a service that would hang every
request, and ``/livez`` too. So:

1. ``write`` never waits for the reader of the log. While that reads nothing, lines are kept up to ``CAPACITY`` bytes;
   those beyond are dropped and counted, and so are those that can't be written at all (a closed pipe, a full disk).
2. When writing works again, the loss is reported once, where the lines are missing (``say_loss``). Once the buffer was
   full, lines are accepted again when it is half empty: a slow reader gets stretches of the log, not every other line.
3. Lines are gathered for ``GATHER_SECONDS``, or until they fill a piece; an urgent one, and one after a pause, goes out
   at once, in its turn.
4. Lines are written whole, in pieces of at most ``PIPE_BUF`` bytes, which a pipe takes atomically (POSIX, ``write``):
   so the lines of several processes on one pipe do not interleave.
5. ``flush`` waits for the buffer to empty, but not for long.

A thread writes to the descriptor, by blocking calls. Making it non-blocking would change it for every process that
shares it. One that is non-blocking already is polled.

But a thread needs the interpreter's lock for every piece, and a busy service releases it rarely: that would cost more
than rendering, and lines would be lost although somebody reads them. So where the same pipe can be opened a second time
in non-blocking mode (``open_beside``), the thread that fills a piece writes it, and the writer's thread only what is
left over.
"""

import io
import math
import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

CAPACITY = 1 << 20  # bytes
GATHER_SECONDS = 0.02
GATHER_BYTES = 4 * select.PIPE_BUF
FLUSH_SECONDS = 1.0


def open_beside(descriptor: int) -> int | None:
    """Return another descriptor of the same pipe, which never blocks; None where there can't be one.

    Opened anew, it has a mode of its own; so it is with Linux's /proc, while elsewhere /dev/fd shares the first one's.
    """
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK) if is_pipe else None
    except OSError:  # no /proc, not our pipe
        return None


class LogStream(io.TextIOBase):
    """A text stream whose lines go to a writer, for all that prints by itself: tracebacks, warnings, last words."""

    def __init__(self, writer: "LogWriter") -> None:
        self._writer = writer
        self._begun = ""

    def write(self, text: str) -> int:
        """Take text; each line is passed on once it is complete."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._writer.write(line, is_urgent=True)
        return len(text)

    def writable(self) -> bool:
        """Tell that the stream can be written to."""
        return True


class LogWriter:
    """Writes lines to a file descriptor without ever blocking the caller.

    ``say_loss`` is called in the writer's thread with a number of lost lines, and may write a line about it.
    ``at_once`` leads to the same pipe and never blocks (``open_beside``); without it all is left to the thread.
    """

    def __init__(
        self, descriptor: int, say_loss: Callable[[int], None], capacity: int = CAPACITY, at_once: int | None = None
    ) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._at_once = at_once
        self._say_loss = say_loss
        self._capacity = capacity
        self._lock = threading.RLock()  # a signal handler may flush in the middle of a write
        self._changed = threading.Condition(self._lock)
        self._lines: deque[bytes] = deque()
        self._gathered = 0  # bytes of ``_lines``
        self._writing = 0  # bytes that the thread has taken and not written yet
        self._written_at = -math.inf  # when lines were written last, by the monotonic clock
        self._unsaid = 0  # dropped lines that the log does not mention yet
        self._is_full = self._is_urgent = False
        self._is_idle = False  # the thread waits for a first line
        threading.Thread(target=self._run, name="log writer", daemon=True).start()

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Take a line without its end. Returns at once; may be called from any thread."""
        self.write_encoded(line.encode("utf-8", "backslashreplace") + b"\n", is_urgent=is_urgent)

    def write_encoded(self, data: bytes, *, is_urgent: bool = False) -> None:
        """Take a line with its end. Returns at once; may be called from any thread."""
        size = len(data)
        with self._lock:
            if self._is_full or self._gathered + self._writing + size > self._capacity:
                self._is_full = True
                self._drop(1)
                return
            if self._gathered + size > select.PIPE_BUF:
                self._write_at_once()
            self._lines.append(data)
            self._gathered += size
            is_urgent = is_urgent or time.monotonic() - self._written_at > GATHER_SECONDS
            if is_urgent:
                self._write_at_once()
            if self._lines and (is_urgent or self._is_idle or self._gathered >= GATHER_BYTES > self._gathered - size):
                self._wake_thread(is_urgent=is_urgent)

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until every line is written, at most ``seconds``; return whether they are."""
        with self._changed:
            self._is_urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _write_at_once(self) -> None:
        """Write what is gathered, if that is one piece, its turn has come, and the pipe takes it now."""
        if self._at_once is None or self._writing or self._unsaid or not 0 < self._gathered <= select.PIPE_BUF:
            return
        try:
            os.write(self._at_once, b"".join(self._lines))  # all or nothing (POSIX, write, O_NONBLOCK)
        except OSError:  # the pipe is full, or nobody reads it any more: the thread will find out
            return
        self._lines.clear()
        self._gathered = 0
        self._written_at = time.monotonic()
        if self._is_urgent:  # somebody waits for it
            self._is_urgent = False
            self._changed.notify_all()

    def _wake_thread(self, *, is_urgent: bool) -> None:
        self._is_urgent |= is_urgent
        self._is_idle = False
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            lines = self._gather()
            for piece, number in _join(lines):
                self._write_piece(piece, number)

    def _gather(self) -> list[bytes]:
        """Wait for lines, and a moment longer for more; return those that nobody else has written."""
        with self._changed:
            self._is_idle = True
            self._changed.wait_for(lambda: self._lines)
            self._is_idle, seen = False, -1.0
            while seen != self._written_at and not self._is_due():  # what was written left only younger ones
                seen = self._written_at
                self._changed.wait_for(self._is_due, GATHER_SECONDS)
            lines = list(self._lines)
            self._lines.clear()
            self._writing, self._gathered, self._is_urgent = self._gathered, 0, False
            return lines

    def _is_due(self) -> bool:
        return self._is_urgent or self._gathered >= GATHER_BYTES

    def _write_piece(self, piece: bytes, lines: int) -> None:
        is_written = True
        try:
            _write_all(self._descriptor, piece)
        except OSError:  # nobody reads the pipe any more, the disk is full
            is_written = False
        with self._changed:
            self._writing -= len(piece)
            self._written_at = time.monotonic()
            if not is_written:
                self._drop(lines)
            if self._gathered + self._writing <= self._capacity // 2:
                self._is_full = False
                if is_written:
                    self._tell_loss()
            self._changed.notify_all()

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unsaid += lines

    def _tell_loss(self) -> None:
        """Report how many lines were lost, before any further line is accepted."""
        lost, self._unsaid = self._unsaid, 0
        if lost:
            self._say_loss(lost)


def _join(lines: list[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield lines in pieces of at most ``PIPE_BUF`` bytes, with their number; a longer line is a piece of its own."""
    begin, size = 0, 0
    for number, line in enumerate(lines):
        if size and size + len(line) > select.PIPE_BUF:
            yield b"".join(lines[begin:number]), number - begin
            begin, size = number, 0
        size += len(line)
    if lines:
        yield b"".join(lines[begin:]), len(lines) - begin


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, however long that takes; raises OSError when they can't be written."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            _wait_until_writable(descriptor)


def _wait_until_writable(descriptor: int) -> None:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    waiting.poll()
