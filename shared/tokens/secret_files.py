"""Secrets that come as files, as those of Docker and Kubernetes do; and files of other kinds that settings name."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def read_secret_file(name: str, path: str) -> str:
    """Return what a file holds; raises ValueError, which names the setting and the file.

    What leads nowhere may be the secret itself, in the wrong setting, and is not shown.
    """
    shown = f"{path}, which" if _leads_somewhere(Path(path)) else "a file that"
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{name}_FILE names {shown} is not text") from None
    except OSError as error:
        raise ValueError(f"{name}_FILE names {shown} can't be read: {error.strerror}") from None
    if not text:
        raise ValueError(f"{name}_FILE names {shown} is empty")
    return text


@contextlib.contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Put the path that a setting names behind what is wrong with it, unless it may be a secret."""
    try:
        yield
    except ValueError as error:
        shown = f" ({path})" if path is not None and _leads_somewhere(path) else ""
        raise ValueError(f"{error}{shown}") from None


def _leads_somewhere(path: Path) -> bool:
    """Tell whether a path is one: it is there, or the folder is. Any text is in the current one, and many are in /."""
    folder = path.parent
    return os.path.exists(path) or (os.path.isdir(folder) and folder not in {Path("/"), Path()})  # noqa: PTH110, PTH112
