"""Forward auth: another proxy stands in front and asks ``/_gateway/auth`` for the decision alone. Pure ASGI.

1. Only peers in ``TRUSTED_PROXIES`` are answered. For all others the path is like any that nobody routes.
2. The request that is asked about is read from the question (``forwarded_request``), and from there on everything is
   the gate's: canonical path, header rules, caller, ``policy.decide``. No upstream is contacted, ever.
3. A yes carries ``Gatepost-Decision: allow``, which no other server says by accident, and always every header that it
   may ever carry, empty where there is nothing to say: ``Authorization`` as the upstream gets it, and ``Cookie``
   without NextAuth's. The proxy copies both, so that a client's own can't survive.
   NextAuth's cookies never stand in an answer, which a script might come to read where a proxy passes on everything:
   only the paths of NextAuth need them, and those are the gateway's to serve.
4. Whatever is not a yes is a no, in the words that the proxy understands:

| decision           | nginx's auth_request                      | Caddy, Traefik, HAProxy, Envoy     |
|--------------------|-------------------------------------------|------------------------------------|
| passes             | 204                                       | 200                                |
| to the sign-in page| 401, and ``Location`` for ``error_page``  | 302, to pass on                    |
| 401                | 401 with the challenge                    | 401 with the challenge             |
| any other refusal  | 403                                       | its own status                     |
"""

from dataclasses import replace

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.callers.client_address import is_trusted
from gateway.callers.credentials import Credentials
from gateway.callers.renewal import RenewingSend
from gateway.forward_auth.question import (
    Dialect,
    ForwardedRequest,
    find_dialect,
    is_question,
    read_forwarded_request,
)
from gateway.gate import Gate, note_decision, read_facts
from gateway.policy.canonical_paths import PathRefused, canonicalize_path, check_query
from gateway.policy.decision import AnswerOptions, Forward, RedirectToSignIn, Refuse, RequestFacts
from gateway.policy.rules import METHODS
from gateway.wire.headers import RequestHeaders, read_request_headers, said_here
from gateway.wire.upstream_head import Outgoing, PublicSide
from shared.error_responses import render_error
from shared.errors import AppError, BadRequest, Forbidden, MethodNotAllowed, Unauthorized
from shared.request_context import record_of
from shared.response_headers import ResponseHeadersMiddleware

DECISION_HEADER = "Gatepost-Decision"
COPIED = ("Authorization", "Cookie")
"""The headers of a yes that the proxy copies to the request, in place of the client's."""


class ForwardAuth:
    """Answers the questions of trusted proxies, and leaves everything else to the gate."""

    def __init__(self, gate: Gate, public: PublicSide, credentials: Credentials) -> None:
        self._gate = gate
        self._public = public
        self._credentials = credentials
        self._outgoing = Outgoing(public, credentials.cookie_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not is_question(scope["raw_path"]) or not self._may_ask(scope):
            await self._gate(scope, receive, send)
            return
        renewing_send = RenewingSend(send, self._credentials.cookie_names)
        response = await self._answer(scope, renewing_send)
        await ResponseHeadersMiddleware(response, self._public.url)(scope, receive, renewing_send)

    def _may_ask(self, scope: Scope) -> bool:
        return scope["client"] is not None and is_trusted(scope["client"][0], self._public.trusted_proxies)

    async def _answer(self, scope: Scope, send: RenewingSend) -> Response:
        dialect = find_dialect(scope["headers"])
        try:
            return await self._decide(scope, dialect, send)
        except Unauthorized as error:
            return render_error(scope, error)
        except AppError as error:
            return render_error(scope, Forbidden(error.message) if dialect is Dialect.NGINX else error)

    async def _decide(self, scope: Scope, dialect: Dialect, send: RenewingSend) -> Response:
        """Return the answer to a question; raises the AppError of a refusal."""
        asked = read_forwarded_request(
            scope["method"], scope["raw_path"], scope["query_string"], tuple(scope["headers"])
        )
        headers = read_request_headers(asked.headers, self._public.hosts)
        facts = _read_facts(asked, self._public.url)
        scope["path"] = facts.path.text
        send.renewed, decision = await self._gate.decide(facts)
        note_decision(record_of(scope), decision, send.renewed.caller)
        match decision:
            case Forward():
                return self._allow(scope, dialect, headers, decision)
            case RedirectToSignIn(_, location, because):
                return _lead_to_sign_in(scope, dialect, self._public.url + location, because)
            case AnswerOptions(allow):
                raise MethodNotAllowed(allow)
            case Refuse(error):
                raise error

    def _allow(self, scope: Scope, dialect: Dialect, headers: RequestHeaders, decision: Forward) -> Response:
        """Return the yes, with what the gateway itself would send to the upstream."""
        origin = self._outgoing.find_origin(scope["headers"], scope["client"][0], record_of(scope))
        sent = dict(said_here(headers, origin, decision.token, self._credentials.cookie_names))
        copied = {name: sent.get(name.lower().encode(), b"").decode("latin-1") for name in COPIED}
        status = 204 if dialect is Dialect.NGINX else 200
        return Response(status_code=status, headers={DECISION_HEADER: "allow", **copied})


def _read_facts(asked: ForwardedRequest, public_url: str) -> RequestFacts:
    if asked.method not in METHODS:
        raise MethodNotAllowed(", ".join(sorted(METHODS)))
    try:
        path, query = canonicalize_path(asked.raw_path), check_query(asked.query)
    except PathRefused as refusal:
        raise BadRequest(refusal.reason) from None
    return replace(read_facts(asked.method, path, query, asked.headers, public_url), is_forward_auth=True)


def _lead_to_sign_in(scope: Scope, dialect: Dialect, url: str, because: str) -> Response:
    """Return what brings a browser to the sign-in page, through a proxy that may be reached by another address."""
    if dialect is Dialect.HTTP:
        return Response(status_code=302, headers={"Location": url})
    response = render_error(scope, Unauthorized(challenge=because))
    response.headers["Location"] = url
    return response
