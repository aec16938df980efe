"""What the log says while a service waits for its database: each sentence once, then every half a minute."""

import contextlib
import time
from collections.abc import Iterator

import structlog

from shared.postgres.obstacles import DatabaseUnreachable, describe_failed_migration, describe_obstacle
from shared.postgres.schema import MigrationFailed

AGAIN_AFTER = 30.0  # seconds

log = structlog.get_logger("database")


class StartLog:
    """Tells what keeps a service from the database of ``url``, by the ``setting`` in which that stands."""

    def __init__(self, url: str, setting: str) -> None:
        self._url = url
        self.setting = setting
        self._told: tuple[str, float] | None = None  # the last sentence, and when it was logged
        self.obstacle: str | None = None  # what kept it from connecting at the last try, until it is connected

    def explain(self, error: BaseException) -> str:
        """Return why the database can't be used, by the setting that says where it is, and what to do about it."""
        is_told = isinstance(error, DatabaseUnreachable)
        return f"{self.setting}: {error if is_told else describe_obstacle(error, self._url)}"

    @contextlib.contextmanager
    def explaining(self, kinds: tuple[type[Exception], ...]) -> Iterator[None]:
        """Turn errors of these kinds into DatabaseUnreachable, with which a command for operators ends."""
        try:
            yield
        except kinds as error:
            raise DatabaseUnreachable(self.explain(error)) from error

    def tell_absence(self, error: BaseException) -> None:
        """Log that the database can't be used yet; it will be tried again."""
        sentence = self.explain(error)
        if self._is_due(sentence):
            log.warning("database_not_there_yet", error=sentence)

    def tell_failed_migration(self, error: MigrationFailed) -> None:
        """Log that a migration fails; it will be tried again."""
        sentence = describe_failed_migration(error.what, error.reason)
        if self._is_due(sentence):
            log.error("migration_failed", migration=error.what, reason=error.reason, error=sentence)

    def note_connection(self) -> None:
        """Log that the database is there."""
        self.obstacle = self._told = None
        log.info("database_connected")

    def _is_due(self, sentence: str) -> bool:
        self.obstacle, now = sentence, time.monotonic()
        if self._told is not None and self._told[0] == sentence and now - self._told[1] < AGAIN_AFTER:
            return False
        self._told = sentence, now
        return True
