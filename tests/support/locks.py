"""The locked requirements, read."""

import re
from pathlib import Path

_PIN = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z0-9,-]+\])?==([^ ]+)", re.MULTILINE)


def read_lock(path: Path) -> dict[str, str]:
    """Return the version of each library of a lock."""
    return dict(_PIN.findall(path.read_text()))
