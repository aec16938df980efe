"""Renewing a session over HTTP: one call at a time, remembered for a moment, verified, and never blocking anybody."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.callers import renewal as session_renewal
from gateway.callers.credentials import Credentials, Identity, StaleSession
from gateway.callers.renewal import RenewedCaller, SessionRenewal, add_cookies
from shared.auth_events.revocations import Revocations
from shared.tokens.authentication import Anonymous, Caller, Reason, User, authenticate_token
from shared.tokens.device_cookie import DeviceCookies
from shared.tokens.session_cookie import CookieNames, SessionSealer
from shared.tokens.signed import AccessTokens
from shared.web.service_calls import ServiceClient
from shared.web.sites import Sites
from tests.support.fake_auth_service import (
    FakeAuthService,
    Json,
    Misbehaviour,
    answer_with,
    break_off,
    running_auth_service,
)
from tests.support.gateway_in_process import SERVICE_SECRET, SESSION_ID
from tests.support.service_callers import tokens_of
from tests.support.signers import USUAL
from tests.support.verifiers import keys_of

URL = "http://localhost:3000"
NAMES = CookieNames.of(URL)
OTHER_SESSION = SESSION_ID.replace("0", "1")
EXPIRED = Anonymous(Reason.EXPIRED)
UNKNOWN = RenewedCaller(EXPIRED, is_unknown=True)
REVOKED = Anonymous(Reason.REVOKED)
STALE = StaleSession(SESSION_ID, "sealed-by-us", (f"{NAMES.session}.0", f"{NAMES.session}.1"))
COOKIE = f"{NAMES.session}=anew; Path=/; HttpOnly; SameSite=Lax"
CLEARED = f"{NAMES.session}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"


@pytest.fixture
def credentials() -> Credentials:
    """Give the credentials of a gateway that knows of no ended session."""
    return Credentials(
        tokens=AccessTokens(keys_of(USUAL.signer), URL, 3600),
        revocations=Revocations(),
        sealer=SessionSealer("a-cookie-key-for-the-gateways-tests-2", 86_400),
        devices=DeviceCookies("a-cookie-key-for-the-gateways-tests-2"),
        cookie_names=NAMES,
        sites=Sites(URL),
    )


@pytest.fixture
async def auth(credentials: Credentials) -> AsyncIterator[FakeAuthService]:
    """Give an auth service that renews every session."""

    def renew(asked: Json) -> bytes:
        del asked
        return answer_with({"accessToken": sign(credentials), "setCookie": [COOKIE]})

    async with running_auth_service(SERVICE_SECRET) as fake:
        fake.renew = renew
        yield fake


@pytest.fixture
async def renewal(
    auth: FakeAuthService, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SessionRenewal]:
    """Give the renewal by that auth service, which a busy machine may keep for longer than users would wait."""
    monkeypatch.setattr(session_renewal, "TIMEOUT", 30.0)
    tokens = tokens_of(SERVICE_SECRET)
    client = ServiceClient(auth.url, caller="gateway", callee="auth_service", tokens=tokens)
    renewal = SessionRenewal(client, credentials)
    yield renewal
    await renewal.close()
    await client.close()


def sign(credentials: Credentials, *, age: int = 0, session_id: str = SESSION_ID) -> str:
    """Return an access token of that age in seconds."""
    now = int(time.time()) - age
    return credentials.tokens.sign(user_id=7, name="Ada", email="ada@example.com", session_id=session_id, now=now)


def find_user(credentials: Credentials, *, age: int) -> Caller:
    """Return the caller of a token of that age."""
    return authenticate_token(sign(credentials, age=age), credentials.tokens, Revocations(), int(time.time()))


async def test_an_expired_token_is_replaced(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials
) -> None:
    """The auth service gets the sealed session and its pieces; the caller gets a fresh token and cookies to set."""
    renewed = await renewal.renew(Identity(EXPIRED, STALE))
    assert isinstance(renewed.caller, User)
    assert renewed.caller.claims.expires_at > time.time() + 3500
    assert renewed.set_cookie == (COOKIE,)
    assert auth.asked_to_renew == [{"session": STALE.sealed, "pieces": list(STALE.pieces)}]
    assert credentials.tokens.verify(renewed.caller.token, int(time.time())).session_id == SESSION_ID


async def test_no_call_where_nothing_is_to_be_renewed(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials
) -> None:
    """A caller whose cookie is good, or who has none, stays the same, and no call is made."""
    for caller in (find_user(credentials, age=0), EXPIRED):
        assert await renewal.renew(Identity(caller)) == RenewedCaller(caller)
    assert auth.asked_to_renew == []


async def test_requests_at_once_share_one_call(
    auth: FakeAuthService, renewal: SessionRenewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty requests of one session at once make one call and get the same token; another session has its own.

    Ten rounds, each after the answer of the one before is forgotten.
    """
    monkeypatch.setattr(session_renewal, "REMEMBER", 0.0)
    auth.pause = 0.05
    other = StaleSession(OTHER_SESSION, "another", (NAMES.session,))
    for _ in range(10):
        auth.asked_to_renew.clear()
        answers = await asyncio.gather(
            *(renewal.renew(Identity(EXPIRED, STALE)) for _ in range(50)), renewal.renew(Identity(EXPIRED, other))
        )
        assert len({renewed.caller.token for renewed in answers[:50] if isinstance(renewed.caller, User)}) == 1
        assert sorted(str(asked["session"]) for asked in auth.asked_to_renew) == ["another", "sealed-by-us"]


async def test_an_answer_counts_for_a_moment(
    auth: FakeAuthService, renewal: SessionRenewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's next requests get the same answer without a call, and after a moment a call is made again."""
    monkeypatch.setattr(session_renewal, "REMEMBER", 0.2)
    first = await renewal.renew(Identity(EXPIRED, STALE))
    assert await renewal.renew(Identity(EXPIRED, STALE)) == first
    assert len(auth.asked_to_renew) == 1
    await asyncio.sleep(0.25)
    assert await renewal.renew(Identity(EXPIRED, STALE)) != first
    assert len(auth.asked_to_renew) == 2


async def test_a_cancelled_request_leaves_the_others_waiting(auth: FakeAuthService, renewal: SessionRenewal) -> None:
    """A cancelled request does not cancel the call that others wait for."""
    auth.pause = 0.3
    first, second = (asyncio.create_task(renewal.renew(Identity(EXPIRED, STALE))) for _ in range(2))
    await asyncio.sleep(0.1)
    first.cancel()
    assert isinstance((await second).caller, User)
    assert first.cancelled()
    assert len(auth.asked_to_renew) == 1


async def test_a_session_that_is_not_live_is_over(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials
) -> None:
    """When the auth service gives no token the caller is anonymous, whatever theirs proves; cookies are cleared."""
    auth.renew = lambda _: answer_with({"accessToken": None, "setCookie": [CLEARED]})
    caller = find_user(credentials, age=3570)
    assert isinstance(caller, User)
    assert await renewal.renew(Identity(caller, STALE)) == RenewedCaller(REVOKED, (CLEARED,))


async def test_a_remembered_answer_does_not_outlive_its_session(
    renewal: SessionRenewal, credentials: Credentials
) -> None:
    """A remembered answer no longer counts once the session is known to be ended."""
    assert isinstance((await renewal.renew(Identity(EXPIRED, STALE))).caller, User)
    credentials.revocations.add(SESSION_ID, int(time.time()) + 3600)
    assert await renewal.renew(Identity(EXPIRED, STALE)) == RenewedCaller(REVOKED)


async def test_the_session_of_a_device_cookie_is_renewed(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials
) -> None:
    """The device cookie goes along; a token of its session counts, whatever the session cookie's still proves."""
    stale = StaleSession(OTHER_SESSION, "", (), "a-device-cookie")
    auth.renew = lambda _: answer_with(
        {"accessToken": sign(credentials, session_id=OTHER_SESSION), "setCookie": [COOKIE]}
    )
    renewed = await renewal.renew(Identity(find_user(credentials, age=0), stale))
    assert isinstance(renewed.caller, User)
    assert (renewed.caller.claims.session_id, renewed.set_cookie) == (OTHER_SESSION, (COOKIE,))
    assert auth.asked_to_renew == [{"session": "", "pieces": [], "device": "a-device-cookie"}]


@pytest.mark.parametrize("answer", ["none", "the session cookie's"])
async def test_a_device_s_session_that_is_over_stays_so(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials, answer: str
) -> None:
    """When its session has ended, it is not asked about again; the session cookie's counts if the answer names it."""
    sealed = credentials.sealer.seal({"sid": SESSION_ID}, int(time.time()))
    token = None if answer == "none" else sign(credentials, session_id=SESSION_ID)
    auth.renew = lambda _: answer_with({"accessToken": token, "setCookie": []})
    renewed = await renewal.renew(Identity(EXPIRED, StaleSession(OTHER_SESSION, sealed, (NAMES.session,), "device")))
    assert isinstance(renewed.caller, User) == (token is not None)
    assert credentials.revocations.is_revoked(OTHER_SESSION)
    assert not credentials.revocations.is_revoked(SESSION_ID)


NONSENSE: dict[str, Misbehaviour] = {
    "closes the connection": break_off,
    "answers 503": lambda: answer_with({"error": "no"}, "HTTP/1.1 503 Service Unavailable"),
    "answers 422": lambda: answer_with({"error": "no"}, "HTTP/1.1 422 Unprocessable Content"),
    "answers a list": lambda: answer_with([]),
    "says nothing of a token": lambda: answer_with({"setCookie": []}),
    "says nothing of cookies": lambda: answer_with({"accessToken": "x.y.z"}),
    "gives what is no token": lambda: answer_with({"accessToken": "x.y.z", "setCookie": [COOKIE]}),
    "gives a number": lambda: answer_with({"accessToken": 7, "setCookie": [COOKIE]}),
    "gives a cookie with a line break": lambda: answer_with({"accessToken": None, "setCookie": ["a=b\r\nX: y"]}),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_without_an_answer_the_own_token_counts(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials, nonsense: str
) -> None:
    """Whatever the auth service does, a token that still holds is a user's and an expired one is anonymous."""
    auth.renew = lambda _: NONSENSE[nonsense]()
    user = find_user(credentials, age=3570)
    assert await renewal.renew(Identity(user, STALE)) == RenewedCaller(user)
    assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN


async def test_another_sessions_token_is_not_taken(
    auth: FakeAuthService, renewal: SessionRenewal, credentials: Credentials
) -> None:
    """A valid token of any other session than the one asked about is worth nothing here."""
    foreign = sign(credentials, session_id=OTHER_SESSION)
    auth.renew = lambda _: answer_with({"accessToken": foreign, "setCookie": [COOKIE]})
    assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN


async def test_a_slow_auth_service_holds_nobody_up_for_long(
    auth: FakeAuthService, renewal: SessionRenewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request waits a bounded time; then, for a moment, the session's other requests do not wait at all."""
    monkeypatch.setattr(session_renewal, "TIMEOUT", 0.1)
    auth.pause = 2.0
    async with asyncio.timeout(1.0):
        assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN
        assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN
    assert len(auth.asked_to_renew) == 1
    auth.pause = 0.0


async def test_after_a_failure_it_is_asked_again(
    auth: FakeAuthService, renewal: SessionRenewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose renewal failed is asked about again after the back-off, and then renewed."""
    monkeypatch.setattr(session_renewal, "BACK_OFF", 0.1)
    renew, auth.renew = auth.renew, lambda _: break_off()
    assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN
    auth.renew = renew
    assert await renewal.renew(Identity(EXPIRED, STALE)) == UNKNOWN
    await asyncio.sleep(0.15)
    assert isinstance((await renewal.renew(Identity(EXPIRED, STALE))).caller, User)


async def test_what_is_remembered_is_bounded(
    auth: FakeAuthService, renewal: SessionRenewal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sessions need renewal at once, the number of calls is bounded; the rest go on unrenewed."""
    monkeypatch.setattr(session_renewal, "MAX_SESSIONS", 3)
    sessions = [StaleSession(str(number), "sealed", ()) for number in range(9)]
    answers = await asyncio.gather(*(renewal.renew(Identity(EXPIRED, stale)) for stale in sessions))
    assert answers == [UNKNOWN] * 9  # the token is of none of these sessions
    assert len(auth.asked_to_renew) == 3


def test_cookies_are_added_to_the_answer() -> None:
    """The cookies to set join those of the answer, unless the answer sets or clears the session itself, or a piece."""
    renewed = RenewedCaller(EXPIRED, (COOKIE, CLEARED))
    foreign = [(b"content-type", b"text/html"), (b"set-cookie", b"a=b")]
    assert add_cookies(foreign, renewed, NAMES) == [
        *foreign,
        (b"set-cookie", COOKIE.encode()),
        (b"set-cookie", CLEARED.encode()),
    ]
    for own in (f"{NAMES.session}=; Max-Age=0", f"{NAMES.session}.0=x; Path=/"):
        answer = [(b"Set-Cookie", own.encode())]
        assert add_cookies(answer, renewed, NAMES) == answer
    csrf = [(b"set-cookie", f"{NAMES.csrf}=x".encode())]
    assert len(add_cookies(csrf, renewed, NAMES)) == 3
