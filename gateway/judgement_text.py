"""A judgement in words: what the gateway would do with a request, and the rule that says so."""

import re
from collections.abc import Iterator

from gateway.callers.identity_headers import list_identity
from gateway.gate import Judgement, TellState
from gateway.messages.raw_headers import write_name
from gateway.messages.request_heads import RequestHead
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.choice import RequestFacts, Verdict, choose_rule, judge_rule
from gateway.policy.cors import describe_cors
from gateway.policy.decision import AnswerOptions, Decision, Forward, RedirectToSignIn, Refuse
from gateway.policy.rules import About, Authorization, Cookies, Policy, Rule
from gateway.policy.spellings import read_spelling
from gateway.policy.upstreams import Upstream
from shared.tokens.authentication import Anonymous, Caller
from shared.tokens.protocol import PROTOCOLS

_IN_WORDS = {
    About.ID: "id",
    About.EMAIL: "proven address",
    About.UNPROVEN_EMAIL: "address",
    About.NAME: "name",
    About.ROLES: "role",
}
_NEXTAUTH = re.compile("|".join(rf"\b{each.cookies}\." for each in PROTOCOLS.values()).encode())


def describe_caller(caller: Caller) -> str:
    """Return who the caller is, or why that is not known."""
    if isinstance(caller, Anonymous):
        return f"anonymous ({caller.reason})"
    roles = f", {' '.join(caller.claims.roles)}" if caller.claims.roles else ""
    return f"user {caller.claims.user_id}, {caller.claims.email}{roles}"


def describe_judgement(policy: Policy, head: RequestHead, judgement: Judgement, now: int) -> Iterator[str]:
    """Yield one or more lines for each part of a judgement."""
    line = head.line
    if line.path is not None:
        yield f"path      {judgement.path}"
    else:
        yield from describe_spelling(policy, head, judgement)
    yield f"caller    {describe_caller(judgement.caller)}"
    if line.path is not None and head.refusal is None:
        yield from describe_rules(policy, RequestFacts(line.method, line.path, line.query, head.headers.raw, now))
    if judgement.stale is not None:
        yield "renewal   the session's token has run out: the auth service is asked for a fresh one first, and with it"
        yield "          the request is judged again; what follows is what happens if that session is over"
    if is_header_ignored(head, judgement):
        yield "header    Authorization is the application's own here: it proves nothing, the session cookie may"
    if isinstance(judgement.decision, Forward) and judgement.decision.upstream is not None:
        yield from describe_granted(judgement.decision.upstream)
    yield f"decision  {describe_decision(judgement.decision)}"
    yield from describe_readers(judgement.decision)
    yield f"sent      {describe_sent(head, judgement.decision)}"
    yield from describe_identity(judgement.decision)


def describe_spelling(policy: Policy, head: RequestHead, judgement: Judgement) -> Iterator[str]:
    """Yield what a path that is not canonical is taken for: each of its readings with the rule that decides it."""
    line = head.line
    spelling = read_spelling(line.raw_path) if line.is_only_spelled else None
    is_refused = isinstance(judgement.decision, Refuse) and judgement.decision.error is head.refusal
    if spelling is None or not policy.takes_spellings:
        yield f"request   refused: {line.refusal}"
        return
    request = RequestFacts(line.method, spelling.write(spelling.needs), line.query, head.headers.raw)
    for reading in spelling.readings:
        candidate = choose_rule(policy, request._replace(path=CanonicalPath(reading, b"")))
        says = f"line {candidate.rule.line}, paths = {candidate.rule.paths}" if candidate else "no rule decides it"
        yield f"reading   {reading}: {says}"
    if is_refused:
        yield f"request   refused: {line.refusal}"
        yield f"          it passes only if one rule with paths = {spelling.needs} decides all its readings"
    else:
        yield f"path      {judgement.path}: one rule, which takes this spelling, decides all its readings"


def is_header_ignored(head: RequestHead, judgement: Judgement) -> bool:
    """Tell whether the rule that decides leaves the Authorization header to the application."""
    decision = judgement.decision
    rule = None if isinstance(decision, AnswerOptions | TellState) else decision.rule
    is_own = rule is not None and rule.authorization is Authorization.OWN
    return is_own and any(name == b"authorization" for name, _ in head.headers.raw)


def describe_rules(policy: Policy, request: RequestFacts) -> Iterator[str]:
    """Yield one line for each rule: its verdict, or that it is no longer asked."""
    decided = policy.is_never_routed(request.path.text)
    if decided:
        yield "rules     none is asked: this path is never routed"
        return
    for rule in policy.rules:
        says = "not asked" if decided else judge_rule(rule, request).value
        decided = decided or says == Verdict.FITS
        matchers = " ".join(matcher.source for matcher in rule.matchers)
        yield f"line {rule.line:<4} {'->' if says == Verdict.FITS else '  '} {matchers}: {says}"


def describe_decision(decision: Decision | TellState) -> str:
    """Return the decision and the rule that made it."""
    match decision:
        case TellState():
            return "passes: the gateway tells its own state, before any rule"
        case Forward(rule):
            return f"passes ({_name(rule)})"
        case RedirectToSignIn(rule, location):
            return f"302 to {location} ({_name(rule)})"
        case AnswerOptions(allow):
            return f"204, Allow: {allow}"
        case Refuse(error, rule):
            allow = f", Allow: {error.headers['Allow']}" if "Allow" in error.headers else ""
            return f"{error.status} {error.message}{allow} ({_name(rule) if rule else 'no rule decides'})"


def describe_readers(decision: Decision | TellState) -> Iterator[str]:
    """Yield who may read the answer besides pages of the same site, if anybody."""
    if isinstance(decision, AnswerOptions) and decision.cors:
        told = "; ".join(f"{name.decode()}: {value.decode()}" for name, value in decision.cors)
        yield f"preflight {told}"
    elif not isinstance(decision, AnswerOptions | TellState) and decision.rule is not None and decision.rule.cors:
        yield f"answer    {describe_cors(decision.rule.cors)}"


def describe_sent(head: RequestHead, decision: Decision | TellState) -> str:
    """Return the request that the upstream would get, if any."""
    if isinstance(decision, TellState) or (isinstance(decision, Forward) and decision.upstream is None):
        return "nothing: the gateway answers it itself"
    if not isinstance(decision, Forward) or decision.upstream is None:
        return "nothing"
    line, upstream = head.line, decision.upstream
    has_nextauth = any(_NEXTAUTH.search(value) for _, value in head.headers.raw)
    is_sessions = decision.rule.cookies is Cookies.SESSION and decision.user is not None and has_nextauth
    has_cookies = upstream.session_cookies and has_nextauth
    parts = [
        *(["the access token"] * bool(decision.token)),
        *(["the Authorization header as it came"] * bool(decision.list_own_credentials(head.headers.raw))),
        *(["NextAuth's cookies"] * has_cookies),
        *(["the session cookie, if it is the caller's"] * is_sessions),
    ]
    sent = " and ".join(parts)
    credentials = f"with {sent}" if sent else "without credentials"
    target = decision.path.raw.decode("ascii") + (f"?{line.query.decode('ascii')}" if line.query else "")
    credentials += f", X-Forwarded-Prefix: {decision.rule.strip}" * bool(decision.rule.strip)
    return f"{line.method} {target} to {upstream.name}, {' or '.join(map(str, upstream.replicas))}, {credentials}"


def describe_granted(upstream: Upstream) -> Iterator[str]:
    """Yield the times and places of an upstream that are not the usual ones, on one line."""
    if upstream.granted:
        yield "granted   " + ", ".join(f"{word} = {value:g}" for word, value in upstream.granted.items())


def list_demands(rule: Rule) -> list[str]:
    """Return what a rule asks of a signed-in caller."""
    demands = [f"role {rule.role}"] if rule.role is not None else []
    return demands + ([f"signed in within {rule.max_auth_age} s"] if rule.max_auth_age is not None else [])


def describe_identity(decision: Decision | TellState) -> Iterator[str]:
    """Yield a line for each header that names the caller."""
    if isinstance(decision, Forward) and decision.user is not None:
        found = dict(list_identity(decision.rule.identity, decision.user.claims))
        for name, about in decision.rule.identity:
            value = found.get(name.encode())
            says = f"not sent: there is no {_IN_WORDS[about]}" if value is None else value.decode()
            yield f"identity  {write_name(name)}: {says}"


def _name(rule: Rule) -> str:
    where = [f"at {' '.join(sorted(rule.hosts))}"] if rule.hosts else []
    return ", ".join([f"line {rule.line}", rule.access, *list_demands(rule), *where])
