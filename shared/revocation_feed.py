"""Follows the auth service's revocations, so that an ended session is refused here within two seconds.

The feed is read from its beginning when the process starts: it then tells all that still matter. While it is cut, what
is known counts and everything else goes on: a token's own lifetime is the outer bound.
"""

import time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.claims import SESSION_ID_PATTERN
from shared.feed import Feed, Place
from shared.metrics import Metrics
from shared.revocations import Revocations
from shared.service_calls import ServiceClient

PATH = "/internal/revocations"
PRUNE_EVERY = 30  # seconds; it costs as much as there are revocations


class EndedSession(BaseModel):
    """One session that was ended: no access token of it is valid after ``until`` (Unix seconds)."""

    model_config = ConfigDict(strict=True)

    sid: Annotated[str, Field(pattern=rf"^{SESSION_ID_PATTERN}$")]
    until: int


class RevocationPage(Place):
    """A page of the feed."""

    revocations: list[EndedSession]


class RevocationFollower:
    """Puts what the feed tells into ``revocations``; how far it got is kept in memory, as they are."""

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations
        self._position = 0
        self._pruned_at = 0.0  # by the monotonic clock

    async def find_position(self) -> int:
        """Return the number of the last revocation that is known; now and then, forget those that no longer matter."""
        if time.monotonic() - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = time.monotonic()
            self._revocations.prune(int(time.time()))
        return self._position

    async def take(self, page: object, after: int) -> None:
        """Know the revocations of a page."""
        del after  # nobody else moves the position
        told = RevocationPage.model_validate(page)
        for ended in told.revocations:
            self._revocations.add(ended.sid, ended.until)
        self._position = told.last

    async def start_anew(self, after: int) -> None:
        """Read from the beginning; what is known stays known."""
        del after
        self._position = 0


def create_revocation_feed(client: ServiceClient, revocations: Revocations, metrics: Metrics) -> Feed:
    """Return the feed that fills ``revocations``; not started yet."""
    metrics.watch("gatepost_revocations_known", "Ended sessions that are known here", revocations.__len__)
    return Feed("revocations", PATH, client, RevocationFollower(revocations), metrics)
