"""How much memory the process may use: what its container's limit says (cgroups, versions 2 and 1)."""

from collections.abc import Sequence
from pathlib import Path

_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_UNLIMITED = 1 << 60  # bytes; version 1 says a number near 2^63 for none


def find_memory_limit(files: Sequence[Path] = _FILES) -> int | None:
    """Return the limit in bytes, or None where there is none."""
    for file in files:
        try:
            limit = int(file.read_text(encoding="ascii"))
        except (OSError, ValueError):  # "max" is no number
            continue
        if limit < _UNLIMITED:
            return limit
    return None
