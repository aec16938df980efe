"""Which sessions were ended: checked after each verification of a token, so that no ended session gets through.

Pure. A session is kept here until the last of its access tokens has expired by itself (``until``, Unix seconds);
``prune`` then drops it, so the set holds at most the sessions ended within one token's lifetime. Nothing is ever taken
back: a session that was ended stays so, whatever the feed says later.

When the auth service's database is restored to an earlier state, all sessions are over at once, even those without a
row any more: tokens issued before that time no longer prove anything.
"""

from shared.tokens.claims import Claims


class Revocations:
    """The sessions that were ended, as far as is known here; ``revocation_follower`` adds them."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._since = 0

    def __len__(self) -> int:
        return len(self._until)

    def is_revoked(self, session_id: str) -> bool:
        """Tell whether a session was ended; its id is spelled as in a token's ``sid``."""
        return session_id in self._until

    def has_ended(self, claims: Claims) -> bool:
        """Tell whether a token's session was ended, by itself or with all others of its time."""
        return claims.issued_at < self._since or self.is_revoked(claims.session_id)

    def refuse_before(self, moment: int) -> None:
        """Note that all tokens issued before a moment (Unix seconds) are of ended sessions."""
        self._since = max(self._since, moment)

    def add(self, session_id: str, until: int) -> None:
        """Note that a session was ended; the later of two ends counts."""
        self._until[session_id] = max(until, self._until.get(session_id, until))

    def prune(self, now: int) -> None:
        """Forget the sessions whose tokens have all expired."""
        self._until = {session_id: until for session_id, until in self._until.items() if until > now}
