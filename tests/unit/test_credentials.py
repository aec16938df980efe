"""From headers to a caller: whatever they hold, a caller comes out, and the right one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials import Credentials
from shared.authentication import Anonymous, Reason, User
from shared.revocations import Revocations
from shared.session_cookie import CookieNames, SessionSealer
from shared.tokens import AccessTokens, KeyRing

NOW = 1_800_000_000
URL = "http://localhost:3000"
SESSION_ID = "0b4d3e6a-8f1c-4c7e-9a52-6a7f0d1f2b3c"
COOKIE = "next-auth.session-token"

credentials = Credentials(
    tokens=AccessTokens(KeyRing("a-secret-key-for-unit-tests-number-1"), URL, 3600),
    revocations=Revocations(),
    sealer=SessionSealer("a-cookie-key-for-unit-tests-number-2", 86_400),
    cookie_names=CookieNames.of(URL),
    public_url=URL,
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
    caller = credentials.find_caller(method, lines, NOW)
    return caller.claims.user_id if isinstance(caller, User) else caller.reason


def test_the_header_wins() -> None:
    """With both a header and a cookie the header counts, also when it is wrong."""
    cookie = ("cookie", f"{COOKIE}={seal(sign(2))}")
    assert find(("authorization", sign(1)), cookie) == 1
    assert find(("authorization", "Bearer x"), cookie) is Reason.INVALID
    assert find(("authorization", sign(1)), ("authorization", sign(1))) is Reason.INVALID
    assert find(cookie) == 2
    assert find() is Reason.MISSING


def test_a_cookie_in_chunks() -> None:
    """A session cut into chunks is read when all are there."""
    sealed = seal(sign(2))
    chunks = f"{COOKIE}.0={sealed[:100]}; {COOKIE}.1={sealed[100:]}"
    assert find(("cookie", chunks)) == 2
    assert find(("cookie", f"{COOKIE}.1={sealed[100:]}")) is Reason.MISSING


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_cookie_needs_a_proof_of_origin(method: str) -> None:
    """For a method that changes something a cookie counts only on a request of our own page."""
    cookie = ("cookie", f"{COOKIE}={seal(sign(2))}")
    assert find(cookie, method=method) is Reason.MISSING
    assert find(cookie, ("origin", URL), method=method) == 2
    assert find(cookie, ("sec-fetch-site", "same-origin"), method=method) == 2
    assert find(cookie, ("sec-fetch-site", "cross-site"), ("origin", URL), method=method) is Reason.MISSING


@pytest.mark.parametrize("token", [None, 1, [], "", "x.y.z", {"a": 1}])
def test_a_session_proves_nothing_by_itself(token: object) -> None:
    """A session without a valid token in it is anonymous."""
    assert find(("cookie", f"{COOKIE}={seal(token)}")) is Reason.INVALID


def test_expired_tokens_say_so() -> None:
    """A token that expired is told from one that was never good, in the header and in the cookie."""
    old = sign(1, NOW - 3601)
    assert find(("authorization", old)) is Reason.EXPIRED
    assert find(("cookie", f"{COOKIE}={seal(old)}")) is Reason.EXPIRED


@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"cookie", b"origin"]), st.binary(max_size=80)), max_size=6)
)
def test_nothing_raises_and_nothing_made_up_counts(headers: list[tuple[bytes, bytes]]) -> None:
    """Any bytes in any of the headers end as an anonymous caller."""
    for method in ("GET", "POST"):
        assert isinstance(credentials.find_caller(method, headers, NOW), Anonymous)


@given(st.text(max_size=60))
def test_any_session_value_is_anonymous(value: str) -> None:
    """Any text as a session cookie ends as an anonymous caller."""
    line = f"{COOKIE}={value}".encode()
    assert isinstance(credentials.find_caller("GET", [(b"cookie", line)], NOW), Anonymous)
