"""The locked requirements, read."""

import os
import re
from pathlib import Path

from tests.support.house import ROOT

_PIN = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z0-9,-]+\])?==([^ ]+)", re.MULTILINE)


def read_lock(path: Path) -> dict[str, str]:
    """Return the version of each library of a lock."""
    return dict(_PIN.findall(path.read_text()))


def list_npm_locks() -> list[str]:
    """Return the paths of npm's locks; those of installed packages are not ours."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name != "node_modules" and not name.startswith(".")]
        found += [str((Path(folder) / name).relative_to(ROOT)) for name in files if name == "package-lock.json"]
    return sorted(found)
