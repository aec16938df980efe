"""Which rule decides about a request: the first whose path, host, conditions and method fit. Pure.

Nothing else about the request counts, and the caller is not identified here: that matters to ``decision`` alone.
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from gateway.messages.raw_headers import RawHeader, find_host_name, list_values
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.rules import Candidate, Condition, Policy, Rule, Source
from gateway.policy.spellings import Spelling
from shared.tokens.session_cookie import parse_cookies

_SEPARATORS = {"cookie": "; "}

RawHeaders: TypeAlias = tuple[RawHeader, ...]


class RequestFacts(NamedTuple):
    """All of a request that a decision may depend on. Header names are in lower case.

    ``now`` is when it came, in Unix seconds; without it nobody has signed in recently. ``public_origin`` is
    ours; ``site`` is that of the site that was asked, where it is another (``sites``). ``content_length`` is None where
    none is announced. With ``is_forward_auth`` another proxy asks, and forwards the request itself. Where
    ``asks_upgrade`` is false the headers are known to hold no ``Upgrade``.
    """

    method: str
    path: CanonicalPath
    query: bytes = b""
    headers: RawHeaders = ()
    now: int = 0
    public_origin: str = ""
    http_version: str = "1.1"
    content_length: int | None = None
    is_forward_auth: bool = False
    asks_upgrade: bool = True
    site: str = ""


Chosen: TypeAlias = tuple[RequestFacts, Candidate | None]
"""A request, and the rule that decides about it, if one does."""


class Verdict(StrEnum):
    """What one rule says about one request."""

    FITS = "fits"
    OTHER_PATH = "the path does not match"
    OTHER_REQUEST = "has or missing does not hold"
    OTHER_METHOD = "the method is not listed"
    OTHER_HOST = "the host is not listed"


def choose_rule(policy: Policy, request: RequestFacts) -> Candidate | None:
    """Return the rule that decides about a request, whoever sends it; None where no rule does."""
    method = request.method
    for candidate in policy.list_candidates(request.path.text):
        rule = candidate.rule
        if method in rule.methods and (rule.is_plain or _judge_request(rule, request) is Verdict.FITS):
            return candidate
    return None


def choose_for_spelling(policy: Policy, request: RequestFacts, spelling: Spelling) -> Chosen | None:
    """Return the request with its path as it passes in this spelling, and the rule that decides, if one does.

    None where it may not pass: where readings of it are decided in different ways, or no rule says that it may.
    """
    first, *others = (request._replace(path=CanonicalPath(reading, b"")) for reading in spelling.readings)
    candidate = choose_rule(policy, first)
    if candidate is None:
        methods = list_methods(policy, first)
        chosen = (choose_rule(policy, first._replace(method=method)) for method in sorted(methods))
        rules = [each.rule for each in chosen if each is not None]
        is_same = bool(methods) and all(
            choose_rule(policy, other) is None and list_methods(policy, other) == methods for other in others
        )
    else:
        rules = [candidate.rule]
        is_same = all(_is_decided_by(candidate.rule, policy, other) for other in others)
    allowing = (rule.paths for rule in rules if rule.paths.allows(spelling.needs))
    allowed = next(allowing, None)
    if allowed is None or not is_same:
        return None
    return request._replace(path=spelling.write(allowed)), candidate


def _is_decided_by(rule: Rule, policy: Policy, request: RequestFacts) -> bool:
    candidate = choose_rule(policy, request)
    return candidate is not None and candidate.rule is rule


def list_methods(policy: Policy, request: RequestFacts) -> frozenset[str]:
    """Return the methods of all rules that are about this request, but for its method."""
    rules = (candidate.rule for candidate in policy.list_candidates(request.path.text))
    return frozenset[str]().union(*(rule.methods for rule in rules if _is_about(rule, request)))


def _is_about(rule: Rule, request: RequestFacts) -> bool:
    """Tell whether a rule whose matcher fits is about this request, but for its method."""
    return _judge_request(rule, request) in {Verdict.FITS, Verdict.OTHER_METHOD}


def judge_rule(rule: Rule, request: RequestFacts) -> Verdict:
    """Return whether a rule is about this request, and if not, why."""
    return _judge_request(rule, request) if rule.find_matcher(request.path.text) else Verdict.OTHER_PATH


def _judge_request(rule: Rule, request: RequestFacts) -> Verdict:
    """Return whether a rule whose matcher fits is about this request."""
    if rule.hosts and not rule.is_about(find_host_name(request.headers)):
        return Verdict.OTHER_HOST
    if rule.is_narrowed and not _conditions_hold(rule, request):
        return Verdict.OTHER_REQUEST
    return Verdict.FITS if request.method in rule.methods else Verdict.OTHER_METHOD


def holds(condition: Condition, request: RequestFacts) -> bool:
    """Tell whether what a condition names is there in a request, and matches."""
    value = _find_value(condition, request)
    return value is not None and (condition.value is None or condition.value.accepts(value))


def _conditions_hold(rule: Rule, request: RequestFacts) -> bool:
    return all(holds(condition, request) for condition in rule.has) and not any(
        holds(condition, request) for condition in rule.missing
    )


def _find_value(condition: Condition, request: RequestFacts) -> str | None:
    """Return the value that a condition looks at, or None, as Next.js does (its ``matchHas``): an empty one is none.

    Headers with one name are one value, joined as Node.js joins them. Of a name repeated in the query the last value
    counts, even an empty one: the name is there.
    """
    match condition.source:
        case Source.HEADER:
            values = [value.decode("latin-1") for value in list_values(request.headers, condition.key.encode())]
            return _SEPARATORS.get(condition.key, ", ").join(values) or None
        case Source.COOKIE:
            return parse_cookies(request.headers).get(condition.key) or None
        case Source.QUERY:
            pairs = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
            values = [value for name, value in pairs if name == condition.key]
            return None if values in ([], [""]) else values[-1]
        case Source.HOST:
            return find_host_name(request.headers)
