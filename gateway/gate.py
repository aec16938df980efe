"""The judgement: a request in, everything that was decided about it out. Pure, but for the policy in force.

The proxy, forward auth and ``explain`` all come here; nothing else judges.

1. A request that can be read in two ways was refused when it was parsed (``request_heads``); that refusal comes first.
2. The caller is identified once (``credentials``), and ``decide`` alone says what happens. Nobody is contacted. Which
   rule decides does not depend on the caller, and whose pages may use their cookies is for that rule to say (``cors``).
3. Where a session's token has expired and a rule would let its user further, the judgement says so (``stale``): the
   session is renewed, and the request judged again with the caller that results.
4. The upstream gets the canonical path and the query as it came; nothing else of the client's spelling.
5. Where a rule says ``own_credentials``, that is known only after the caller was looked for: a token of another issuer
   is checked in vain there, like any that somebody made up. It costs what that costs, and no more: now and then a
   reading of the published keys, for which that request does not wait.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callers.credentials import NOBODY, Credentials, Identity, StaleSession
from gateway.callers.renewal import RenewedCaller
from gateway.callers.same_origin import SAFE_METHODS, is_from, is_same_origin
from gateway.policy.choice import RequestFacts, list_trusted_origins
from gateway.policy.decision import AnswerOptions, Decision, Forward, RedirectToSignIn, Refuse, decide, wants_renewal
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import PROBES
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

    def judge(
        self, head: RequestHead, now: int, renewed: RenewedCaller | None = None, *, is_forward_auth: bool = False
    ) -> Judgement:
        """Return what happens to a request that came at ``now``, in Unix seconds; ``renewed`` after a renewal."""
        line = head.line
        if line.raw_path in _PROBES and not is_forward_auth:
            return _judge_probe(head)
        policy, facts = self._current.policy, self._read_facts(head, now, is_forward_auth=is_forward_auth)
        identity = self._identify(head, facts, now) if renewed is None else Identity(renewed.caller)
        if facts is None:
            assert head.refusal is not None
            return Judgement(Refuse(head.refusal), identity, line.path_text)
        decision = decide(policy, facts, identity.caller)
        if renewed is not None and renewed.is_unknown and isinstance(decision, Refuse | RedirectToSignIn):
            decision = Refuse(Unavailable(), decision.rule, decision.matcher)  # the caller may well be allowed
        if isinstance(decision, Forward) and decision.rule.own_credentials:
            identity = NOBODY  # the header may prove something to the service; here it proves nothing
        stale = identity.stale if identity.stale is not None and wants_renewal(policy, decision) else None
        return Judgement(decision, identity, facts.path.text, stale)

    def counts_cookies(self, head: RequestHead, now: int) -> bool:
        """Tell whether a session cookie would name the caller of a request."""
        (line, headers), facts = head, self._read_facts(head, now, is_forward_auth=False)
        if facts is None:
            return is_same_origin(line.method, headers.raw, self._credentials.public_url)
        is_own = is_same_origin(line.method, headers.raw, facts.site or facts.public_origin)
        return is_own or is_from(headers.raw, list_trusted_origins(self._current.policy, facts))

    def _identify(self, head: RequestHead, facts: RequestFacts | None, now: int) -> Identity:
        (line, headers), policy = head, self._current.policy
        if facts is None:
            return self._credentials.identify(line.method, headers.raw, now)
        return self._credentials.identify(
            line.method, headers.raw, now, facts.site, lambda: list_trusted_origins(policy, facts)
        )

    def _read_facts(self, head: RequestHead, now: int, *, is_forward_auth: bool) -> RequestFacts | None:
        """Return what a decision may depend on; None where the request is refused already."""
        (line, headers), sites = head, self._credentials.sites
        passing = headers.passing
        if line.path is None or passing is None or head.refusal is not None:
            return None
        return RequestFacts(
            line.method,
            line.path,
            line.query,
            headers.raw,
            now,
            sites.public_url,
            line.version,
            passing.content_length,
            is_forward_auth,
            headers.asks_upgrade,
            (sites.find_other(passing.host.decode("latin-1")) or "") if sites.others else "",
        )

    def find_session(self, head: RequestHead, user: User) -> StaleSession | None:
        """Return the cookies of a request by which the session of its caller can be renewed, if there are such."""
        return self._credentials.find_session(head.headers.raw, user, int(time.time()))

    def may_go_on(self, user: User) -> bool:
        """Tell whether the token that proved the caller is still good."""
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
