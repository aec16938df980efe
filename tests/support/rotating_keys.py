"""A key file that an operator changes: a key is announced, signs, and retires."""

import os
from collections.abc import Sequence
from pathlib import Path

from tests.support.signers import Signer


def write_keys(path: Path, *keys: bytes, owner: int | None = None) -> Path:
    """Put a file with these keys in the place of the one at this path, all at once as ``mv`` does."""
    made = path.with_suffix(".new")
    made.touch(0o600)
    made.write_bytes(b"".join(keys))
    if owner is not None:
        os.chown(made, owner, owner)
    return made.replace(path)


class KeyFile:
    """A file for ``TOKEN_KEY_FILE``; ``signer`` is the one whose key comes first in it."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path = path
        self.signer = signer
        self.write([signer])

    def write(self, signers: Sequence[Signer]) -> None:
        """Put the keys of these into the file."""
        write_keys(self.path, *(signer.pem for signer in signers))
        self.signer = signers[0]
