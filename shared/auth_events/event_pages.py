"""How the events on a page are read: one by one, so that a bad one can't spoil the rest.

Pure but for the log. An entry that can't be read is either

1. *skipped*, and logged as an error: waiting would help nobody, and the entries behind it matter too; or
2. *held*: the follower takes what is before it and then retries it again and again. Deletions are held, for none may be
   missed; ``/readyz`` and the log name the entry until one side is fixed.

An entry of an unknown kind comes from a newer release; it is skipped, and logged as a warning. Logs name the entry's
number and the members that are wrong, never their values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog
from pydantic import BaseModel, ValidationError

Entry = TypeVar("Entry", bound=BaseModel)

log = structlog.get_logger("feed")


class EntryRefused(Exception):
    """An entry that can't be read and must not be skipped; the text says which, and what is wrong."""

    def __init__(self, entry_id: int | None, faults: Mapping[str, str]) -> None:
        self.entry_id = entry_id
        self.faults = faults
        wrong = ", ".join(f"{member} ({fault})" for member, fault in faults.items())
        super().__init__(f"at entry {entry_id}: {wrong}")


def read_entries(
    feed: str,
    entries: Sequence[object],
    find_model: Callable[[object], type[Entry] | None],
    is_held: Callable[[object], bool],
    count_skipped: Callable[[], None],
) -> tuple[list[Entry], int | None]:
    """Return the readable entries of a page, and the number of the entry before which to stop, if there is one.

    ``find_model`` returns the model of an entry, None for an unknown kind; ``is_held`` tells which entries must not be
    skipped; ``count_skipped`` is called for each that is. Raises EntryRefused when the first one is held: then there is
    nothing to take.
    """
    read: list[Entry] = []
    for place, entry in enumerate(entries):
        entry_id = find_entry_id(entry)
        model = find_model(entry)
        if model is None:
            log.warning("feed_entry_not_known", feed=feed, entry=entry_id)
            continue
        try:
            read.append(model.model_validate(entry))
        except ValidationError as error:
            faults = name_faults(error)
            if not is_held(entry):
                count_skipped()
                log.error("feed_entry_skipped", feed=feed, entry=entry_id, faults=faults)  # noqa: TRY400 - the traceback contains values
            elif place == 0 or entry_id is None:
                raise EntryRefused(entry_id, faults) from None
            else:
                return read, entry_id
    return read, None


def find_entry_id(entry: object) -> int | None:
    """Return the number of a raw entry, or None if it has none."""
    number = entry.get("id") if isinstance(entry, dict) else None
    return number if type(number) is int and number > 0 else None


def name_faults(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each member, by pydantic's name for the error, without its value."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return {".".join(map(str, fault["loc"])) or "all of it": fault["type"] for fault in faults}
