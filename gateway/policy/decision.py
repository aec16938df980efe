"""The decision: what happens to a request. Pure; the proxy, forward auth and ``explain`` all come here.

| access    | anonymous caller                                                  | signed-in caller           |
|-----------|-------------------------------------------------------------------|----------------------------|
| public    | forwarded without credentials                                     | forwarded with their token |
|           | with ``own_credentials``: what was sent goes on, see law 8        | the same                   |
| protected | 401                                                               | forwarded with their token |
| page      | GET and HEAD: to the sign-in page and back; else, and when it is  | forwarded with their token |
|           | no navigation (Fetch Metadata): 401                               |                            |
|           | with ``anonymous_forms``, a form of ours: forwarded without       |                            |
|           | credentials                                                       |                            |

1. The first rule whose path, conditions and method fit decides. Nothing else about the request can.
2. No rule for the path: 404. Rules for the path, but not for the method: 405, or the answer to OPTIONS, with ``Allow``.
3. A rule may ask more of a signed-in caller. Without the ``role`` that it asks for, 403. If they proved who they are
   longer ago than ``max_auth_age``, or the token does not say when, they have to do so again, the way anonymous callers
   do (the sign-in page gets ``prompt=login``, a 401 the challenge of RFC 9470, section 3).
4. A location is built from the canonical path and the settings' origins, never from a header.
5. A form sent after its session ended holds what somebody typed, which a redirect or a refusal would lose. Where a rule
   says ``anonymous_forms``, the service gets it without credentials, to show it again. A form that another site made
   the browser send does not pass.
6. A body announced to be longer than the rule allows is refused: 413.
7. A WebSocket is opened only where the rule says so, else 403. Any other ``Upgrade`` is ignored, as a server may
   (RFC 9110, section 7.8), and goes no further. Forward auth refuses it with 403: that proxy sends on what it got, and
   behind another protocol (h2c) further requests would pass unseen.
8. With ``own_credentials`` the Authorization header is the service's business: it names nobody here, right or wrong,
   and goes on as it came. That is for public rules alone: the service decides. Several are refused with 400, for two
   readers could pick different ones.
9. A preflight is answered here where a rule has ``cors`` (``preflights``), but not for another proxy.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from gateway.callers.same_origin import is_same_origin
from gateway.matching.matchers import Matcher
from gateway.policy.canonical_paths import CanonicalPath, write_callback_query
from gateway.policy.preflights import find_preflight_answer
from gateway.policy.rules import SIGN_IN_PATH, Access, Candidate, Condition, Policy, Rule, Source, Upstream
from gateway.wire.headers import RawHeader, find_host_name, list_values
from gateway.wire.websocket import read_key, wants_only_websocket, wants_websocket
from shared.errors import AppError, BadRequest, BodyTooLarge, Forbidden, MethodNotAllowed, NotFound, Unauthorized
from shared.tokens.authentication import Anonymous, Caller, User, ask_for_recent_sign_in, challenge
from shared.tokens.claims import is_recent
from shared.tokens.session_cookie import parse_cookies

AGAIN = "&prompt=login"
"""Makes the sign-in page ask for the password even of a signed-in user (OpenID Connect Core, section 3.1.2.1)."""

FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data")

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


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it to the upstream (None: the gateway's own pages), with the token of ``user`` if there is one.

    ``websocket_key`` is the key of the client's handshake where a WebSocket is to be opened.
    """

    rule: Rule
    user: User | None
    matcher: Matcher
    upstream: Upstream | None
    websocket_key: bytes | None = None

    @property
    def token(self) -> str | None:
        """The access token that goes along, if any."""
        return self.user.token if self.user is not None else None

    @property
    def is_private(self) -> bool:
        """Whether the answer depends on the caller."""
        return self.user is not None or self.rule.access is not Access.PUBLIC or self.rule.own_credentials

    def list_own_credentials(self, headers: RawHeaders) -> list[RawHeader]:
        """Return the headers of the client that go along because the service has credentials of its own (law 8)."""
        return [header for header in headers if header[0] == b"authorization"] if self.rule.own_credentials else []


@dataclass(frozen=True, slots=True)
class RedirectToSignIn:
    """Send the browser to the sign-in page; ``location`` is absolute where another site was asked, else relative.

    ``challenge`` is for a client that needs a 401 instead.
    """

    rule: Rule
    location: str
    challenge: str
    matcher: Matcher


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Answer OPTIONS here: 204 with ``Allow``, and with what a preflight is told (``cors``)."""

    allow: str
    cors: RawHeaders = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with the error. ``rule`` and ``matcher`` are None where no rule decided."""

    error: AppError
    rule: Rule | None = None
    matcher: Matcher | None = None


Decision: TypeAlias = Forward | RedirectToSignIn | AnswerOptions | Refuse


class Verdict(StrEnum):
    """What one rule says about one request."""

    FITS = "fits"
    OTHER_PATH = "the path does not match"
    OTHER_REQUEST = "has or missing does not hold"
    OTHER_METHOD = "the method is not listed"
    OTHER_HOST = "the host is not listed"


def decide(policy: Policy, request: RequestFacts, caller: Caller) -> Decision:
    """Return what happens to a request of this caller."""
    is_ours = request.method == "OPTIONS" and not request.is_forward_auth
    if is_ours and (told := find_preflight_answer(policy, request.path.text, request.headers)):
        return AnswerOptions(", ".join(sorted(told.methods)), told.headers)
    allowed: set[str] = set()
    for candidate in policy.list_candidates(request.path.text):
        verdict = _judge_request(candidate.rule, request)
        if verdict is Verdict.FITS:
            return apply_rule(candidate, request, caller)
        allowed |= candidate.rule.methods if verdict is Verdict.OTHER_METHOD else set()
    if not allowed:
        return Refuse(NotFound())
    allow = ", ".join(sorted(allowed | {"OPTIONS"}))
    return AnswerOptions(allow) if request.method == "OPTIONS" else Refuse(MethodNotAllowed(allow))


def list_trusted_origins(policy: Policy, request: RequestFacts) -> frozenset[bytes]:
    """Return the origins besides ours whose pages may use the caller's cookies, by the rule that decides."""
    candidates = policy.list_candidates(request.path.text)
    rule = next((each.rule for each in candidates if _judge_request(each.rule, request) is Verdict.FITS), None)
    return rule.cors.trusted if rule is not None and rule.cors is not None else frozenset()


def apply_rule(candidate: Candidate, request: RequestFacts, caller: Caller) -> Decision:
    """Return what the deciding rule's access means for the caller: the table above."""
    rule, matcher, _ = candidate
    if rule.access is Access.PUBLIC:
        user = caller if isinstance(caller, User) and not rule.own_credentials else None
        return _forward(candidate, request, user)
    if isinstance(caller, Anonymous):
        if rule.anonymous_forms and _is_own_form(request):
            return _forward(candidate, request, None)
        return _ask_to_sign_in(candidate, request, challenge(caller))
    if rule.role is not None and rule.role not in caller.claims.roles:
        return Refuse(Forbidden(), rule, matcher)
    if rule.max_auth_age is not None and not is_recent(caller.claims.authenticated_at, rule.max_auth_age, request.now):
        return _ask_to_sign_in(candidate, request, ask_for_recent_sign_in(rule.max_auth_age), AGAIN)
    return _forward(candidate, request, caller)


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


def wants_renewal(policy: Policy, decision: Decision) -> bool:
    """Tell whether a fresh token for the caller's session could change the decision, or what the upstream gets.

    It can't where no rule decides or everybody is refused, for the gateway's own public pages, and on public paths of
    an upstream that gets the session cookies: it keeps the sessions fresh itself.
    """
    rule = None if isinstance(decision, AnswerOptions) else decision.rule
    if rule is None:
        return False
    if isinstance(decision, Refuse) and not isinstance(decision.error, Unauthorized) and rule.role is None:
        return False
    upstream = policy.find_upstream(rule.upstream)
    return rule.access is not Access.PUBLIC or (upstream is not None and not upstream.session_cookies)


def _forward(candidate: Candidate, request: RequestFacts, user: User | None) -> Decision:
    """Let the request pass, unless its body, its upgrade or its credentials forbid that (laws 6 to 8)."""
    rule, matcher, upstream = candidate
    if rule.own_credentials and len(list_values(request.headers, b"authorization")) > 1:
        return Refuse(BadRequest("Send one Authorization header at most"), rule, matcher)
    if request.content_length is not None and request.content_length > rule.max_body:
        return Refuse(BodyTooLarge(), rule, matcher)
    is_upgrade = request.asks_upgrade and bool(list_values(request.headers, b"upgrade"))
    try:
        key = _read_upgrade(rule, request) if is_upgrade else None
    except AppError as error:
        return Refuse(error, rule, matcher)
    return Forward(rule, user, matcher, upstream, key)


def _read_upgrade(rule: Rule, request: RequestFacts) -> bytes | None:
    """Return the key of the WebSocket to be opened here, if any; raises the refusals of law 7."""
    if not request.is_forward_auth and not wants_websocket(request.headers):
        return None
    if not rule.websocket or (request.is_forward_auth and not wants_only_websocket(request.headers)):
        raise Forbidden("WebSockets are not opened here")
    return None if request.is_forward_auth else read_key(request.method, request.http_version, request.headers)


def _ask_to_sign_in(candidate: Candidate, request: RequestFacts, because: str, further: str = "") -> Decision:
    rule, matcher, _ = candidate
    if rule.access is Access.PAGE and _is_navigation(request):
        query = write_callback_query(request.path, request.query, further, request.site)
        location = f"{request.public_origin if request.site else ''}{SIGN_IN_PATH}?{query}"
        return RedirectToSignIn(rule, location, because, matcher)
    return Refuse(Unauthorized(challenge=because), rule, matcher)


def _is_navigation(request: RequestFacts) -> bool:
    return request.method in {"GET", "HEAD"} and _may_navigate(request)


def _is_own_form(request: RequestFacts) -> bool:
    """Tell whether a browser sends a form of ours, and will show the answer."""
    types = [value.partition(b";")[0].strip().lower() for value in list_values(request.headers, b"content-type")]
    is_form = request.method == "POST" and len(types) == 1 and types[0] in FORM_TYPES
    is_ours = is_form and is_same_origin(request.method, request.headers, request.site or request.public_origin)
    return is_ours and _may_navigate(request)


def _may_navigate(request: RequestFacts) -> bool:
    return all(mode == b"navigate" for mode in list_values(request.headers, b"sec-fetch-mode"))


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
