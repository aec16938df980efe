"""A key file that an operator changes: a key is announced, signs, and retires."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.signers import Signer


class KeyFile:
    """A file for ``TOKEN_KEY_FILE``; ``signer`` is the one whose key comes first in it."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path = path
        self.signer = signer
        self.write([signer])

    def write(self, signers: Sequence[Signer]) -> None:
        """Put the keys of these into the file, all at once as ``mv`` does."""
        made = self.path.with_suffix(".new")
        made.touch(0o600)
        made.write_bytes(b"".join(signer.pem for signer in signers))
        made.replace(self.path)
        self.signer = signers[0]
