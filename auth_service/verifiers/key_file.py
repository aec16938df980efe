"""The file with the key pairs, read again when it changes: keys rotate without a restart, and without a lost request.

1. It is looked at once a second, and read on SIGHUP too, changed or not. What the path leads to counts, so that it is a
   change when a link is moved to another file, as Kubernetes does with a secret.
2. A file that can't be used changes nothing: the keys in use stay, and the log says why, once for each change. One that
   is there and can't be read is tried again at each look.
3. The file is read in a thread: a disk that hangs holds up no request.
4. A key that signs before it was announced is logged as a warning, since services that have read the keys already must
   ask for it. So is a key pair that signs no longer, for the shared secret does.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import structlog

from auth_service.settings import AuthSettings
from shared.process.background import end_task
from shared.tokens.key_pairs import IssuerKeys, KeyFileRefused, KeyFileUnreadable, KeyPairs, read_key_file

LOOK_EVERY = 1.0  # seconds

log = structlog.get_logger("key_file")


class KeyFile:
    """Keeps ``keys`` as a file has them, from now on. ``start`` at the beginning, ``stop`` at the end."""

    def __init__(self, path: Path, keys: IssuerKeys, *, needs_signer: bool) -> None:
        self._path = path
        self._keys = keys
        self._needs_signer = needs_signer
        self._seen = _describe(path)  # what the path led to just before it was last read
        keys.replace(read_key_file(path, needs_signer=needs_signer))
        self._told: tuple[tuple[int, ...] | None, str] | None = None  # of what it led to, and why that can't be used
        self._is_asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: AuthSettings, keys: IssuerKeys) -> "KeyFile | None":
        """Return the file that the settings name, if they do; its keys are taken."""
        path = settings.token_key_file
        return cls(path, keys, needs_signer=settings.shared_key is None) if path is not None else None

    def start(self) -> None:
        """Begin to look, in the background."""
        self._tell()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._is_asked.set)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        await end_task(self._task)

    def find_remark(self) -> str | None:
        """Return what ``/readyz`` should say, or None while the file is as it was read."""
        return "the file can't be used, and the keys read before it changed stay" if self._told is not None else None

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._is_asked.wait()
            is_asked = self._is_asked.is_set()
            self._is_asked.clear()
            try:
                pairs = await asyncio.to_thread(self._read, is_asked=is_asked)
            except KeyFileRefused as error:
                self._refuse(error, is_asked=is_asked)
            except Exception:  # whatever it is, looking must go on
                log.exception("token_keys_not_read")
            else:
                if pairs is not None:
                    self._take(pairs)

    def _read(self, *, is_asked: bool) -> KeyPairs | None:
        """Return what the file holds, or None where it has not changed. In a thread."""
        found = _describe(self._path)
        if found == self._seen and not is_asked:
            return None
        self._seen = found
        return read_key_file(self._path, needs_signer=self._needs_signer)

    def _refuse(self, error: KeyFileRefused, *, is_asked: bool) -> None:
        """Log why the file can't be used, unless that was said and nobody asks; look again where it may pass."""
        refused = self._seen, str(error)
        if refused != self._told or is_asked:
            log.error("token_keys_refused", reason=f"TOKEN_KEY_FILE {error}")
        self._told = refused
        if isinstance(error, KeyFileUnreadable):
            self._seen = None

    def _take(self, pairs: KeyPairs) -> None:
        self._told, before = None, self._keys.signing_key
        announced = {key.kid for key in self._keys.published}
        self._keys.replace(pairs)
        if before is not None and before.is_private and pairs.signing_key is None:
            log.warning("token_key_withdrawn", kid=before.kid)
        if pairs.signing_key is not None and pairs.signing_key.kid not in announced:
            log.warning("token_key_not_announced", kid=pairs.signing_key.kid)
        self._tell()

    def _tell(self) -> None:
        signing, published = self._keys.signing_key, [key.kid for key in self._keys.published]
        log.info("token_keys_in_use", signing=signing.kid if signing is not None else None, published=published)


def ignore_hangups() -> None:
    """Let SIGHUP end nothing where there is no key file to be read again; the end of the loop undoes it."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, log.info, "no_key_file_to_read")


def _describe(path: Path) -> tuple[int, ...] | None:
    """Return what changes whenever the path leads to something else, or None where it leads nowhere."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of the file, not of a link to it
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
