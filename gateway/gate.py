"""The judgement: a request in, everything that was decided about it out. Pure, but for the policy in force.

The proxy, forward auth and ``explain`` all come here; nothing else judges.

1. A request that can be read in two ways was refused when it was parsed (``request_heads``); that refusal comes first.
2. The rule is chosen first (``choose_rule``): it says whether a token in the header counts, or the session cookie
   alone. Then the caller is identified, once (``credentials``), and ``apply_rule`` says what happens. Nobody is
   contacted.
3. Where a session's token has expired and a rule would let its user further, the judgement says so (``stale``): the
   session is renewed, and the request judged again with the caller that results.
4. The upstream gets the canonical path and the query as it came; nothing else of the client's spelling.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callers.credentials import NOBODY, Credentials, Identity, StaleSession
from gateway.callers.renewal import RenewedCaller
from gateway.callers.same_origin import SAFE_METHODS
from gateway.policy.choice import RequestFacts, choose_rule
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    RedirectToSignIn,
    Refuse,
    answer_without_rule,
    apply_rule,
    wants_renewal,
)
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import PROBES, Authorization, Policy
from gateway.wire.request_heads import RequestHead
from shared.errors import MethodNotAllowed, Unavailable
from shared.observing.request_context import SIGN_IN_WANTED, RequestRecord
from shared.tokens.authentication import Caller, User, note_in_record

_PROBES = frozenset(path.encode() for path in PROBES)


@dataclass(frozen=True, slots=True)
class TellState:
    """Answer an operator's probe: whether the gateway is alive, and ready."""


class Judgement(NamedTuple):
    """What was decided about a request.

    ``path`` is the canonical path, or else the path as it was sent. ``stale`` is the session to renew before this
    counts.
    """

    decision: Decision | TellState
    identity: Identity
    path: str
    stale: StaleSession | None = None

    @property
    def caller(self) -> Caller:
        """Who sends the request."""
        return self.identity.caller


class Gate:
    """Judges requests by the policy in force."""

    def __init__(self, current: CurrentPolicy, credentials: Credentials) -> None:
        self._current = current
        self._credentials = credentials

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._current.policy

    def judge(
        self, head: RequestHead, now: int, renewed: RenewedCaller | None = None, *, is_forward_auth: bool = False
    ) -> Judgement:
        """Return what happens to a request that came at ``now``, in Unix seconds; ``renewed`` after a renewal."""
        line, headers = head
        if line.raw_path in _PROBES and not is_forward_auth:
            return _judge_probe(head)
        passing, refusal = headers.passing, head.refusal
        if line.path is None or passing is None or refusal is not None:
            assert refusal is not None
            return Judgement(Refuse(refusal), self._identify(head, now, renewed), line.path_text)
        facts = RequestFacts(
            line.method,
            line.path,
            line.query,
            headers.raw,
            now,
            self._credentials.public_url,
            line.version,
            passing.content_length,
            is_forward_auth,
            headers.asks_upgrade,
        )
        policy = self._current.policy
        chosen = choose_rule(policy, facts)
        if chosen is None:
            return Judgement(answer_without_rule(policy, facts), self._identify(head, now, renewed), line.path.text)
        if renewed is None:
            is_ours = chosen.rule.authorization is not Authorization.OWN
            identity = self._credentials.identify(line.method, headers.raw, now, by_header=is_ours)
        else:
            identity = Identity(renewed.caller)
        decision = apply_rule(chosen, facts, identity.caller)
        if renewed is not None and renewed.is_unknown and isinstance(decision, Refuse | RedirectToSignIn):
            decision = Refuse(Unavailable(), decision.rule, decision.matcher)  # the caller may well be allowed
        stale = identity.stale if identity.stale is not None and wants_renewal(policy, decision) else None
        return Judgement(decision, identity, line.path.text, stale)

    def _identify(self, head: RequestHead, now: int, renewed: RenewedCaller | None) -> Identity:
        """Return who sends a request that no rule decides about; for the log alone."""
        if renewed is not None:
            return Identity(renewed.caller)
        return self._credentials.identify(head.line.method, head.headers.raw, now)

    def may_go_on(self, user: User | None) -> bool:
        """Tell whether the token that proved the caller is still good."""
        if user is None:
            return True
        return time.time() < user.claims.expires_at and not self._credentials.revocations.has_ended(user.claims)


def note_judgement(record: RequestRecord, judgement: Judgement) -> None:
    """Put into the request's log record what was decided, and for whom."""
    note_in_record(record, judgement.caller)
    decision = judgement.decision
    if isinstance(decision, AnswerOptions | TellState) or decision.rule is None or decision.matcher is None:
        return
    if isinstance(decision, RedirectToSignIn):
        record.refusal = SIGN_IN_WANTED
    record.matcher = decision.matcher.source
    record.upstream = decision.rule.upstream


def _judge_probe(head: RequestHead) -> Judgement:
    """Return what happens to an operator's probe, sent to any name of this machine."""
    is_allowed = head.line.method in SAFE_METHODS
    decision = TellState() if is_allowed else Refuse(MethodNotAllowed(", ".join(sorted(SAFE_METHODS))))
    return Judgement(decision, NOBODY, head.line.path_text)
