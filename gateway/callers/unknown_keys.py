"""A request whose token names a key that is not known waits until it can be told what that token is worth.

1. The published keys are read, if that may be done for it; then the request is judged again.
2. While nobody can tell, what would be refused gets 503, for the caller may well be allowed; and so does every request
   with a token while there is no key at all.
3. A session whose own token is of an unknown key is renewed, as one is whose token has expired.
"""

import time

from gateway.callers.renewal import RenewedCaller
from gateway.gate import Gate, Judgement
from gateway.messages.request_heads import RequestHead
from gateway.policy.decision import Refuse
from shared.errors import Unavailable
from shared.tokens.authentication import names_unknown_key
from shared.tokens.published_keys import KeyFollower


class UnknownKeys:
    """Judges again what was judged without the key that a token names."""

    def __init__(self, gate: Gate, follower: KeyFollower) -> None:
        self._gate = gate
        self._follower = follower

    def may_know(self, judgement: Judgement) -> bool:
        """Tell whether a request is to be judged again: its token's key is unknown, and a reading may tell more."""
        return names_unknown_key(judgement.caller) and not self._follower.is_settled

    async def judge_again(self, head: RequestHead, *, is_forward_auth: bool = False) -> Judgement:
        """Return what happens to a request now that the keys have been read, if they could be."""
        is_certain = await self._follower.settle()
        judgement = self._gate.judge(head, int(time.time()), is_forward_auth=is_forward_auth)
        if is_certain or not names_unknown_key(judgement.caller):
            return judgement
        if self._follower.find_lack() is not None:
            return judgement._replace(decision=Refuse(Unavailable()), stale=None)
        if judgement.stale is not None:
            return judgement
        unknown = RenewedCaller(judgement.caller, is_unknown=True)
        return self._gate.judge(head, int(time.time()), unknown, is_forward_auth=is_forward_auth)
