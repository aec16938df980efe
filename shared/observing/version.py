"""Which release this is, and which commit it was built from: for ``--version`` and for the metrics.

An image is built with the commit (``--build-arg COMMIT=...``), which it holds as a file beside this package; a checkout
has it in ``.git``.
"""

import re
from pathlib import Path

VERSION = "0.1.0"
UNKNOWN = "unknown"

_ROOT = Path(__file__).parents[2]
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def find_commit(root: Path = _ROOT) -> str | None:
    """Return the commit that the code in a folder was built from or is checked out at, or None."""
    found = _read(root / "COMMIT") or _read_checkout(root / ".git")
    return found if found is not None and _COMMIT.fullmatch(found) else None


def _read_checkout(git: Path) -> str | None:
    head = _read(git / "HEAD")
    if head is None or not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    packed = (_read(git / "packed-refs") or "").splitlines()
    return _read(git / name) or next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
