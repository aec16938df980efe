"""One request at the gate: read, decide, then forward, redirect, answer or refuse. Pure ASGI.

1. What can be read in two ways is refused before anything is decided (``headers``, ``paths``).
2. The decision is ``policy.decide`` and nothing else. Nobody is contacted before it.
3. Every refusal is an AppError, raised here or below and rendered in one place.
4. The upstream gets the canonical path and the query as it came; nothing else of the client's spelling.
"""

import time
from typing import NamedTuple, Protocol, assert_never

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.callers.credentials import Credentials
from gateway.callers.renewal import Renewed, RenewingSend, SessionRenewal
from gateway.callers.same_origin import is_same_origin
from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path, check_query
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    Forward,
    RedirectToSignIn,
    Refuse,
    RequestFacts,
    decide,
)
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import METHODS, OWN_UPSTREAM, PROBES, Rule
from gateway.wire.headers import RawHeader, RequestHeaders, encode_lines, read_request_headers
from gateway.wire.pool import UpstreamPool
from gateway.wire.proxy import OutgoingRequest, forward
from gateway.wire.request_heads import KnownRequest
from gateway.wire.tunnel import open_tunnel
from gateway.wire.upstream_connection import UpstreamConnection
from gateway.wire.upstream_head import Outgoing, PublicSide
from gateway.wire.websocket import UPGRADE_HEADERS, find_key
from shared.authentication import Caller, note_in_record
from shared.error_responses import render_error, wants_page
from shared.errors import AppError, BadRequest, MethodNotAllowed, Unavailable
from shared.request_context import SIGN_IN_WANTED, RequestRecord, record_of
from shared.response_headers import ResponseHeadersMiddleware

HTTP_VERSIONS = ("1.1", "1.0")
NEXTAUTH = "/api/auth/"
BEGUN = "gatepost.begun"
"""Where a scope holds the ``Begun`` of a request that the fast path could not finish."""


class Begun(Protocol):
    """A request that passed and was sent already, by the fast path, and the connection on which it was."""

    request: OutgoingRequest
    pool: UpstreamPool
    connection: UpstreamConnection


class Admitted(NamedTuple):
    """A plain GET that passes: what was decided, its head as it is sent, and to where."""

    decision: Forward
    head: bytes
    pool: UpstreamPool


class Gate:
    """Answers every request; ``own_pages`` is the application of what the gateway answers itself."""

    def __init__(
        self,
        public: PublicSide,
        credentials: Credentials,
        renewal: SessionRenewal,
        current: CurrentPolicy,
        own_pages: ASGIApp,
    ) -> None:
        self._public = public
        self._credentials = credentials
        self._renewal = renewal
        self._current = current
        self._own_pages = own_pages
        self._outgoing = Outgoing(public, credentials.cookie_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._own_pages(scope, receive, send)
            return
        renewing_send = RenewingSend(send, self._credentials.cookie_names)
        try:
            await self._answer(scope, receive, renewing_send)
        except AppError as error:
            self._note_reader(scope)
            await self._respond(render_error(scope, error), scope, receive, renewing_send)

    def _note_reader(self, scope: Scope) -> None:
        """Note who sent what was refused before the caller was asked for, so that the page can name them."""
        record = record_of(scope)
        if wants_page(scope) and record.user_id is None and record.anonymous_because is None:
            caller = self._credentials.find_caller(scope["method"], scope["headers"], int(time.time()))
            note_in_record(record, caller)

    async def _answer(self, scope: Scope, receive: Receive, send: RenewingSend) -> None:
        begun = scope.get(BEGUN)
        if begun is not None:
            await forward(begun.request, begun.pool, receive, send, begun.connection)
            return
        headers = read_request_headers(scope["headers"], self._public.hosts)
        path, query = _read_target(scope)
        scope["path"] = path.text
        facts = read_facts(scope["method"], path, query, tuple(scope["headers"]), self._public.url)
        renewed, decision = await self.decide(facts)
        send.renewed = renewed
        note_decision(record_of(scope), decision, renewed.caller, path)
        match decision:
            case Forward(rule, _) if rule.upstream == OWN_UPSTREAM:
                await self._own_pages(scope, receive, send)
            case Forward():
                await self._pass_on(decision, facts, headers, scope, receive, send)
            case RedirectToSignIn(_, location, _):
                redirect = Response(status_code=302, headers={"Location": location})
                await self._respond(redirect, scope, receive, send)
            case AnswerOptions(allow):
                await self._respond(Response(status_code=204, headers={"Allow": allow}), scope, receive, send)
            case Refuse(error):
                raise error
            case _:
                assert_never(decision)

    async def decide(self, facts: RequestFacts) -> tuple[Renewed, Decision]:
        """Return what happens to a request, and who the caller is, after a renewal of the session if one helps.

        The auth service is asked only where a rule lets somebody further, and not on its own paths, which renew it.
        """
        found = self._credentials.find(facts.method, facts.headers, facts.now)
        decision = decide(self._current.policy, facts, found.caller)
        rule = None if isinstance(decision, AnswerOptions) else decision.rule
        if found.stale is None or rule is None or rule.upstream == OWN_UPSTREAM or facts.path.text.startswith(NEXTAUTH):
            return Renewed(found.caller), decision
        renewed = await self._renewal.renew(found)
        decision = decide(self._current.policy, facts, renewed.caller)
        if renewed.is_unknown and not isinstance(decision, Forward):
            return renewed, Refuse(Unavailable(), rule)  # perhaps the caller may, and nobody knows
        return renewed, decision

    async def _pass_on(
        self,
        decision: Forward,
        facts: RequestFacts,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Forward a request, or open a WebSocket."""
        pool, peer, record = self._current.get_pool(decision.rule.upstream), scope["client"][0], record_of(scope)
        key = find_key(decision.rule, facts.method, scope["http_version"], facts.headers)
        further = b"" if key is None else encode_lines(UPGRADE_HEADERS)
        request = OutgoingRequest(
            method=facts.method,
            head=self._outgoing.encode_head(decision, facts, headers, peer, record, further),
            has_body=headers.has_body,
            content_length=headers.content_length,
            max_body=decision.rule.max_body,
            is_private=decision.is_private,
        )
        if key is None:
            await forward(request, pool, receive, send)
        else:
            await open_tunnel(request, key, pool, receive, send, lambda: self._may_go_on(decision))

    def _may_go_on(self, decision: Forward) -> bool:
        """Tell whether what proved the caller is still good."""
        if decision.user is None:
            return True
        claims = decision.user.claims
        return time.time() < claims.expires_at and not self._credentials.revocations.has_ended(claims)

    @property
    def hosts(self) -> frozenset[bytes]:
        """The values of Host that are served."""
        return self._public.hosts

    def admit(self, facts: RequestFacts, known: KnownRequest, peer: str, record: RequestRecord) -> Admitted | None:
        """Return what is to be done with a plain GET that passes at once; None for any other."""
        caller = self._find_caller_at_once(facts, known.token)
        decision = decide(self._current.policy, facts, caller) if caller is not None else None
        if caller is None or not isinstance(decision, Forward) or decision.rule.upstream == OWN_UPSTREAM:
            return None
        note_decision(record, decision, caller, facts.path)
        head = self._outgoing.encode_head(decision, facts, known.crossing, peer, record)
        return Admitted(decision, head, self._current.get_pool(decision.rule.upstream))

    def _find_caller_at_once(self, facts: RequestFacts, token: str | None) -> Caller | None:
        """Return who sends a request; None where a renewal has to be waited for."""
        if token is not None:
            return self._credentials.find_by_token(token, facts.now)
        found = self._credentials.find(facts.method, facts.headers, facts.now)
        return found.caller if found.stale is None else None

    async def _respond(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send an answer of the gateway's own."""
        await ResponseHeadersMiddleware(response, self._public.url)(scope, receive, send)


def read_facts(
    method: str, path: CanonicalPath, query: bytes, headers: tuple[RawHeader, ...], public_url: str
) -> RequestFacts:
    """Return what a decision about a request that comes now may depend on."""
    is_ours = method == "POST" and is_same_origin(method, headers, public_url)
    return RequestFacts(method, path, query, headers, int(time.time()), is_ours)


def _read_target(scope: Scope) -> tuple[CanonicalPath, bytes]:
    if scope["method"] not in METHODS:
        raise MethodNotAllowed(", ".join(sorted(METHODS)))
    if scope["http_version"] not in HTTP_VERSIONS:
        raise BadRequest("Only HTTP/1.1 is spoken here")
    try:
        return canonicalize_path(scope["raw_path"]), check_query(scope["query_string"])
    except PathRefused as refusal:
        raise BadRequest(refusal.reason) from None


def note_decision(record: RequestRecord, decision: Decision, caller: Caller, path: CanonicalPath) -> None:
    """Put into the request's log record what was decided, and for whom."""
    note_in_record(record, caller)
    if isinstance(decision, RedirectToSignIn):
        record.refusal = SIGN_IN_WANTED
    rule = None if isinstance(decision, AnswerOptions) else decision.rule
    if rule is not None:
        record.matcher = _find_matcher(rule, path)
        record.upstream = rule.upstream


def _find_matcher(rule: Rule, path: CanonicalPath) -> str:
    """Return the one of the rule's matchers that decided."""
    if len(rule.matchers) == 1:
        return rule.matchers[0].source
    return next(matcher.source for matcher in rule.matchers if matcher.matches(path.text))
