"""From headers to a caller: whatever they hold, a caller comes out, and the right one."""

import dataclasses
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.credentials import NOBODY, Credentials, Identity, StaleSession
from gateway.settings import GatewaySettings
from shared.auth_events.revocations import Revocations
from shared.tokens.authentication import Anonymous, Reason, User
from shared.tokens.device_cookie import DeviceCookies, LastSignIn
from shared.tokens.session_cookie import CookieNames, SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing
from shared.web.sites import Sites

NOW = 1_800_000_000
URL = "http://localhost:3000"
SESSION_ID = "0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"
COOKIE = "next-auth.session-token"

credentials = Credentials(
    tokens=AccessTokens(KeyRing("a-secret-key-for-unit-tests-number-1"), URL, 3600),
    revocations=Revocations(),
    sealer=SessionSealer("a-cookie-key-for-unit-tests-number-2", 86_400),
    devices=DeviceCookies("a-cookie-key-for-unit-tests-number-2"),
    cookie_names=CookieNames.of(URL),
    sites=Sites(URL),
)


def sign(user_id: int, now: int = NOW) -> str:
    """Return a right token."""
    return credentials.tokens.sign(user_id=user_id, name="A", email="a@b.c", session_id=SESSION_ID, now=now)


def seal(token: object) -> str:
    """Return the value of a session cookie."""
    return credentials.sealer.seal({"accessToken": token}, NOW)


def find(*headers: tuple[str, str], method: str = "GET") -> int | Reason:
    """Return the caller's user id, or why they are anonymous."""
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    caller = credentials.identify(method, lines, NOW).caller
    return caller.claims.user_id if isinstance(caller, User) else caller.reason


def test_the_header_wins() -> None:
    """With both a header and a cookie the header counts, even when it is wrong."""
    cookie = ("cookie", f"{COOKIE}={seal(sign(2))}")
    assert find(("authorization", sign(1)), cookie) == 1
    assert find(("authorization", "Bearer x"), cookie) is Reason.INVALID
    assert find(("authorization", sign(1)), ("authorization", sign(1))) is Reason.INVALID
    assert find(cookie) == 2
    assert find() is Reason.MISSING


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Digest a=b", "Negotiate x", "", "Basic a, Basic b"])
def test_a_credential_for_somebody_else_leaves_the_cookie_its_say(value: str) -> None:
    """A staging proxy's ``Authorization: Basic`` beside a session cookie: the cookie counts, for a renewal too."""
    cookie = ("cookie", f"{COOKIE}={seal(sign(2))}")
    assert find(("authorization", value), cookie) == 2
    assert find(("authorization", value)) is Reason.MISSING
    old = credentials.sealer.seal({"sid": SESSION_ID, "accessToken": sign(2, NOW - 4000)}, NOW)
    lines = [(b"authorization", value.encode()), (b"cookie", f"{COOKIE}={old}".encode())]
    assert credentials.identify("GET", lines, NOW).stale is not None


def test_a_cookie_in_chunks() -> None:
    """A session cut into chunks is read when all chunks are there."""
    sealed = seal(sign(2))
    chunks = f"{COOKIE}.0={sealed[:100]}; {COOKIE}.1={sealed[100:]}"
    assert find(("cookie", chunks)) == 2
    assert find(("cookie", f"{COOKIE}.1={sealed[100:]}")) is Reason.MISSING


def test_the_cookie_of_version_5() -> None:
    """With NEXTAUTH_PROTOCOL=5 its cookie identifies, a stale one is to be renewed, and version 4's is none."""
    given = {"secret_key": "k" * 40, "nextauth_secret": "n" * 40, "service_secret": "s" * 40}
    settings = GatewaySettings.model_validate({**given, "nextauth_url": URL, "nextauth_protocol": "5"})
    by_settings = Credentials.of(settings, Revocations())
    token = by_settings.tokens.sign(user_id=2, name="A", email="a@b.c", session_id=SESSION_ID, now=NOW)
    claims = {"accessToken": token, "sid": SESSION_ID}
    fresh, stale = (by_settings.sealer.seal({**claims, **more}, NOW) for more in ({}, {"accessToken": "x"}))

    def identify(cookie: str) -> Identity:
        return by_settings.identify("GET", [(b"cookie", cookie.encode())], NOW)

    caller = identify(f"authjs.session-token={fresh}").caller
    assert isinstance(caller, User)
    assert caller.claims.user_id == 2
    renewable = StaleSession(SESSION_ID, stale, ("authjs.session-token",))
    assert identify(f"authjs.session-token={stale}").stale == renewable
    for cookie in (f"{COOKIE}={fresh}", f"__Secure-authjs.session-token={fresh}"):
        assert identify(cookie) == NOBODY


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_cookie_needs_a_proof_of_origin(method: str) -> None:
    """For an unsafe method a cookie counts only on a request from a page of ours."""
    cookie = ("cookie", f"{COOKIE}={seal(sign(2))}")
    assert find(cookie, method=method) is Reason.OTHER_SITE
    assert find(cookie, ("origin", URL), method=method) == 2
    assert find(cookie, ("sec-fetch-site", "same-origin"), method=method) == 2
    assert find(cookie, ("sec-fetch-site", "cross-site"), ("origin", URL), method=method) is Reason.OTHER_SITE


@pytest.mark.parametrize("token", [None, 1, [], "", "x.y.z", {"a": 1}])
def test_a_session_proves_nothing_by_itself(token: object) -> None:
    """A session without a valid token in it is anonymous."""
    assert find(("cookie", f"{COOKIE}={seal(token)}")) is Reason.INVALID


def test_expired_tokens_say_so() -> None:
    """A token that expired is told from one that was never good, in the header and in the cookie."""
    old = sign(1, NOW - 3601)
    assert find(("authorization", old)) is Reason.EXPIRED
    assert find(("cookie", f"{COOKIE}={seal(old)}")) is Reason.EXPIRED


def find_stale(
    session: Mapping[str, object], *, method: str = "GET", split_at: int | None = None
) -> StaleSession | None:
    """Return what is stale about a browser's session cookie, which may come in two chunks."""
    sealed = credentials.sealer.seal(session, NOW)
    chunks = f"{COOKIE}.1={sealed[split_at:]}; {COOKIE}.0={sealed[:split_at]}"
    line = f"a=b; {chunks if split_at else f'{COOKIE}={sealed}'}"
    stale = credentials.identify(method, [(b"cookie", line.encode())], NOW).stale
    assert stale is None or stale.sealed == sealed
    return stale


@pytest.mark.parametrize(("age", "is_stale"), [(0, False), (3540, False), (3541, True), (3600, True), (86_400, True)])
def test_a_cookie_whose_token_runs_out_wants_renewal(age: int, is_stale: bool) -> None:  # noqa: FBT001 - a figure
    """A cookie is to be renewed from a minute before its token expires, and afterwards; a good one is not."""
    stale = find_stale({"sid": SESSION_ID, "accessToken": sign(2, NOW - age)})
    assert (stale is not None) == is_stale
    assert stale is None or (stale.session_id, stale.pieces) == (SESSION_ID, (COOKIE,))


@pytest.mark.parametrize("token", [None, 1, "", "x.y.z"])
def test_a_cookie_without_a_good_token_wants_renewal(token: object) -> None:
    """A cookie that names its session is to be renewed whatever is wrong with its token: the key may have changed."""
    assert find_stale({"sid": SESSION_ID, "accessToken": token}) is not None
    chunked = find_stale({"sid": SESSION_ID, "accessToken": token}, split_at=99)
    assert chunked is not None
    assert chunked.pieces == (f"{COOKIE}.0", f"{COOKIE}.1")


def test_what_wants_no_renewal() -> None:
    """Nothing is to be renewed without a session's name, from a header, from another site, or of an ended session."""
    old = sign(2, NOW - 4000)
    session = {"sid": SESSION_ID, "accessToken": old}
    assert find_stale({"accessToken": old}) is None
    assert find_stale({"sid": 7, "accessToken": old}) is None
    assert find_stale(session, method="POST") is None
    lines = [
        (b"authorization", old.encode()),
        (b"cookie", f"{COOKIE}={credentials.sealer.seal(session, NOW)}".encode()),
    ]
    assert credentials.identify("GET", lines, NOW).stale is None
    ended = Revocations()
    ended.add(SESSION_ID, NOW)
    knowing = dataclasses.replace(credentials, revocations=ended)
    for token in (old, sign(2), sign(2, NOW - 3590)):
        sealed = credentials.sealer.seal({**session, "accessToken": token}, NOW)
        assert knowing.identify("GET", [(b"cookie", f"{COOKIE}={sealed}".encode())], NOW).stale is None


OTHER_SESSION = "1c4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"
DEVICE_COOKIE = "gatepost.device"


def test_a_device_cookie_of_another_session_is_asked_about() -> None:
    """Beside the cookie of another session, a bad one or none, the device cookie's session is to be asked about."""
    device = credentials.devices.make(LastSignIn(2, OTHER_SESSION), NOW)
    good, old = sign(2), sign(2, NOW - 4000)
    for sealed, expected in (
        (credentials.sealer.seal({"sid": SESSION_ID, "accessToken": good}, NOW), 2),
        (credentials.sealer.seal({"sid": SESSION_ID, "accessToken": old}, NOW), Reason.EXPIRED),
        ("nonsense", Reason.INVALID),
        ("", Reason.MISSING),
    ):
        cookie = f"{DEVICE_COOKIE}={device}" + (f"; {COOKIE}={sealed}" if sealed else "")
        lines = [(b"cookie", cookie.encode())]
        found = credentials.identify("GET", lines, NOW)
        assert found.stale == StaleSession(OTHER_SESSION, sealed, (COOKIE,) if sealed else (), device)
        assert find(("cookie", cookie)) == expected
        assert credentials.identify("POST", lines, NOW).stale is None, "another site may have written that form"


def test_a_device_cookie_that_says_nothing_new_costs_nothing() -> None:
    """No call is made where it names the session cookie's session, one known to be over, or is forged or too old.

    Where it is the only cookie, and names a session that may be live, the auth service is asked.
    """
    sealed = credentials.sealer.seal({"sid": SESSION_ID, "accessToken": sign(2)}, NOW)
    ended = Revocations()
    ended.add(OTHER_SESSION, NOW)
    for device, revocations in (
        (credentials.devices.make(LastSignIn(2, SESSION_ID), NOW), Revocations()),
        (credentials.devices.make(LastSignIn(2, OTHER_SESSION), NOW), ended),
        (DeviceCookies("another secret").make(LastSignIn(2, OTHER_SESSION), NOW), Revocations()),
        (credentials.devices.make(LastSignIn(2, OTHER_SESSION), NOW - 100 * 86_400), Revocations()),
    ):
        knowing = dataclasses.replace(credentials, revocations=revocations)
        for cookie in (f"{DEVICE_COOKIE}={device}; {COOKIE}={sealed}", f"{DEVICE_COOKIE}={device}"):
            stale = knowing.identify("GET", [(b"cookie", cookie.encode())], NOW).stale
            assert (stale is not None) == (SESSION_ID in device and COOKIE not in cookie)


# What is remembered of a browser


def make_knowing(revocations: Revocations) -> Credentials:
    """Return credentials that remember nothing yet."""
    return dataclasses.replace(credentials, revocations=revocations)


def test_a_remembered_browser_is_judged_each_time() -> None:
    """Cookies that were parsed before prove no more than new ones: time, method, origin and revocation count."""
    revocations = Revocations()
    knowing = make_knowing(revocations)
    sealed = credentials.sealer.seal({"sid": SESSION_ID, "accessToken": sign(2)}, NOW)
    lines = ((b"cookie", f"a=b; {COOKIE}={sealed}".encode()),)

    def ask(method: str = "GET", now: int = NOW, *further: tuple[bytes, bytes]) -> object:
        found = knowing.identify(method, (*lines, *further), now)
        who = found.caller.claims.user_id if isinstance(found.caller, User) else found.caller.reason
        return who, found.stale is not None

    for _ in range(2):
        assert ask() == (2, False)
        assert ask("POST") == (Reason.OTHER_SITE, False)
        assert ask("POST", NOW, (b"origin", URL.encode())) == (2, False)
        assert ask("GET", NOW, (b"upgrade", b"websocket")) == (Reason.OTHER_SITE, False)
        assert ask("GET", NOW + 3541) == (2, True)
        assert ask("GET", NOW + 3600) == (Reason.EXPIRED, True)
        assert ask("GET", NOW + 86_400 + 15) == (Reason.INVALID, False)
    revocations.add(SESSION_ID, NOW + 9999)
    assert ask() == (Reason.REVOKED, False)


def test_only_browsers_that_are_signed_in_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cookies are remembered where a session in them opened, up to a bound; junk and very long ones never are."""
    monkeypatch.setattr("gateway.callers.credentials.MAX_REMEMBERED", 3)
    knowing = make_knowing(Revocations())
    sealed = seal(sign(2))
    for cookie in (
        *("", "a=b", f"{COOKIE}=", f"{COOKIE}=junk", f"{COOKIE}.0=junk; {COOKIE}.1=junk", f"{COOKIE}.7={sealed}"),
        *(f"{COOKIE}={sealed[:-1]}", f"{COOKIE}={sealed}; a={'b' * 4096}", f"{DEVICE_COOKIE}=7.8.9.a"),
    ):
        knowing.identify("GET", ((b"cookie", cookie.encode()),), NOW)
    assert len(knowing._browsers) == 0  # noqa: SLF001 - the memory can't be seen from outside

    for number in [*range(9)] * 2:
        cookies = (b"cookie", f"a={number}".encode()), (b"cookie", f"{COOKIE}={sealed}".encode())
        assert isinstance(knowing.identify("GET", cookies, NOW).caller, User)
    assert len(knowing._browsers) == 3  # noqa: SLF001


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"cookie", b"origin"]), st.binary(max_size=80)), max_size=6)
)
def test_nothing_raises_and_nothing_made_up_counts(headers: list[tuple[bytes, bytes]]) -> None:
    """Any bytes in any of the headers end as an anonymous caller."""
    for method in ("GET", "POST"):
        assert isinstance(credentials.identify(method, headers, NOW).caller, Anonymous)


@given(st.text(max_size=60))
def test_any_session_value_is_anonymous(value: str) -> None:
    """Any text as a session cookie ends as an anonymous caller."""
    line = f"{COOKIE}={value}".encode()
    assert isinstance(credentials.identify("GET", [(b"cookie", line)], NOW).caller, Anonymous)
