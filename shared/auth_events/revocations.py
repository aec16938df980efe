"""Which sessions were ended: asked after each verification of a token, so that no ended session gets through.

Pure. A session is kept here until the last of its access tokens has expired by itself (``until``, Unix seconds);
``prune`` lets go of it then, so the set holds at most what was ended within one token's lifetime. What is known is
never taken back: a session that was ended stays so, whatever the feed says later.

When the auth service's database is put back to an earlier state, all sessions are over at once, those too of which no
row is left to tell: tokens issued before that time prove nothing any more.
"""

from shared.tokens.claims import Claims


class Revocations:
    """The sessions that were ended, as far as is known here; ``revocation_follower`` tells of them."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._since = 0

    def __len__(self) -> int:
        return len(self._until)

    def is_revoked(self, session_id: str) -> bool:
        """Tell whether a session was ended; its id as it stands in a token's ``sid``."""
        return session_id in self._until

    def has_ended(self, claims: Claims) -> bool:
        """Tell whether the session of a token was ended, by itself or with all others of its time."""
        return claims.issued_at < self._since or self.is_revoked(claims.session_id)

    def refuse_before(self, moment: int) -> None:
        """Note that all sessions have ended whose tokens were issued before a moment (Unix seconds)."""
        self._since = max(self._since, moment)

    def add(self, session_id: str, until: int) -> None:
        """Note that a session was ended; the later of two ends counts."""
        self._until[session_id] = max(until, self._until.get(session_id, until))

    def prune(self, now: int) -> None:
        """Forget the sessions whose tokens have all expired."""
        self._until = {session_id: until for session_id, until in self._until.items() if until > now}
