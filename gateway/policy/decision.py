"""The decision: what happens to a request. Pure; the proxy, forward auth and ``explain`` all come here.

| access    | anonymous caller                                                           | signed-in caller |
|-----------|----------------------------------------------------------------------------|------------------|
| public    | forwarded                                                                  | forwarded        |
| protected | 401                                                                        | forwarded        |
| page      | GET and HEAD: to the sign-in page and back; else, and when it is no        | forwarded        |
|           | navigation (law 9): 401                                                    |                  |
|           | with ``anonymous_forms``, a form of ours: forwarded                        |                  |

1. The first rule whose path, host, conditions and method fit decides (``choice``). Nothing else about the request can.
2. No rule for the path: 404. Rules for the path, but not for the method: 405, or the answer to OPTIONS, with ``Allow``.
   A method that is none of the usual ones is 405, wherever no rule names it.
3. A rule may ask more of a signed-in caller. Without the ``role`` that it asks for, 403. If they proved who they are
   longer ago than ``max_auth_age``, or the token does not say when, they have to do so again, the way anonymous callers
   do (the sign-in page gets ``prompt=login``, a 401 the challenge of RFC 9470, section 3).
4. A location is built from the canonical path and the settings' origins, never from a header.
5. A form sent after its session ended holds what somebody typed, which a redirect or a refusal would lose. Where a rule
   says ``anonymous_forms``, the service gets it as nobody's, to show it again. A form that another site made
   the browser send does not pass.
6. A body announced to be longer than the rule allows is refused: 413.
7. A WebSocket is opened only where the rule says so, else 403. Any other ``Upgrade`` is ignored, as a server may
   (RFC 9110, section 7.8), and goes no further. Forward auth refuses it with 403: that proxy sends on what it got, and
   behind another protocol (h2c) further requests would pass unseen.
8. What goes along is for the rule to say (``authorization``): the access token of a signed-in caller, or nothing, or
   the header as it came. Then it is the application's business and names nobody here, right or wrong: callers are known
   by their session cookie alone. Several headers are refused with 400, for two readers could pick different ones.
9. What is no navigation gets 401 instead of a page: a script could make nothing of it. Browsers tell by Fetch Metadata.
   Where that is missing, as over plain http, a script is known by ``X-Requested-With: XMLHttpRequest``, or by an Accept
   that takes no page. A handshake of a WebSocket never is one.
10. A preflight is answered here where a rule has ``cors`` (``preflights``), but not for another proxy.
11. What leads to another path, too, passes only if the same rule decides about that (``destinations``).
"""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.callers.same_origin import is_same_origin
from gateway.matching.matchers import Matcher
from gateway.messages.prefixes import strip_prefix
from gateway.messages.raw_headers import RawHeader, list_values
from gateway.policy.canonical_paths import CanonicalPath, write_callback_query
from gateway.policy.choice import RawHeaders, RequestFacts, choose_rule, list_methods
from gateway.policy.destinations import stays_with
from gateway.policy.methods import METHODS
from gateway.policy.preflights import find_preflight_answer
from gateway.policy.rules import SIGN_IN_PATH, Access, Authorization, Candidate, Paths, Policy, Rule
from gateway.policy.upstreams import Upstream
from gateway.websockets.handshake import read_key, wants_only_websocket, wants_websocket
from shared.errors import AppError, BadRequest, BodyTooLarge, Forbidden, MethodNotAllowed, NotFound, Unauthorized
from shared.tokens.authentication import Anonymous, Caller, User, ask_for_recent_sign_in, challenge
from shared.tokens.claims import is_recent

AGAIN = "&prompt=login"
"""Makes the sign-in page ask for the password even of a signed-in user (OpenID Connect Core, section 3.1.2.1)."""

PAGE_TYPES = (b"text/html", b"application/xhtml+xml", b"text/*", b"*/*")
FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data")


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it to the upstream (None: the gateway's own pages).

    ``path`` is how it is sent on. ``user`` is the signed-in caller, unless neither the rule nor the upstream wants to
    know. ``websocket_key`` is the key of the client's handshake where a WebSocket is to be opened.
    """

    rule: Rule
    user: User | None
    matcher: Matcher
    upstream: Upstream | None
    path: CanonicalPath
    websocket_key: bytes | None = None

    @property
    def token(self) -> str | None:
        """The access token that goes along, if any."""
        return self.user.token if self.user is not None and self.rule.authorization is Authorization.TOKEN else None

    @property
    def is_private(self) -> bool:
        """Whether the answer depends on the caller."""
        rule = self.rule
        return self.user is not None or rule.access is not Access.PUBLIC or rule.authorization is Authorization.OWN

    def list_own_credentials(self, headers: RawHeaders) -> list[RawHeader]:
        """Return the Authorization header of the client, if it goes along as it came (law 8)."""
        if self.rule.authorization is not Authorization.OWN:
            return []
        return [header for header in headers if header[0] == b"authorization"]


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


def decide(policy: Policy, request: RequestFacts, caller: Caller) -> Decision:
    """Return what happens to a request of this caller."""
    return apply_choice(policy, request, choose_rule(policy, request), caller)


def apply_choice(policy: Policy, request: RequestFacts, chosen: Candidate | None, caller: Caller) -> Decision:
    """Return what happens to a request of this caller about which a rule decides; or none, with ``chosen`` None."""
    told = _answer_preflight(policy, request)
    if told is not None or chosen is None:
        return told or answer_without_rule(policy, request)
    if not stays_with(chosen.rule, policy, request):
        return Refuse(BadRequest("Destination leads to where another rule decides"), chosen.rule, chosen.matcher)
    return apply_rule(chosen, request, caller)


def _answer_preflight(policy: Policy, request: RequestFacts) -> AnswerOptions | None:
    """Return the answer to a preflight that is answered here (law 10)."""
    if request.method != "OPTIONS" or request.is_forward_auth:
        return None
    told = find_preflight_answer(policy, request.path.text, request.headers)
    return None if told is None else AnswerOptions(", ".join(sorted(told.methods)), told.headers)


def answer_without_rule(policy: Policy, request: RequestFacts) -> AnswerOptions | Refuse:
    """Return what happens to a request that no rule decides about (law 2)."""
    if request.method not in METHODS:
        return Refuse(MethodNotAllowed(", ".join(sorted(METHODS))))
    allowed = list_methods(policy, request)
    if not allowed:
        return Refuse(NotFound())
    allow = ", ".join(sorted(allowed | {"OPTIONS"}))
    return AnswerOptions(allow) if request.method == "OPTIONS" else Refuse(MethodNotAllowed(allow))


def apply_rule(candidate: Candidate, request: RequestFacts, caller: Caller) -> Decision:
    """Return what the deciding rule's access means for the caller: the table above."""
    rule, matcher, _ = candidate
    if rule.access is Access.PUBLIC:
        return _forward(candidate, request, caller if rule.tells_caller and isinstance(caller, User) else None)
    if isinstance(caller, Anonymous):
        if rule.anonymous_forms and _is_own_form(request):
            return _forward(candidate, request, None)
        return _ask_to_sign_in(candidate, request, challenge(caller))
    if rule.role is not None and rule.role not in caller.claims.roles:
        return Refuse(Forbidden(logged=f"lacks the role {rule.role}"), rule, matcher)
    if rule.max_auth_age is not None and not is_recent(caller.claims.authenticated_at, rule.max_auth_age, request.now):
        return _ask_to_sign_in(candidate, request, ask_for_recent_sign_in(rule.max_auth_age), AGAIN)
    return _forward(candidate, request, caller)


def wants_renewal(policy: Policy, decision: Decision) -> bool:
    """Tell whether a fresh token for the caller's session could change the decision, or what the upstream gets.

    It can't where no rule decides or everybody is refused, on public paths where the upstream hears nothing of the
    caller, and on those of an upstream that gets the session cookies: it keeps the sessions fresh itself.
    """
    rule = None if isinstance(decision, AnswerOptions) else decision.rule
    is_refused = isinstance(decision, Refuse) and not isinstance(decision.error, Unauthorized)
    if rule is None or (is_refused and rule.role is None):
        return False
    if rule.access is not Access.PUBLIC:
        return True
    upstream = policy.find_upstream(rule.upstream)
    return rule.tells_caller and (upstream is None or not upstream.session_cookies)


def _forward(candidate: Candidate, request: RequestFacts, user: User | None) -> Decision:
    """Let the request pass, unless its body, its upgrade or its credentials forbid that (laws 6 to 8)."""
    rule, matcher, upstream = candidate
    if rule.authorization is Authorization.OWN and len(list_values(request.headers, b"authorization")) > 1:
        return Refuse(BadRequest("Send one Authorization header at most"), rule, matcher)
    if request.content_length is not None and request.content_length > rule.max_body:
        return Refuse(BodyTooLarge(), rule, matcher)
    is_upgrade = request.asks_upgrade and bool(list_values(request.headers, b"upgrade"))
    try:
        key = _read_upgrade(rule, request) if is_upgrade else None
    except AppError as error:
        return Refuse(error, rule, matcher)
    is_canonical = rule.paths is Paths.STRICT
    path = strip_prefix(request.path, rule.strip, is_canonical=is_canonical) if rule.strip else request.path
    if path is None:
        return Refuse(BadRequest("The path starts with two slashes"), rule, matcher)
    return Forward(rule, user, matcher, upstream, path, key)


def _read_upgrade(rule: Rule, request: RequestFacts) -> bytes | None:
    """Return the key of the WebSocket to be opened here, if any; raises the refusals of law 7."""
    if not request.is_forward_auth and not wants_websocket(request.headers):
        return None
    if not rule.websocket or (request.is_forward_auth and not wants_only_websocket(request.headers)):
        raise Forbidden("WebSockets are not opened here")
    return None if request.is_forward_auth else read_key(request.method, request.http_version, request.headers)


def _ask_to_sign_in(candidate: Candidate, request: RequestFacts, because: str, further: str = "") -> Decision:
    rule, matcher, _ = candidate
    if rule.access is Access.PAGE and request.method in {"GET", "HEAD"} and _may_navigate(request):
        query = write_callback_query(request.path, request.query, further, request.site)
        location = f"{request.public_origin if request.site else ''}{SIGN_IN_PATH}?{query}"
        return RedirectToSignIn(rule, location, because, matcher)
    return Refuse(Unauthorized(challenge=because), rule, matcher)


def _is_own_form(request: RequestFacts) -> bool:
    """Tell whether a browser sends a form of ours, and will show the answer."""
    types = [value.partition(b";")[0].strip().lower() for value in list_values(request.headers, b"content-type")]
    is_form = request.method == "POST" and len(types) == 1 and types[0] in FORM_TYPES
    is_ours = is_form and is_same_origin(request.method, request.headers, request.site or request.public_origin)
    return is_ours and _may_navigate(request)


def _may_navigate(request: RequestFacts) -> bool:
    """Tell whether a browser may show the answer; without Fetch Metadata by what scripts say (law 9)."""
    if request.asks_upgrade and wants_websocket(request.headers):
        return False
    modes = list_values(request.headers, b"sec-fetch-mode")
    if modes:
        return all(mode == b"navigate" for mode in modes)
    if b"xmlhttprequest" in (value.lower() for value in list_values(request.headers, b"x-requested-with")):
        return False
    accepted = b",".join(list_values(request.headers, b"accept")).lower()
    return not accepted or any(kind in accepted for kind in PAGE_TYPES)
