"""The judgement: a request in, everything that was decided about it out. Pure, but for the policy in force.

The proxy, forward auth and ``explain`` all come here; nothing else judges.

1. A request that can be read in two ways was refused when it was parsed (``request_heads``); that refusal comes first,
   unless only the path is spelled in another way than the canonical one, and a rule takes that (``spellings``).
2. The rule is chosen first (``choose_rule``): it says whether a token in the header counts, or the session cookie
   alone, and whose pages may use that (``cors``). Then the caller is identified, once (``credentials``), and
   ``apply_choice`` says what happens. Nobody is contacted.
3. Where a session's token has expired and a rule would let its user further, the judgement says so (``stale``): the
   session is renewed, and the request judged again with the caller that results.
4. The upstream gets the canonical path and the query as it came; nothing else of the client's spelling.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callers.credentials import NOBODY, Credentials, Identity, StaleSession
from gateway.callers.renewal import RenewedCaller
from gateway.callers.same_origin import SAFE_METHODS, is_from, is_same_origin
from gateway.messages.request_heads import RequestHead
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.choice import Chosen, RequestFacts, choose_for_spelling, choose_rule
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    RedirectToSignIn,
    Refuse,
    apply_choice,
    wants_renewal,
)
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import PROBES, Authorization, Candidate, Policy
from gateway.policy.spellings import Spelling, read_spelling
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
        line = head.line
        if line.raw_path in _PROBES and not is_forward_auth:
            return _judge_probe(head)
        policy, found = self._current.policy, self._find_rule(head, now, is_forward_auth=is_forward_auth)
        if found is None:
            assert head.refusal is not None
            return Judgement(Refuse(head.refusal), self._identify(head, None, now, renewed), line.path_text)
        facts, chosen = found
        identity = self._identify(head, found, now, renewed)
        decision = apply_choice(policy, facts, chosen, identity.caller)
        if renewed is not None and renewed.is_unknown and isinstance(decision, Refuse | RedirectToSignIn):
            decision = Refuse(Unavailable(), decision.rule, decision.matcher)  # the caller may well be allowed
        stale = identity.stale if identity.stale is not None and wants_renewal(policy, decision) else None
        return Judgement(decision, identity, facts.path.text, stale)

    def _find_rule(self, head: RequestHead, now: int, *, is_forward_auth: bool) -> Chosen | None:
        """Return what a decision may depend on, and the rule that decides, if one does.

        None where the request is refused already: it can be read in two ways, and no rule takes that (law 1).
        """
        policy, line = self._current.policy, head.line
        if line.path is not None:
            facts = self._read_facts(head, line.path, now, is_forward_auth=is_forward_auth)
            return None if facts is None else (facts, choose_rule(policy, facts))
        spelling = _find_spelling(policy, head)
        if spelling is None:
            return None
        facts = self._read_facts(head, spelling.write(spelling.needs), now, is_forward_auth=is_forward_auth)
        return None if facts is None else choose_for_spelling(policy, facts, spelling)

    def _read_facts(
        self, head: RequestHead, path: CanonicalPath, now: int, *, is_forward_auth: bool
    ) -> RequestFacts | None:
        """Return what a decision may depend on; None where the headers were refused already."""
        (line, headers), sites = head, self._credentials.sites
        passing = headers.passing
        if passing is None or headers.refusal is not None:
            return None
        return RequestFacts(
            line.method,
            path,
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

    def _identify(self, head: RequestHead, found: Chosen | None, now: int, renewed: RenewedCaller | None) -> Identity:
        """Return who sends a request. Where no rule decides about it, that is for the log alone."""
        line, headers = head
        if renewed is not None:
            return Identity(renewed.caller)
        if found is None:
            return self._credentials.identify(line.method, headers.raw, now)
        facts, chosen = found
        is_ours = chosen is None or chosen.rule.authorization is not Authorization.OWN
        trusted = _list_trusted(chosen)
        return self._credentials.identify(line.method, headers.raw, now, facts.site, trusted, by_header=is_ours)

    def counts_cookies(self, head: RequestHead, now: int) -> bool:
        """Tell whether a session cookie would name the caller of a request."""
        line, headers = head
        found = self._find_rule(head, now, is_forward_auth=False)
        own = found[0].site or found[0].public_origin if found is not None else self._credentials.public_url
        is_own = is_same_origin(line.method, headers.raw, own)
        return is_own or (found is not None and is_from(headers.raw, _list_trusted(found[1])))

    def find_session(self, head: RequestHead, user: User) -> StaleSession | None:
        """Return the cookies of a request by which the session of its caller can be renewed, if such count."""
        now = int(time.time())
        return self._credentials.find_session(head.headers.raw, user, now) if self.counts_cookies(head, now) else None

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


def _find_spelling(policy: Policy, head: RequestHead) -> Spelling | None:
    """Return how a request's path is spelled where nothing else is wrong with it, and some rule might take that."""
    is_asked = policy.takes_spellings and head.line.is_only_spelled and head.headers.refusal is None
    return read_spelling(head.line.raw_path) if is_asked else None


def _list_trusted(chosen: Candidate | None) -> frozenset[bytes]:
    """Return the origins besides ours whose pages may use the caller's cookies, by the rule that decides."""
    return chosen.rule.cors.trusted if chosen is not None and chosen.rule.cors is not None else frozenset()


def _judge_probe(head: RequestHead) -> Judgement:
    """Return what happens to an operator's probe, sent to any name of this machine."""
    is_allowed = head.line.method in SAFE_METHODS
    decision = TellState() if is_allowed else Refuse(MethodNotAllowed(", ".join(sorted(SAFE_METHODS))))
    return Judgement(decision, NOBODY, head.line.path_text)
