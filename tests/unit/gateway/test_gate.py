"""The judgement: everything that is decided about a request by one call, and what that costs."""

import dataclasses
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.credentials import Credentials, StaleSession
from gateway.callers.renewal import RenewedCaller
from gateway.gate import Gate, Judgement, TellState, note_judgement
from gateway.messages.raw_headers import RawHeader
from gateway.messages.request_heads import RequestHead, RequestHeads, read_line
from gateway.policy.decision import AnswerOptions, Decision, Forward, RedirectToSignIn, Refuse
from gateway.policy.file import parse_policy
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import Authorization
from gateway.wire.limits import Limits
from shared.auth_events.revocations import Revocations
from shared.observing.request_context import SIGN_IN_WANTED, begin_record
from shared.tokens.authentication import Anonymous, Caller, Reason, User, authenticate_token
from shared.tokens.claims import Claims
from shared.tokens.device_cookie import DeviceCookies, LastSignIn
from shared.tokens.session_cookie import CookieNames, SessionClaims, SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.sites import Sites

NOW = 1_800_000_000
URL = "http://localhost:3000"
SESSION_ID = "0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"
OTHER_ID = "1b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"
COOKIE = "next-auth.session-token"
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
POLICY = """
[upstreams]
auth = { address = "http://auth", authorization = "token", session_cookies = true }
posts = { address = "http://posts", authorization = "token" }

[[rule]]
matcher = "/api/auth/:path*"
access = "public"
upstream = "auth"

[[rule]]
matcher = "/page/:path*"
access = "page"
upstream = "posts"
anonymous_forms = true

[[rule]]
matcher = "/api/:id"
methods = ["GET", "POST"]
access = "protected"
upstream = "posts"
max_body = 10

[[rule]]
matcher = "/admin"
access = "page"
role = "admin"
upstream = "posts"

[[rule]]
matcher = "/recent"
access = "protected"
max_auth_age = 60
upstream = "posts"

[[rule]]
matcher = ["/", "/public"]
access = "public"
upstream = "posts"
max_body = 10

[[rule]]
matcher = "/chat"
access = "public"
upstream = "posts"
websocket = true

[[rule]]
matcher = "/private-chat"
access = "protected"
upstream = "posts"
websocket = true

[[rule]]
matcher = "/feed"
access = "public"
upstream = "posts"
authorization = "own"

[[rule]]
matcher = "/own"
access = "protected"
upstream = "posts"
authorization = "own"

[[rule]]
matcher = "/docs"
access = "public"
upstream = "gateway"
"""


class CountingTokens(AccessTokens):
    """Access tokens that count how often one is verified."""

    verified = 0

    def verify(self, token: str, now: int) -> Claims:
        """Count, and verify."""
        self.verified += 1
        return super().verify(token, now)


class CountingSealer(SessionSealer):
    """A sealer that counts how often a session is opened."""

    opened = 0

    def open(self, sealed: str, now: int) -> SessionClaims | None:
        """Count, and open."""
        self.opened += 1
        return super().open(sealed, now)


HEADS = RequestHeads({b"localhost:3000"})
CURRENT = CurrentPolicy(lambda: parse_policy(POLICY, {}), Limits())
TOKENS = CountingTokens(KeyRing("a-secret-key-for-unit-tests-number-1"), URL, 3600)
SEALER = CountingSealer("a-cookie-key-for-unit-tests-number-2", 86_400)
CREDENTIALS = Credentials(
    tokens=TOKENS,
    revocations=Revocations(),
    sealer=SEALER,
    devices=DeviceCookies("a-cookie-key-for-unit-tests-number-2"),
    cookie_names=CookieNames.of(URL),
    sites=Sites(URL),
)
GATE = Gate(CURRENT, CREDENTIALS)


def sign(age: int = 0, roles: tuple[str, ...] = (), session_id: str = SESSION_ID) -> str:
    """Return a token that was signed so many seconds ago, when its user signed in."""
    return TOKENS.sign(
        user_id=7,
        name="Ada",
        email="a@b.c",
        session_id=session_id,
        now=NOW - age,
        authenticated_at=NOW - age,
        roles=roles,
    )


def seal(token: str, session_id: str = SESSION_ID) -> str:
    """Return the ``Cookie`` of a signed-in browser."""
    return f"{COOKIE}={SEALER.seal({'sid': session_id, 'accessToken': token}, NOW)}"


TOKEN, STALE_TOKEN = sign(), sign(age=3601)
OWN = {"sec-fetch-site": "same-origin"}
BEARER, FORGED = {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"Bearer {TOKEN[:-4]}AAAA"}
SESSION, STALE_SESSION, ENDING_SESSION = ({"cookie": seal(token)} for token in (TOKEN, STALE_TOKEN, sign(age=3590)))
FORM = {"content-type": "application/x-www-form-urlencoded", **OWN}
HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    "origin": URL,
}


class Asked(NamedTuple):
    """A request, as a row of a table gives it."""

    method: str
    target: str
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


def head_of(asked: Asked, *further: RawHeader, version: str = "HTTP/1.1") -> RequestHead:
    """Return the head of a request."""
    lines = {"Host": "localhost:3000", **asked.headers}
    text = f"{asked.method} {asked.target} {version}\r\n" + "".join(f"{name}: {lines[name]}\r\n" for name in lines)
    return HEADS.read(text.encode() + b"".join(b"%b: %b\r\n" % each for each in further) + b"\r\n")


def judge(asked: Asked, renewed: RenewedCaller | None = None, *, is_forward_auth: bool = False) -> Judgement:
    """Return the judgement on a request that comes now."""
    return GATE.judge(head_of(asked), NOW, renewed, is_forward_auth=is_forward_auth)


def in_short(decision: Decision | TellState) -> str:
    """Return a decision in one word: where the request goes and as whose, or the status."""
    match decision:
        case TellState():
            return "state"
        case Forward(rule, websocket_key=key):
            return f"{rule.upstream}{'+token' if decision.token else ''}{'+websocket' if key else ''}"
        case RedirectToSignIn():
            return "302"
        case AnswerOptions(allow):
            return f"204 {allow}"
        case Refuse(error):
            return str(error.status)


def name(caller: Caller) -> str:
    """Return who a caller is in one word."""
    return "ada" if isinstance(caller, User) else caller.reason.value


def find_matcher(judgement: Judgement) -> str | None:
    """Return the matcher that decided, if one did."""
    decision = judgement.decision
    matcher = None if isinstance(decision, AnswerOptions | TellState) else decision.matcher
    assert matcher is None or matcher in judgement.decision.rule.matchers
    return matcher.source if matcher is not None else None


# Each row: what is asked; what happens, for whom, for which path, by which matcher.
JUDGEMENTS = {
    "public": (Asked("GET", "/public"), "posts", "missing", "/public", "/public"),
    "public, signed in": (Asked("GET", "/public?a=b", BEARER), "posts+token", "ada", "/public", "/public"),
    "public, a forged token": (Asked("GET", "/public", FORGED), "posts", "invalid", "/public", "/public"),
    "protected": (Asked("GET", "/api/1"), "401", "missing", "/api/1", "/api/:id"),
    "protected, signed in": (Asked("GET", "/api/1", BEARER), "posts+token", "ada", "/api/1", "/api/:id"),
    "protected, by cookie": (Asked("GET", "/api/1", SESSION), "posts+token", "ada", "/api/1", "/api/:id"),
    "protected, a forged token": (Asked("GET", "/api/1", FORGED), "401", "invalid", "/api/1", "/api/:id"),
    "another site's POST": (Asked("POST", "/api/1", SESSION), "401", "other_site", "/api/1", "/api/:id"),
    "our own POST": (Asked("POST", "/api/1", SESSION | OWN), "posts+token", "ada", "/api/1", "/api/:id"),
    "a page": (Asked("GET", "/page/%EC%95%88"), "302", "missing", "/page/안", "/page/:path*"),
    "a page, for a script": (
        *(Asked("GET", "/page/1", {"sec-fetch-mode": "cors"}), "401", "missing", "/page/1", "/page/:path*"),
    ),
    "a form of ours": (Asked("POST", "/page/1", FORM), "posts", "missing", "/page/1", "/page/:path*"),
    "a form of another site": (
        *(
            Asked("POST", "/page/1", FORM | {"sec-fetch-site": "cross-site"}),
            "401",
            "missing",
            "/page/1",
            "/page/:path*",
        ),
    ),
    "no role": (Asked("GET", "/admin", BEARER), "403", "ada", "/admin", "/admin"),
    "signed in long ago": (
        *(Asked("GET", "/recent", {"authorization": f"Bearer {sign(age=61)}"}), "401", "ada", "/recent", "/recent"),
    ),
    "signed in just now": (Asked("GET", "/recent", BEARER), "posts+token", "ada", "/recent", "/recent"),
    "nothing there": (Asked("GET", "/nowhere", BEARER), "404", "ada", "/nowhere", None),
    "never routed": (Asked("GET", "/internal/users", BEARER), "404", "ada", "/internal/users", None),
    "another method": (Asked("DELETE", "/api/1", BEARER), "405", "ada", "/api/1", None),
    "options": (Asked("OPTIONS", "/api/1"), "204 GET, HEAD, OPTIONS, POST", "missing", "/api/1", None),
    "an own page": (Asked("GET", "/docs"), "gateway", "missing", "/docs", "/docs"),
    "an own page, signed in": (Asked("GET", "/docs", SESSION), "gateway", "ada", "/docs", "/docs"),
    "a body that fits": (Asked("POST", "/public", {"content-length": "10"}), "posts", "missing", "/public", "/public"),
    "a body too long": (Asked("POST", "/public", {"content-length": "11"}), "413", "missing", "/public", "/public"),
    "too long, from nobody": (
        Asked("POST", "/api/1", {"content-length": "11"}),
        "401",
        "missing",
        "/api/1",
        "/api/:id",
    ),
    "a body in chunks": (
        *(Asked("POST", "/public", {"transfer-encoding": "chunked"}), "posts", "missing", "/public", "/public"),
    ),
    "a websocket": (Asked("GET", "/chat", HANDSHAKE), "posts+websocket", "missing", "/chat", "/chat"),
    "a websocket, by cookie": (
        *(Asked("GET", "/chat", HANDSHAKE | SESSION | OWN), "posts+token+websocket", "ada", "/chat", "/chat"),
    ),
    "a websocket of another site": (
        *(Asked("GET", "/private-chat", HANDSHAKE | SESSION | {"origin": "http://evil.example"}), "401", "other_site"),
        *("/private-chat", "/private-chat"),
    ),
    "a websocket of an old version": (
        *(Asked("GET", "/chat", HANDSHAKE | {"sec-websocket-version": "8"}), "426", "missing", "/chat", "/chat"),
    ),
    "a websocket where none is": (Asked("GET", "/public", HANDSHAKE), "403", "missing", "/public", "/public"),
    "a websocket to an own page": (Asked("GET", "/docs", HANDSHAKE), "403", "missing", "/docs", "/docs"),
    "another protocol": (
        *(Asked("GET", "/chat", {"upgrade": "h2c", "connection": "upgrade"}), "posts", "missing", "/chat", "/chat"),
    ),
    "a probe": (Asked("GET", "/livez"), "state", "missing", "/livez", None),
    "a probe, with a query": (Asked("HEAD", "/readyz?x"), "state", "missing", "/readyz", None),
    "a probe, signed in": (Asked("OPTIONS", "/readyz", BEARER), "state", "missing", "/readyz", None),
    "a probe by any name": (Asked("GET", "/livez", {"Host": "10.0.0.1:3000"}), "state", "missing", "/livez", None),
    "a probe with a wrong line": (Asked("GET", "/livez", {"connection": "cookie"}), "state", "missing", "/livez", None),
    "no probe": (Asked("POST", "/livez", BEARER), "405", "missing", "/livez", None),
    "nearly a probe": (Asked("GET", "/livez/", BEARER), "404", "ada", "/livez/", None),
    "a path with a second reading": (Asked("GET", "/p%61ge"), "400", "missing", "/p%61ge", None),
    "the same, signed in": (Asked("GET", "/p%61ge", BEARER), "400", "ada", "/p%61ge", None),
    "the same, with a forged token": (Asked("GET", "/p%61ge", FORGED), "400", "invalid", "/p%61ge", None),
    "a query with a second reading": (Asked("GET", "/page?a#b", SESSION), "400", "ada", "/page", None),
    "a line that is refused": (Asked("GET", "/page", {"connection": "cookie"} | SESSION), "400", "ada", "/page", None),
    "too many lines": (Asked("GET", "/page", {f"a{n}": "" for n in range(64)}), "431", "missing", "/page", None),
    "another host": (Asked("GET", "/page", {"Host": "evil.example"}), "400", "missing", "/page", None),
    "an unknown method": (Asked("PROPFIND", "/page", BEARER), "405", "ada", "/page", None),
}


@pytest.mark.parametrize(("asked", "decision", "caller", "path", "matcher"), JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_what_is_decided(asked: Asked, decision: str, caller: str, path: str, matcher: str | None) -> None:
    """A judgement says what happens, who calls, which path counts and which matcher decided; no renewal here."""
    judgement = judge(asked)
    assert in_short(judgement.decision) == decision
    assert (name(judgement.caller), judgement.identity.caller) == (caller, judgement.caller)
    assert (judgement.path, find_matcher(judgement), judgement.stale) == (path, matcher, None)


def test_what_is_refused_is_refused_for_the_first_thing_wrong_with_it() -> None:
    """In a head with several errors the headers' comes first, then the request line's: there is one answer."""
    judgement = judge(Asked("PROPFIND", "/p%61ge", {"Host": "evil.example"}))
    assert isinstance(judgement.decision, Refuse)
    assert judgement.decision.error.message == "This host is not served here"


def test_the_version_counts() -> None:
    """HTTP/1.0 is judged as HTTP/1.1 is, but opens no WebSocket."""
    for asked, decision in ((Asked("GET", "/api/1", BEARER), "posts+token"), (Asked("GET", "/chat", HANDSHAKE), "400")):
        judgement = GATE.judge(head_of(asked, version="HTTP/1.0"), NOW)
        assert in_short(judgement.decision) == decision


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        (Asked("GET", "/livez"), "404"),
        (Asked("GET", "/readyz", BEARER), "404"),
        (Asked("GET", "/page/1", BEARER), "posts+token"),
        (Asked("GET", "/page/1"), "302"),
        (Asked("OPTIONS", "/api/1"), "204 GET, HEAD, OPTIONS, POST"),
        (Asked("GET", "/docs"), "gateway"),
        (Asked("GET", "/p%61ge"), "400"),
        (Asked("POST", "/public", {"content-length": "11"}), "413"),
        (Asked("GET", "/chat", HANDSHAKE), "posts"),
        (Asked("GET", "/public", HANDSHAKE), "403"),
        (Asked("GET", "/chat", {"upgrade": "h2c", "connection": "upgrade"}), "403"),
        (Asked("GET", "/public", {"upgrade": "h2c", "connection": "upgrade"}), "403"),
    ],
)
def test_what_another_proxy_is_told(asked: Asked, decision: str) -> None:
    """By forward auth a probe is a path like any other, and the proxy that forwards may open WebSockets alone."""
    assert in_short(judge(asked, is_forward_auth=True).decision) == decision


# Renewal


@pytest.mark.parametrize(
    ("asked", "decision", "caller", "is_stale"),
    [
        (Asked("GET", "/page/1", STALE_SESSION), "302", "expired", True),
        (Asked("GET", "/api/1", STALE_SESSION), "401", "expired", True),
        (Asked("POST", "/api/1", STALE_SESSION | OWN), "401", "expired", True),
        (Asked("GET", "/public", STALE_SESSION), "posts", "expired", True),
        (Asked("GET", "/private-chat", HANDSHAKE | STALE_SESSION | OWN), "401", "expired", True),
        (Asked("GET", "/api/1", ENDING_SESSION), "posts+token", "ada", True),
        (Asked("GET", "/admin", ENDING_SESSION), "403", "ada", True),
        (Asked("GET", "/admin", SESSION), "403", "ada", False),
        (Asked("GET", "/docs", STALE_SESSION), "gateway", "expired", False),
        (Asked("GET", "/api/auth/session", STALE_SESSION), "auth", "expired", False),
        (Asked("POST", "/api/1", STALE_SESSION), "401", "other_site", False),
        (Asked("POST", "/public", STALE_SESSION | OWN | {"content-length": "11"}), "413", "expired", False),
        (Asked("GET", "/nowhere", STALE_SESSION), "404", "expired", False),
        (Asked("DELETE", "/api/1", STALE_SESSION | OWN), "405", "expired", False),
        (Asked("OPTIONS", "/api/1", STALE_SESSION), "204 GET, HEAD, OPTIONS, POST", "expired", False),
        (Asked("GET", "/p%61ge", STALE_SESSION), "400", "expired", False),
        (Asked("GET", "/page", STALE_SESSION | {"connection": "cookie"}), "400", "expired", False),
        (Asked("GET", "/livez", STALE_SESSION), "state", "missing", False),
        (Asked("GET", "/api/1", STALE_SESSION | BEARER), "posts+token", "ada", False),
        (Asked("GET", "/api/1", STALE_SESSION | FORGED), "401", "invalid", False),
    ],
)
def test_a_session_is_renewed_where_that_helps(asked: Asked, decision: str, caller: str, *, is_stale: bool) -> None:
    """A judgement names the session to renew first where its token has run out, or soon does, and a rule asks."""
    judgement = judge(asked)
    assert (in_short(judgement.decision), name(judgement.caller)) == (decision, caller)
    sealed = asked.headers["cookie"].partition("=")[2]
    assert judgement.stale == (StaleSession(SESSION_ID, sealed, (COOKIE,)) if is_stale else None)
    assert judgement.stale is None or judgement.identity.stale == judgement.stale


def test_a_device_cookie_that_names_another_session_is_asked_about() -> None:
    """For a browser that signed in anew, but comes with an older session, the newer one is asked about first."""
    device = CREDENTIALS.devices.make(LastSignIn(7, OTHER_ID), NOW)
    cookies = f"{SESSION['cookie']}; {CREDENTIALS.cookie_names.device}={device}"
    judgement = judge(Asked("GET", "/page/1", {"cookie": cookies}))
    assert judgement.stale is not None
    assert (judgement.stale.session_id, judgement.stale.device) == (OTHER_ID, device)


ADA = authenticate_token(TOKEN, TOKENS, Revocations(), NOW)
FRESH, ENDED = RenewedCaller(ADA, ("a=b",)), RenewedCaller(Anonymous(Reason.REVOKED), ("a=; Max-Age=0",))
UNKNOWN = RenewedCaller(Anonymous(Reason.EXPIRED), is_unknown=True)


@pytest.mark.parametrize(
    ("asked", "renewed", "decision", "caller", "matcher"),
    [
        (Asked("GET", "/page/1", STALE_SESSION), FRESH, "posts+token", "ada", "/page/:path*"),
        (Asked("GET", "/page/1", STALE_SESSION), ENDED, "302", "revoked", "/page/:path*"),
        (Asked("GET", "/page/1", STALE_SESSION), UNKNOWN, "503", "expired", "/page/:path*"),
        (Asked("GET", "/api/1", STALE_SESSION), FRESH, "posts+token", "ada", "/api/:id"),
        (Asked("GET", "/api/1", STALE_SESSION), ENDED, "401", "revoked", "/api/:id"),
        (Asked("GET", "/api/1", STALE_SESSION), UNKNOWN, "503", "expired", "/api/:id"),
        (Asked("GET", "/public", STALE_SESSION), FRESH, "posts+token", "ada", "/public"),
        (Asked("GET", "/public", STALE_SESSION), ENDED, "posts", "revoked", "/public"),
        (Asked("GET", "/public", STALE_SESSION), UNKNOWN, "posts", "expired", "/public"),
        (Asked("POST", "/page/1", STALE_SESSION | FORM), FRESH, "posts+token", "ada", "/page/:path*"),
        (Asked("POST", "/page/1", STALE_SESSION | FORM), ENDED, "posts", "revoked", "/page/:path*"),
        (Asked("POST", "/page/1", STALE_SESSION | FORM), UNKNOWN, "posts", "expired", "/page/:path*"),
        (Asked("GET", "/admin", STALE_SESSION), FRESH, "403", "ada", "/admin"),
        (Asked("POST", "/api/1", STALE_SESSION | OWN | {"content-length": "11"}), FRESH, "413", "ada", "/api/:id"),
        (
            Asked("GET", "/private-chat", HANDSHAKE | STALE_SESSION | OWN),
            FRESH,
            "posts+token+websocket",
            "ada",
            "/private-chat",
        ),
        (Asked("GET", "/private-chat", HANDSHAKE | STALE_SESSION | OWN), UNKNOWN, "503", "expired", "/private-chat"),
    ],
)
def test_a_renewed_request_is_judged_again(
    asked: Asked, renewed: RenewedCaller, decision: str, caller: str, matcher: str
) -> None:
    """After a renewal its caller counts and no cookie does; an unknown caller who may not pass gets 503."""
    for is_forward_auth in (False, True) if "upgrade" not in asked.headers else (False,):
        judgement = judge(asked, renewed, is_forward_auth=is_forward_auth)
        assert (in_short(judgement.decision), name(judgement.caller)) == (decision, caller)
        assert (find_matcher(judgement), judgement.stale, judgement.identity.stale) == (matcher, None, None)


# What it costs


@pytest.mark.parametrize(
    "asked",
    [row[0] for row in JUDGEMENTS.values()]
    + [Asked("GET", "/page/1", each) for each in (STALE_SESSION, ENDING_SESSION)],
)
def test_no_signature_is_verified_twice(asked: Asked) -> None:
    """However a request is decided, its token is verified at most once and its session opened at most once."""
    head = head_of(asked)
    before = TOKENS.verified, SEALER.opened
    GATE.judge(head, NOW)
    verified, opened = TOKENS.verified - before[0], SEALER.opened - before[1]
    has_credential = {"authorization", "cookie"} & set(asked.headers) and asked.target.partition("?")[0] not in (
        *("/livez", "/readyz"),
    )
    assert verified <= (1 if has_credential else 0)
    assert opened <= (1 if "cookie" in asked.headers else 0)


def test_a_renewed_caller_is_not_asked_for_again() -> None:
    """The judgement after a renewal verifies nothing: the renewal has identified the caller."""
    head = head_of(Asked("GET", "/page/1", STALE_SESSION))
    before = TOKENS.verified, SEALER.opened
    GATE.judge(head, NOW, FRESH)
    assert (TOKENS.verified, SEALER.opened) == before


# Any request

targets = st.sampled_from(
    [
        "/",
        "/page/1",
        "/api/1",
        "/admin",
        "/recent",
        "/public",
        "/chat",
        "/feed",
        "/own",
        "/docs",
        "/livez",
        "/x",
        "/%61",
    ]
)
extras = st.sampled_from([{}, BEARER, FORGED, SESSION, STALE_SESSION, OWN, FORM, HANDSHAKE, {"content-length": "11"}])
renewals = st.sampled_from([None, FRESH, ENDED, UNKNOWN])


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    target=targets,
    headers=st.lists(extras, max_size=3),
    noise=st.lists(
        st.tuples(st.sampled_from([b"cookie", b"authorization", b"upgrade", b"a_b"]), st.binary(max_size=9))
    ),
    renewed=renewals,
    is_forward_auth=st.booleans(),
)
def test_the_laws_hold_for_any_request(
    method: str,
    target: str,
    headers: list[dict[str, str]],
    noise: list[RawHeader],
    renewed: RenewedCaller | None,
    *,
    is_forward_auth: bool,
) -> None:
    """Whatever comes is judged, the same each time, and what could be read in two ways never passes."""
    lines = {name: value for each in headers for name, value in each.items()}
    raw = ((b"host", b"localhost:3000"), *((name.encode(), value.encode()) for name, value in lines.items()), *noise)
    head = HEADS.describe(read_line(method, target.encode(), b""), raw)
    judgement, again = (GATE.judge(head, NOW, renewed, is_forward_auth=is_forward_auth) for _ in range(2))
    assert (in_short(judgement.decision), *judgement[1:]) == (in_short(again.decision), *again[1:])
    decision = judgement.decision
    if isinstance(decision, Forward):
        assert head.refusal is None
        assert (decision.user or judgement.caller) == judgement.caller
        assert not (decision.rule.authorization is Authorization.OWN and decision.token)
        assert decision.rule.access == "public" or decision.user or decision.rule.anonymous_forms
    if renewed is not None:
        assert judgement.stale is None


@pytest.mark.parametrize(
    ("headers", "caller", "guarded"),
    [
        ({}, "missing", "401"),
        (BEARER, "missing", "401"),
        (FORGED, "missing", "401"),
        ({"authorization": "Bearer gatepost_a"}, "missing", "401"),
        (SESSION, "ada", "posts"),
        (SESSION | BEARER, "ada", "posts"),
        (SESSION | FORGED, "ada", "posts"),
        (SESSION | {"authorization": "Basic YTpi"}, "ada", "posts"),
        (STALE_SESSION | FORGED, "expired", "401"),
    ],
)
def test_an_authorization_of_the_applications_own_names_nobody(
    headers: dict[str, str], caller: str, guarded: str
) -> None:
    """Where the header is the application's, right or wrong, callers are known by their session cookie alone."""
    for target, decision in (("/feed", "posts"), ("/own", guarded)):
        judgement = judge(Asked("GET", target, headers))
        assert (in_short(judgement.decision), name(judgement.caller)) == (decision, caller)


def test_such_a_session_is_renewed_where_that_helps() -> None:
    """A guarded rule lets its user in again; to a public one a fresh token, which does not go along, is no use."""
    assert judge(Asked("GET", "/own", STALE_SESSION | FORGED)).stale is not None
    assert judge(Asked("GET", "/feed", STALE_SESSION)).stale is None
    assert in_short(judge(Asked("GET", "/own", STALE_SESSION | FORGED), FRESH).decision) == "posts"


def test_no_token_is_verified_in_a_header_that_is_not_ours() -> None:
    """What is the application's own costs no look at a key, so nobody waits for one that it may name."""
    head = head_of(Asked("GET", "/feed", BEARER))
    before = TOKENS.verified
    GATE.judge(head, NOW)
    assert TOKENS.verified == before


# While it lasts


def test_what_was_opened_goes_on_while_its_caller_is_proven() -> None:
    """A WebSocket may go on until its token expires or its session is ended."""
    gate = Gate(CURRENT, dataclasses.replace(CREDENTIALS, revocations=Revocations()))
    assert isinstance(ADA, User)
    far = 4_000_000_000
    user = User(dataclasses.replace(ADA.claims, expires_at=far), TOKEN)
    assert gate.may_go_on(user)
    assert not gate.may_go_on(User(dataclasses.replace(ADA.claims, expires_at=1), TOKEN))
    ended = Revocations()
    ended.add(SESSION_ID, far)
    assert not Gate(CURRENT, dataclasses.replace(CREDENTIALS, revocations=ended)).may_go_on(user)


# What the log is told


@pytest.mark.parametrize(
    ("asked", "matcher", "upstream", "refusal"),
    [
        (Asked("GET", "/api/1", BEARER), "/api/:id", "posts", None),
        (Asked("GET", "/api/1"), "/api/:id", "posts", None),
        (Asked("GET", "/page/1"), "/page/:path*", "posts", SIGN_IN_WANTED),
        (Asked("GET", "/docs"), "/docs", "gateway", None),
        (Asked("GET", "/nowhere", BEARER), "none", None, None),
        (Asked("OPTIONS", "/api/1"), "none", None, None),
        (Asked("GET", "/p%61ge", BEARER), "none", None, None),
        (Asked("GET", "/livez"), "none", None, None),
    ],
)
def test_what_the_log_is_told(asked: Asked, matcher: str, upstream: str | None, refusal: str | None) -> None:
    """The record says by which matcher a rule decided, and where the request goes; where none did, nothing of that."""
    record = begin_record(())
    note_judgement(record, judge(asked))
    assert (record.matcher, record.upstream, record.refusal) == (matcher, upstream, refusal)


@pytest.mark.parametrize(
    ("headers", "user_id", "because", "fault"),
    [(BEARER, 7, None, None), ({}, None, "missing", None), (FORGED, None, "invalid", "signature")],
)
@pytest.mark.parametrize("target", ["/api/1", "/page/1", "/nowhere", "/p%61ge"])
def test_the_log_is_told_who_calls(
    target: str, headers: dict[str, str], user_id: int | None, because: str | None, fault: str | None
) -> None:
    """Whatever is decided, the record says who calls, or why the caller is anonymous."""
    record = begin_record(())
    note_judgement(record, judge(Asked("GET", target, headers)))
    assert (record.user_id, record.anonymous_because, record.token_refusal) == (user_id, because, fault)
    assert record.session_id == (SESSION_ID if user_id else None)


def test_after_a_renewal_the_log_is_told_of_its_caller() -> None:
    """A record noted before a renewal, and again after it, says what holds in the end."""
    record, asked = begin_record(()), Asked("GET", "/page/1", STALE_SESSION)
    note_judgement(record, judge(asked, FRESH))
    assert (record.user_id, record.anonymous_because, record.refusal) == (7, None, None)


# Several hosts


SITES_POLICY = """
[upstreams]
posts = "http://posts"

[[rule]]
matcher = ["/api"]
access = "protected"
upstream = "posts"
cors = { origins = "https://ui.example.com", credentials = true }

[[rule]]
matcher = ["/:path*"]
access = "page"
upstream = "posts"
"""
ID, APP, UI = (f"https://{name}.example.com" for name in ("id", "app", "ui"))
SITES = Sites.of(ID, "example.com", ["app.example.com", "gateway:3000"])
SITE_HEADS = RequestHeads({b"gateway:3000", *(host.encode() for host in SITES.hosts)})
SITE_GATE = Gate(
    CurrentPolicy(lambda: parse_policy(SITES_POLICY, {}), Limits()), dataclasses.replace(CREDENTIALS, sites=SITES)
)


def judge_at(host: str, method: str, target: str, **headers: str) -> Judgement:
    """Return the judgement on a request of a signed-in browser; underscores in header names stand for hyphens."""
    lines = {"host": host, "cookie": seal(sign()), **headers}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return SITE_GATE.judge(SITE_HEADS.read(f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode()), NOW)


@pytest.mark.parametrize(
    ("host", "headers", "caller"),
    [
        ("app.example.com", {"origin": APP}, "ada"),
        ("app.example.com", {"sec_fetch_site": "same-origin"}, "ada"),
        ("app.example.com", {"origin": ID}, "other_site"),
        ("app.example.com", {"origin": ID, "sec_fetch_site": "same-site"}, "other_site"),
        ("app.example.com", {"origin": UI, "sec_fetch_site": "same-site"}, "other_site"),
        ("id.example.com", {"origin": ID}, "ada"),
        ("id.example.com:443", {"origin": ID}, "ada"),
        ("id.example.com", {"origin": APP}, "other_site"),
        ("gateway:3000", {"origin": ID}, "ada"),
        ("gateway:3000", {"origin": "https://gateway:3000"}, "other_site"),
    ],
)
def test_a_page_of_another_site_is_not_our_own(host: str, headers: dict[str, str], caller: str) -> None:
    """Each site's forms are for it alone: that two share a session lets no page of one act at the other."""
    assert name(judge_at(host, "POST", "/form", **headers).caller) == caller


@pytest.mark.parametrize(
    ("target", "headers", "caller"),
    [
        ("/api", {"origin": UI, "sec_fetch_site": "same-site"}, "ada"),
        ("/api", {"origin": UI}, "ada"),
        ("/api", {"origin": "https://evil.example.com", "sec_fetch_site": "same-site"}, "other_site"),
        ("/api", {"origin": "http://ui.example.com", "sec_fetch_site": "cross-site"}, "other_site"),
        ("/api/", {"origin": UI}, "ada"),
        ("/apix", {"origin": UI, "sec_fetch_site": "same-site"}, "other_site"),
        ("/%61pi", {"origin": UI, "sec_fetch_site": "same-site"}, "other_site"),
    ],
)
def test_a_rule_trusts_pages_of_its_listed_origins(target: str, headers: dict[str, str], caller: str) -> None:
    """The cookie counts from an origin that the deciding rule lists with credentials, and on no other rule's paths."""
    assert name(judge_at("app.example.com", "PUT", target, **headers).caller) == caller


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("app.example.com", f"{ID}/api/auth/signin?callbackUrl=https%3A%2F%2Fapp.example.com%2Fx"),
        ("id.example.com", "/api/auth/signin?callbackUrl=%2Fx"),
        ("gateway:3000", "/api/auth/signin?callbackUrl=%2Fx"),
    ],
)
def test_where_a_browser_is_led_to_sign_in(host: str, location: str) -> None:
    """From another site to the public one, with the way back; by a name that is no site, as ever."""
    decision = judge_at(host, "GET", "/x", cookie="").decision
    assert isinstance(decision, RedirectToSignIn)
    assert decision.location == location
