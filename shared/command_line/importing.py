"""Importing a file of JSON lines: for operators, from another system into a service's tables.

1. The file is streamed, whatever its size: no more than a batch of it is in memory, and lines and batches are bounded.
2. A line that can't be taken is named on standard error (its number, whom it is about, the reason) and skipped; the
   rest goes on.
3. A batch is stored in one transaction, and what is stored already is left as it is. So a run that was interrupted is
   simply repeated.
4. What is shown of the file is made visible: nobody's name moves the cursor.
"""

import contextlib
import datetime as dt
import os
import stat
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Generic, TextIO, TypeVar

import pydantic
import pydantic_core
from pydantic import AfterValidator

from shared.errors import Invalid
from shared.language.visible_text import make_visible
from shared.web.schemas import Model, describe_faults

BATCH = 500  # lines, or
BATCH_BYTES = 4_194_304
STANDARD_INPUT = "-"
SHOW_EVERY = 0.2  # seconds
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
CLOCKS_DIFFER = dt.timedelta(minutes=5)
LONGEST_SUBJECT = 100  # characters

T = TypeVar("T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # what some programs for Windows put first


def _check_moment(moment: dt.datetime) -> dt.datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if not EARLIEST <= aware <= dt.datetime.now(dt.UTC) + CLOCKS_DIFFER:
        raise ValueError("must be a time since 1970 that has come")
    return aware


Moment = Annotated[dt.datetime, AfterValidator(_check_moment)]
"""When something happened, in the past. Without a zone it is in UTC."""


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """What a line of the file says, and which line that is."""

    number: int
    item: T


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """What became of a batch; the rest of it was there already. ``skipped``: why lines can't be stored."""

    stored: int
    skipped: Sequence[tuple[Line[T], str]] = ()


@dataclass(frozen=True, slots=True)
class Importer(Generic[T]):
    """What is imported: how a line is read (raises Invalid), whom it is about, and how a batch is stored."""

    read: Callable[[bytes], T]
    subject: str
    find_subject: Callable[[T], str]
    longest_line: int
    store: Callable[[Sequence[Line[T]]], Awaitable[Stored[T]]]


@dataclass(slots=True)
class Tally:
    """How many lines there were, and what became of them."""

    lines: int = 0
    imported: int = 0
    present: int = 0
    skipped: int = 0


async def import_lines(path: str, importer: Importer[T]) -> Tally:
    """Import a file, or standard input for ``-``; raises Invalid when it can't be read."""
    tally, batch, begins = Tally(), list[Line[T]](), 0
    with _opened(path) as file:
        progress = Progress(sys.stderr, _find_size(file))
        for number, line, position in read_lines(file, importer.longest_line):
            if line is not None and not line.strip():
                continue
            tally.lines += 1
            try:
                batch.append(Line(number, _read(line, importer)))
            except Invalid as error:
                tally.skipped += 1
                progress.name(number, get_text(line or b"", importer.subject), say(error))
            if len(batch) >= BATCH or position - begins > BATCH_BYTES:
                await _store(batch, importer, tally, progress)
                batch, begins = [], position
            progress.show(tally, position)
        await _store(batch, importer, tally, progress)
        progress.end()
    return tally


def read_lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes | None, int]]:
    """Give each line's number, the line, None if it is longer than ``longest`` bytes, and how many bytes were read."""
    number, position = 0, 0
    while line := file.readline(longest + 1):
        number, position = number + 1, position + len(line)
        is_long = len(line) > longest and not line.endswith(b"\n")
        rest = line
        while is_long and rest and not rest.endswith(b"\n"):
            rest = file.readline(longest + 1)
            position += len(rest)
        yield number, None if is_long else line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b""), position


def read_members(model: type[Model], line: bytes) -> Model:
    """Return a line as the model; raises Invalid."""
    try:
        return model.model_validate_json(line)
    except pydantic.ValidationError as error:
        (kind, *_) = (fault["type"] for fault in error.errors(include_input=False, include_url=False))
        faults = {"line": "is not JSON"} if kind == "json_invalid" else describe_faults(error)
        raise Invalid({"line" if name == "body" else name: fault for name, fault in faults.items()}) from None


def get_text(line: bytes, member: str) -> str:
    """Return the text that a member of a line has; nothing when there is none."""
    try:
        members = pydantic_core.from_json(line)
    except ValueError:
        return ""
    text = members.get(member) if isinstance(members, dict) else None
    return text if isinstance(text, str) else ""


def keep_first(items: Iterable[T], find_key: Callable[[T], str]) -> list[T]:
    """Return items in their order, of those with the same key the first."""
    kept: dict[str, T] = {}
    for item in items:
        kept.setdefault(find_key(item), item)
    return list(kept.values())


def say(error: Invalid) -> str:
    """Return all that is wrong as one sentence."""
    return "; ".join(f"{name} {fault}" for name, fault in error.fields.items())


@dataclass(slots=True)
class Progress:
    """What is said meanwhile on standard error: which lines were skipped; at a terminal also how far it is."""

    stream: TextIO
    size: int | None
    _shown_at: float = -SHOW_EVERY
    _is_shown: bool = False

    def name(self, number: int, subject: str, reason: str) -> None:
        """Say that a line was skipped."""
        self._clear()
        about = make_visible(subject[:LONGEST_SUBJECT]) or "-"
        self.stream.write(f"line {number}, {about}: {make_visible(reason)}\n")

    def show(self, tally: Tally, position: int) -> None:
        """Show how far it is, if anybody looks and some time has passed."""
        if not self.stream.isatty() or time.monotonic() - self._shown_at < SHOW_EVERY:
            return
        self._clear()
        share = f" ({position * 100 // self.size} %)" if self.size else ""
        self.stream.write(f"{tally.lines:,} lines{share}: {tally.imported:,} imported, {tally.skipped:,} skipped")
        self.stream.flush()
        self._is_shown, self._shown_at = True, time.monotonic()

    def end(self) -> None:
        """Leave an empty line."""
        self._clear()
        self.stream.flush()

    def _clear(self) -> None:
        if self._is_shown:
            self.stream.write("\r\x1b[K")
            self._is_shown = False


async def _store(batch: Sequence[Line[T]], importer: Importer[T], tally: Tally, progress: Progress) -> None:
    if not batch:
        return
    done = await importer.store(batch)
    for line, reason in done.skipped:
        progress.name(line.number, importer.find_subject(line.item), reason)
    tally.imported += done.stored
    tally.skipped += len(done.skipped)
    tally.present += len(batch) - done.stored - len(done.skipped)


def _read(line: bytes | None, importer: Importer[T]) -> T:
    if line is None:
        raise Invalid({"line": f"is longer than {importer.longest_line} bytes"})
    return importer.read(line)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115, PTH123 - closed below; a failure to read is not one to open
    except OSError as error:
        raise Invalid({path: f"can't be read: {error.strerror}"}) from None
    with file:
        yield file


def _find_size(file: BinaryIO) -> int | None:
    """Return how many bytes a file has; None for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
