"""The judgement: a request in, everything that was decided about it out. Pure but for what is in force.

The proxy, forward auth and ``explain`` all ask here, and nothing beside it.

1. What can be read in two ways was refused when it was read (``request_heads``); that is judged first.
2. Who calls is found once (``credentials``), and what happens is ``decide`` and nothing else. Nobody is contacted.
3. Where a session's token has run out and a rule would let somebody further, the judgement says so (``stale``): the
   session is renewed, and the request judged again with who the caller is then.
4. The upstream gets the canonical path and the query as it came; nothing else of the client's spelling.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callers.credentials import Credentials, Found, StaleSession
from gateway.callers.renewal import Renewed
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    Forward,
    RedirectToSignIn,
    Refuse,
    RequestFacts,
    decide,
    is_same_origin,
)
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import OWN_UPSTREAM, PROBES, Rule
from gateway.wire.request_heads import RequestHead
from gateway.wire.websocket import find_key
from shared.authentication import Anonymous, Caller, Reason, User, note_in_record
from shared.errors import AppError, BodyTooLarge, MethodNotAllowed, Unavailable
from shared.request_context import SIGN_IN_WANTED, RequestRecord

NEXTAUTH = "/api/auth/"
PROBING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class ShowOwnPage:
    """Answer with a page of the gateway's own; ``rule`` is None for what is asked by whoever runs it."""

    rule: Rule | None


class Judgement(NamedTuple):
    """What was decided about a request.

    ``path`` is the canonical one, or else as it was sent. ``matcher`` is the one of the rule's that decided. ``stale``
    says that the session is to be renewed before this counts.
    """

    decision: Decision | ShowOwnPage
    found: Found
    path: str
    matcher: str | None = None
    stale: StaleSession | None = None

    @property
    def caller(self) -> Caller:
        """Who sends the request."""
        return self.found.caller

    @property
    def rule(self) -> Rule | None:
        """The rule that decided, if one did."""
        return None if isinstance(self.decision, AnswerOptions) else self.decision.rule


class Gate:
    """Judges requests by the policy in force."""

    def __init__(self, current: CurrentPolicy, credentials: Credentials) -> None:
        self._current = current
        self._credentials = credentials

    def judge(self, head: RequestHead, now: int, renewed: Renewed | None = None) -> Judgement:
        """Return what happens to a request that came at ``now``, in Unix seconds; ``renewed`` after a renewal."""
        line, lines = head
        if line.raw_path in _PROBES:
            return _judge_probe(head)
        found = self._credentials.find(line.method, lines.headers, now) if renewed is None else Found(renewed.caller)
        path, refusal = line.path, head.refusal
        if path is None or refusal is not None:
            assert refusal is not None
            text = path.text if path is not None else line.raw_path.decode("latin-1")
            return Judgement(Refuse(refusal), found, text)
        is_ours = line.method == "POST" and is_same_origin(line.method, lines.headers, self._credentials.public_url)
        facts = RequestFacts(line.method, path, line.query, lines.headers, now, is_ours)
        decision: Decision | ShowOwnPage = decide(self._current.policy, facts, found.caller)
        if isinstance(decision, AnswerOptions):
            return Judgement(decision, found, path.text)
        rule = decision.rule
        if rule is None:
            return Judgement(decision, found, path.text)
        if isinstance(decision, Forward):
            decision = _complete(decision, head)
        elif renewed is not None and renewed.is_unknown:
            decision = Refuse(Unavailable(), rule)  # perhaps the caller may, and nobody knows
        stale = None if _renews_itself(rule, path.text) else found.stale
        return Judgement(decision, found, path.text, rule.find_matcher(path.text), stale)

    def may_go_on(self, user: User | None) -> bool:
        """Tell whether what proved the caller is still good."""
        if user is None:
            return True
        return time.time() < user.claims.expires_at and not self._credentials.revocations.has_ended(user.claims)


_PROBES = frozenset(path.encode() for path in PROBES)
NOBODY = Found(Anonymous(Reason.MISSING))


def _judge_probe(head: RequestHead) -> Judgement:
    """Return what happens to a question of whoever runs this, asked by any name of this machine."""
    is_allowed = head.line.method in PROBING
    decision = ShowOwnPage(None) if is_allowed else Refuse(MethodNotAllowed(", ".join(PROBING)))
    return Judgement(decision, NOBODY, head.line.raw_path.decode("ascii"))


def _renews_itself(rule: Rule, path: str) -> bool:
    """Tell whether a session needs no renewal here: the auth service renews those it is asked with."""
    return rule.upstream == OWN_UPSTREAM or path.startswith(NEXTAUTH)


def _complete(decision: Forward, head: RequestHead) -> Decision | ShowOwnPage:
    """Return a decision to forward with what the request's head adds to it: a WebSocket, or a body that is too long."""
    rule, crossing = decision.rule, head.lines.crossing
    if rule.upstream == OWN_UPSTREAM:
        return ShowOwnPage(rule)
    if crossing is not None and (crossing.content_length or 0) > rule.max_body:
        return Refuse(BodyTooLarge(), rule)
    if not head.lines.asks_upgrade:
        return decision
    try:
        key = find_key(rule, head.line.method, head.line.version, head.lines.headers)
    except AppError as error:
        return Refuse(error, rule)
    return decision if key is None else Forward(rule, decision.user, key)


def note_judgement(record: RequestRecord, judgement: Judgement) -> None:
    """Put into the request's log record what was decided, and for whom."""
    note_in_record(record, judgement.caller)
    if isinstance(judgement.decision, RedirectToSignIn):
        record.refusal = SIGN_IN_WANTED
    rule = judgement.rule
    if rule is not None and judgement.matcher is not None:
        record.matcher = judgement.matcher
        record.upstream = rule.upstream
