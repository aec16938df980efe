"""Follows the auth service's revocations, so that an ended session is refused here within two seconds.

The feed is read from its beginning when the process starts, and brings all revocations that still matter. While it is
cut, the known ones apply and everything else goes on: a token's own lifetime is the outer bound.
"""

import time
from collections.abc import Callable

from shared.auth_events.contract import REVOCATIONS_PATH, EndedSession, RevocationPage
from shared.auth_events.event_pages import read_entries
from shared.auth_events.follower import Follower, Position
from shared.auth_events.revocations import Revocations
from shared.observing.metrics import Metrics
from shared.web.service_calls import ServiceClient

FEED = "revocations"
PRUNE_EVERY = 30  # seconds; the cost grows with the number of revocations


class RevocationConsumer:
    """Puts the feed's events into ``revocations``; the position is kept in memory, as they are.

    An entry that can't be read is skipped: a session that it does not name can't be refused, and the next ones matter
    as much.
    """

    def __init__(self, revocations: Revocations, count_skipped: Callable[[], None]) -> None:
        self._revocations = revocations
        self._count_skipped = count_skipped
        self._position = Position()
        self._pruned_at = 0.0  # by the monotonic clock

    async def get_position(self) -> Position:
        """Return how far the feed was read; now and then, drop the revocations that no longer matter."""
        if time.monotonic() - self._pruned_at >= PRUNE_EVERY:
            self._pruned_at = time.monotonic()
            self._revocations.prune(int(time.time()))
        return self._position

    async def take(self, page: object, asked: Position) -> None:
        """Apply the revocations on a page."""
        told = RevocationPage.model_validate(page)
        ended, _ = read_entries(FEED, told.revocations, lambda _: EndedSession, lambda _: False, self._count_skipped)
        for each in ended:
            self._revocations.add(each.sid, each.until)
        self._revocations.refuse_before(told.since)
        self._position = Position(told.last, told.epoch or asked.epoch)

    async def start_anew(self, page: object, asked: Position) -> None:
        """Read from the beginning; what is known stays known."""
        told = RevocationPage.model_validate(page)
        self._revocations.refuse_before(told.since)
        self._position = Position(0, told.epoch or asked.epoch)


def create_revocation_follower(client: ServiceClient, revocations: Revocations, metrics: Metrics) -> Follower:
    """Return the follower that fills ``revocations``; not started yet."""
    metrics.watch("gatepost_revocations_known", "Ended sessions that are known here", revocations.__len__)
    consumer = RevocationConsumer(revocations, metrics.register_skipped_entries(FEED))
    return Follower(FEED, REVOCATIONS_PATH, client, consumer, metrics)
