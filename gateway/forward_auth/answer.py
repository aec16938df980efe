"""Forward auth: another proxy, in front, asks ``/_gateway/auth`` for the decision alone.

1. Only peers in ``TRUSTED_PROXIES`` are answered. For all others the path is like any unrouted one.
2. The original request is read from the question (``question``); from there on everything is the gate's judgement. No
   upstream is ever contacted. A header whose name has ``_`` is refused: that proxy sends it on, and what is behind may
   read it as one that a yes sets.
3. A yes carries ``Gatepost-Decision: allow``, which no other server sends by accident, and always every header that a
   yes can carry, empty where there is no value: ``Authorization`` as the upstream gets it, ``Cookie`` without
   NextAuth's, and each header by which any rule of the policy names callers (``identity``). The proxy copies them all,
   so that a client's own can't survive.
   NextAuth's cookies never stand in an answer, which a script could read where a proxy passes on everything: only the
   paths of NextAuth need them, and those are for the gateway to serve.
4. Anything but a yes is a no, in the form that the proxy understands:

| decision           | nginx's auth_request                      | Caddy, Traefik, HAProxy, Envoy     |
|--------------------|-------------------------------------------|------------------------------------|
| passes             | 204                                       | 200                                |
| to the sign-in page| 401, and ``Location`` for ``error_page``  | 302, to pass on                    |
| 401                | 401 with the challenge                    | 401 with the challenge             |
| any other refusal  | 403                                       | its own status                     |

5. Pages of the origins in a rule's ``cors`` may read a no. What they may read of a yes is for others to say, and
   preflights are for them to answer: each is an OPTIONS like any other, which passes where a rule names that method.
"""

import time

from starlette.responses import Response

from gateway.callers.client_address import is_trusted
from gateway.callers.identity_headers import list_identity
from gateway.callers.renewal import RenewedCaller, SessionRenewal
from gateway.callers.unknown_keys import UnknownKeys
from gateway.forward_auth.question import Dialect, choose_dialect, is_question, read_question
from gateway.gate import Gate, TellState, note_judgement
from gateway.messages.cors_lines import write_cors
from gateway.messages.headers import keep_cookies
from gateway.messages.request_heads import RequestHead, RequestHeads
from gateway.policy.decision import AnswerOptions, Forward, RedirectToSignIn, Refuse
from gateway.settings import PublicSide
from gateway.wire.own_answers import Answer, OwnAnswers
from shared.errors import AppError, BadRequest, Forbidden, MethodNotAllowed, Unauthorized
from shared.observing.request_context import RequestRecord
from shared.tokens.session_cookie import CookieNames

DECISION_HEADER = "Gatepost-Decision"


class ForwardAuth:
    """Answers the questions of trusted proxies."""

    def __init__(
        self,
        public: PublicSide,
        heads: RequestHeads,
        gate: Gate,
        renewal: SessionRenewal,
        unknown_keys: UnknownKeys | None,
        own_answers: OwnAnswers,
        cookie_names: CookieNames,
    ) -> None:
        self._public = public
        self._heads = heads
        self._gate = gate
        self._renewal = renewal
        self._unknown_keys = unknown_keys
        self._own_answers = own_answers
        self._cookie_names = cookie_names

    def is_question(self, head: RequestHead, peer: str) -> bool:
        """Tell whether a request is a question, from a proxy that is answered."""
        is_asked = bool(self._public.trusted_proxies) and is_question(head.line.raw_path)
        return is_asked and is_trusted(peer, self._public.trusted_proxies)

    async def answer(self, head: RequestHead, record: RequestRecord) -> tuple[Answer, RenewedCaller | None]:
        """Return the answer to a question, and the caller if it had to be renewed."""
        renewed: RenewedCaller | None = None
        original, cors = head, b""
        try:
            if head.headers.has_dropped:
                raise BadRequest("A header's name has an underscore")
            named = {name.encode("ascii") for name in self._gate.policy.identity_names}
            original = read_question(head.line, head.headers.raw, self._heads, named)
            judgement = self._gate.judge(original, int(time.time()), is_forward_auth=True)
            if self._unknown_keys is not None and self._unknown_keys.may_know(judgement):
                judgement = await self._unknown_keys.judge_again(original, is_forward_auth=True)
            if judgement.stale is not None:
                renewed = await self._renewal.renew(judgement.identity)
                judgement = self._gate.judge(original, int(time.time()), renewed, is_forward_auth=True)
            note_judgement(record, judgement)
            if isinstance(judgement.decision, Forward | TellState):
                return self._allow(head, original, judgement.decision), renewed
            cors = write_cors(judgement.decision, original)
            answer = self._say_no(judgement.decision, head, original, record)
        except AppError as error:
            answer = self._refuse(error, head, original, record)
        return answer._replace(lines=answer.lines + cors), renewed

    def _say_no(
        self,
        decision: RedirectToSignIn | AnswerOptions | Refuse,
        head: RequestHead,
        original: RequestHead,
        record: RequestRecord,
    ) -> Answer:
        """Return a no in the form that the proxy understands; raises the AppError of a refusal."""
        match decision:
            case RedirectToSignIn(_, location, because):
                url = self._public.url + location if location.startswith("/") else location
                return self._lead_to_sign_in(head, original, record, url, because)
            case AnswerOptions(allow):
                raise MethodNotAllowed(allow)
            case Refuse(error):
                raise error

    def _allow(self, head: RequestHead, original: RequestHead, decision: Forward | TellState) -> Answer:
        """Return the yes (law 3)."""
        passing = original.headers.passing
        assert passing is not None  # else it would have been refused
        cookies = keep_cookies(passing.cookies, self._cookie_names).decode("latin-1")
        copied = {
            **dict.fromkeys(sorted(self._gate.policy.identity_names), ""),
            **_name_caller(decision),
            "Authorization": _choose_credential(decision, original),
            "Cookie": cookies,
        }
        status = 204 if choose_dialect(head.headers.raw) is Dialect.NGINX else 200
        return self._own_answers.of_response(Response(status_code=status, headers={DECISION_HEADER: "allow", **copied}))

    def _lead_to_sign_in(
        self, head: RequestHead, original: RequestHead, record: RequestRecord, url: str, because: str
    ) -> Answer:
        """Return the way to the sign-in page, for a browser that may have reached the proxy by another address."""
        if choose_dialect(head.headers.raw) is Dialect.HTTP:
            return self._own_answers.redirect(url)
        answer = self._own_answers.of_error(Unauthorized(challenge=because), record, original)
        return answer._replace(lines=answer.lines + b"location: %b\r\n" % url.encode("ascii"))

    def _refuse(self, error: AppError, head: RequestHead, original: RequestHead, record: RequestRecord) -> Answer:
        is_nginx = choose_dialect(head.headers.raw) is Dialect.NGINX
        shown = Forbidden(error.message) if is_nginx and not isinstance(error, Unauthorized) else error
        return self._own_answers.of_error(shown, record, original)


def _name_caller(decision: Forward | TellState) -> dict[str, str]:
    """Return the headers that name the caller, as Starlette encodes them."""
    if not isinstance(decision, Forward) or decision.user is None:
        return {}
    found = list_identity(decision.rule.identity, decision.user.claims)
    return {name.decode("ascii"): value.decode("latin-1") for name, value in found}


def _choose_credential(decision: Forward | TellState, original: RequestHead) -> str:
    """Return the Authorization header that the upstream gets: empty for none; there are never several."""
    if not isinstance(decision, Forward):
        return ""
    if decision.token is not None:
        return f"Bearer {decision.token}"
    own = decision.list_own_credentials(original.headers.raw)
    return own[0][1].decode("latin-1") if own else ""
