"""Log lines as a test reads them: services that run beside it in the same process write theirs too."""

from collections.abc import MutableMapping, Sequence
from typing import Any

Line = MutableMapping[str, Any]


def lines_of(logs: Sequence[Line], *beginnings: str) -> list[Line]:
    """Return the lines whose event begins with one of these words."""
    return [line for line in logs if line["event"].startswith(beginnings)]
