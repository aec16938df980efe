"""Whether the caller of what lasts, a WebSocket, may still go on.

Who opened it by a session cookie may go on as long as the session lives: shortly before the access token expires a
fresh one is asked for, as for a request with that cookie, and the opening is judged again with it, by the policy of
then: whether that page may use the cookie is part of it. Who opened it by a token of their own may go on as long as
that is good. Whoever needed no token to open it may always go on.
"""

import asyncio
import time
from typing import NamedTuple

from gateway.callers.credentials import Identity, StaleSession
from gateway.callers.renewal import SessionRenewal
from gateway.gate import Gate
from gateway.messages.request_heads import RequestHead
from gateway.policy.decision import Forward
from shared.tokens.authentication import User

GOING_AWAY, NOT_ALLOWED, OUR_FAULT = 1001, 1008, 1011  # RFC 6455, section 7.4.1


class End(NamedTuple):
    """Why a WebSocket ends, for its client."""

    code: int
    reason: str


SESSION_ENDED = End(NOT_ALLOWED, "The session has ended")
TOKEN_EXPIRED = End(NOT_ALLOWED, "The access token has expired")
NOT_RENEWED = End(GOING_AWAY, "The session could not be renewed right now")


class Permission:
    """The permission of one caller; ``session`` is the cookie by which it can be renewed."""

    def __init__(self, gate: Gate, renewal: SessionRenewal, head: RequestHead, user: User | None) -> None:
        self._gate = gate
        self._renewal = renewal
        self._head = head
        self._user = user
        self._session: StaleSession | None = gate.find_session(head, user) if user is not None else None
        self._renewing: asyncio.Task[None] | None = None
        self._has_ended = False

    def find_end(self) -> End | None:
        """Return why the caller may not go on, or None; to be asked every second or so."""
        user, now = self._user, int(time.time())
        if user is None:
            return None
        if self._has_ended:
            return SESSION_ENDED
        if not self._gate.may_go_on(user):
            has_expired = now >= user.claims.expires_at
            return (TOKEN_EXPIRED if self._session is None else NOT_RENEWED) if has_expired else SESSION_ENDED
        if self._session is not None and self._renewing is None and not user.claims.is_fresh(now):
            self._renewing = asyncio.get_running_loop().create_task(self._renew(Identity(user, self._session)))
        return None

    def close(self) -> None:
        """Ask for nothing more."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def _renew(self, identity: Identity) -> None:
        """Judge the opening again with a fresh token; without an answer, leave it for the next time."""
        try:
            renewed = await self._renewal.renew(identity)
            now = int(time.time())
            decision = self._gate.judge(self._head, now, renewed).decision
            is_counted = self._gate.counts_cookies(self._head, now)  # a renewed caller is not asked that again
        finally:
            self._renewing = None
        user = decision.user if isinstance(decision, Forward) else None
        assert self._user is not None
        if not is_counted or user is None or user.claims.user_id != self._user.claims.user_id:
            self._has_ended = True
        else:
            self._user = user
