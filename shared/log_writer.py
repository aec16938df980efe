"""The writer of log lines: a bounded buffer, and a thread that writes it to a file descriptor.

A pipe that nobody reads takes 64 KiB, and then the next ``write`` waits for ever. In a service that would be the end of
every request, and of ``/livez``. So:

1. ``write`` never waits for the reader of the log. While that takes nothing, lines are kept up to ``CAPACITY`` bytes;
   those beyond are dropped and counted, and so are those that can't be written at all (a closed pipe, a full disk).
2. When writing works again, the loss is said once, where the lines are missing (``say_loss``). After a buffer was full,
   lines are taken again when it is half empty: a slow reader gets stretches of the log, not every other line.
3. Lines are gathered for ``GATHER_SECONDS`` or up to ``GATHER_BYTES``; an urgent one goes out at once, in its turn.
4. Lines are written whole and in pieces of at most ``PIPE_BUF`` bytes, which a pipe takes in one (POSIX, ``write``): so
   the lines of several processes on one pipe do not run into one another.
5. ``flush`` waits for the buffer to empty, but not for long.

The descriptor is written to by blocking calls in the thread. Making it non-blocking would change it for every process
that shares it. One that is non-blocking already is waited for.
"""

import io
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterator

CAPACITY = 1 << 20  # bytes
GATHER_SECONDS = 0.02
GATHER_BYTES = 4 * select.PIPE_BUF
FLUSH_SECONDS = 1.0


class LogStream(io.TextIOBase):
    """A text stream whose lines go to a writer, for all that prints by itself: tracebacks, warnings, last words."""

    def __init__(self, writer: "LogWriter") -> None:
        self._writer = writer
        self._begun = ""

    def write(self, text: str) -> int:
        """Take text; each line goes on when it has its end."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._writer.write(line, is_urgent=True)
        return len(text)

    def writable(self) -> bool:
        """Tell that the stream can be written to."""
        return True


class LogWriter:
    """Writes lines to a file descriptor without ever holding up who writes them.

    ``say_loss`` is called in the writer's thread with a number of lost lines, and may write a line about it.
    """

    def __init__(self, descriptor: int, say_loss: Callable[[int], None], capacity: int = CAPACITY) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._say_loss = say_loss
        self._capacity = capacity
        self._lock = threading.RLock()  # a signal handler may flush in the middle of a write
        self._changed = threading.Condition(self._lock)
        self._lines: deque[bytes] = deque()
        self._gathered = 0  # bytes of ``_lines``
        self._writing = 0  # bytes that the thread has taken and not written yet
        self._unsaid = 0  # dropped lines of which the log does not tell yet
        self._is_full = self._is_urgent = False
        threading.Thread(target=self._run, name="log writer", daemon=True).start()

    def write(self, line: str, *, is_urgent: bool = False) -> None:
        """Take a line without its end. Returns at once; may be called from any thread."""
        self.write_encoded(line.encode("utf-8", "backslashreplace") + b"\n", is_urgent=is_urgent)

    def write_encoded(self, data: bytes, *, is_urgent: bool = False) -> None:
        """Take a line with its end."""
        size = len(data)
        with self._lock:
            gathered = self._gathered + size
            if self._is_full or gathered + self._writing > self._capacity:
                self._is_full = True
                self._drop(1)
                return
            self._lines.append(data)
            self._gathered = gathered
            # The thread is told of the first line, and when there is no more time to gather others.
            if size == gathered or gathered >= GATHER_BYTES > gathered - size or (is_urgent and not self._is_urgent):
                self._is_urgent |= is_urgent
                self._changed.notify_all()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until every line is written, at most ``seconds``; return whether they are."""
        with self._changed:
            self._is_urgent = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._lines and not self._writing, seconds)

    def _run(self) -> None:
        while True:
            for piece, lines in _join(self._gather()):
                self._write_piece(piece, lines)

    def _gather(self) -> list[bytes]:
        """Wait for lines, a moment longer for more of them, and return all there are."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines)
            self._changed.wait_for(lambda: self._is_urgent or self._gathered >= GATHER_BYTES, GATHER_SECONDS)
            lines = list(self._lines)
            self._lines.clear()
            self._writing, self._gathered, self._is_urgent = self._gathered, 0, False
            return lines

    def _write_piece(self, piece: bytes, lines: int) -> None:
        is_written = True
        try:
            _write_all(self._descriptor, piece)
        except OSError:  # nobody reads the pipe any more, the disk is full
            is_written = False
        with self._changed:
            self._writing -= len(piece)
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
        """Say how many lines were lost, before any further line is taken."""
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
    yield b"".join(lines[begin:]), len(lines) - begin


def _write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, however long that takes; OSError when they can't be written."""
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
