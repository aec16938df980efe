"""A local file of breached passwords: the ordered list of SHA-1 hashes that Have I Been Pwned publishes.

Each line is ``HASH:COUNT``, the hash in hexadecimal, in ascending order; the number of lines does not matter. The file
is never read whole: a look-up is a binary search of some thirty reads. A new file under the same name takes effect when
the service next starts.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Self

HASH_LENGTH = 40  # hexadecimal digits of SHA-1
LONGEST_LINE = 64  # bytes, its end included
SAMPLES = 64  # places at which the form of a file is checked
_LINE = re.compile(rb"[0-9A-Fa-f]{40}:[0-9]{1,12}\r?")


class BreachedPasswordsInvalid(ValueError):
    """The file is missing, can't be read, or is not such a list."""


class BreachedPasswords:
    """Looks up passwords in a file, which stays open. Thread-safe."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file of passwords; raises BreachedPasswordsInvalid."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            breached = cls(descriptor, os.fstat(descriptor).st_size)
            breached._check()
        except OSError:
            raise BreachedPasswordsInvalid("names a file that can't be read") from None
        return breached

    def has(self, password: str) -> bool:
        """Tell whether a password is in the file."""
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self._size  # the line looked for begins in here
        while low < high:
            middle = (low + high) // 2
            start, line = self._get_line(middle)
            found = line[:HASH_LENGTH].upper()
            if found == wanted:
                return True
            if not line or found > wanted:
                high = middle
            else:
                low = start + len(line) + 1
        return False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _get_line(self, position: int) -> tuple[int, bytes]:
        """Return the first line that begins at or after a position, and where it begins; empty at the end."""
        before = max(0, position - 1)
        block = os.pread(self._descriptor, 2 * LONGEST_LINE, before)
        start = block.find(b"\n") + 1 if position else 0
        if position and not start:
            return self._size, b""
        return before + start, block[start:].partition(b"\n")[0]

    def _check(self) -> None:
        """Check lines all over the file: each is well-formed, and sorts after the one before."""
        last, lines = b"", 0
        for number in range(SAMPLES):
            _, line = self._get_line(self._size * number // SAMPLES)
            if line and (not _LINE.fullmatch(line) or line[:HASH_LENGTH].upper() < last):
                raise BreachedPasswordsInvalid(
                    "names a file that is no ordered list of lines HASH:COUNT with SHA-1 hashes"
                )
            last, lines = line[:HASH_LENGTH].upper() or last, lines + bool(line)
        if not lines:
            raise BreachedPasswordsInvalid("names an empty file")
