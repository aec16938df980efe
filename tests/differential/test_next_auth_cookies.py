"""The session cookie against the npm package that wrote it first: ``next-auth/jwt`` opens ours, we open theirs.

Claims are generated; cookies longer than a browser keeps in one piece are cut into chunks, and both sides read those.
"""

import time
import uuid
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.settings import SAMPLE_SECRETS
from shared.tokens.protocol import PROTOCOLS
from shared.tokens.session_cookie import CookieNames, SessionSealer, session_cookies
from tests.support.next_auth_package import running_server_side
from tests.support.node import NodeProgram

URLS = ("http://localhost:3000", "https://gatepost.example")
MAX_AGE = 30 * 86_400
SEALER = SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], MAX_AGE)
STAMPS = {"iat", "exp", "jti"}

# JavaScript's numbers are doubles, and a lone surrogate has no UTF-8.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
member_names = texts.filter(lambda name: name != "__proto__")  # which sets no member in JavaScript
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts.filter(lambda name: name != "__proto__"), inner, max_size=4)
    ),
    max_leaves=12,
)
names = member_names.filter(lambda name: name not in STAMPS | {"nbf", "fault"})  # the last is how a program fails
claims_of_any_kind = st.dictionaries(names, values, max_size=8)
long_claims = st.builds(
    lambda claims, name: {**claims, "name": name},
    claims_of_any_kind,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=500, max_size=1000).map(lambda text: text * 4),
)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", params=URLS)
def public_url(request: pytest.FixtureRequest) -> str:
    """Give a public URL of either scheme: it decides what the cookies are called."""
    return str(request.param)


@pytest.fixture(scope="module")
def package(public_url: str) -> Iterator[NodeProgram]:
    """Give the package as a Next.js server at that address runs it."""
    with running_server_side(public_url) as program:
        yield program


def make_cookie_header(public_url: str, sealed: str) -> str:
    """Return the ``Cookie`` that a browser sends after our ``Set-Cookie``."""
    cookies = session_cookies(CookieNames.of(public_url), sealed, int(time.time()) + MAX_AGE, ())
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def without_stamps(claims: object) -> dict[str, object]:
    """Return the claims but those that each sealing sets."""
    assert isinstance(claims, dict)
    return {name: value for name, value in claims.items() if name not in STAMPS}


@given(claims=claims_of_any_kind)
@thorough
def test_get_token_opens_our_cookie(package: NodeProgram, public_url: str, claims: dict[str, object]) -> None:
    """``getToken`` gives exactly the claims that we sealed."""
    opened = package.ask({"getToken": make_cookie_header(public_url, SEALER.seal(claims, int(time.time())))})
    assert without_stamps(opened) == claims


@given(claims=long_claims)
@settings(thorough, max_examples=40)
def test_get_token_opens_our_chunks(package: NodeProgram, public_url: str, claims: dict[str, object]) -> None:
    """``getToken`` joins the chunks of a session that is too long for one cookie."""
    sealed = SEALER.seal(claims, int(time.time()))
    header = make_cookie_header(public_url, sealed)
    assert (len(sealed) > PROTOCOLS["4"].longest_piece) == (".0=" in header)
    assert without_stamps(package.ask({"getToken": header})) == claims


@given(claims=claims_of_any_kind)
@thorough
def test_we_open_their_seal(package: NodeProgram, claims: dict[str, object]) -> None:
    """What ``encode`` seals we open, with all its claims and its stamps."""
    sealed = package.ask({"encode": claims})
    assert isinstance(sealed, str)
    opened = SEALER.open(sealed, int(time.time()))
    assert opened is not None
    assert without_stamps(opened) == claims
    assert opened.keys() - claims.keys() == STAMPS


def test_both_sides_refuse_what_is_not_sealed_by_the_secret(package: NodeProgram, public_url: str) -> None:
    """A cookie sealed with another secret, changed or expired opens on neither side."""
    now = int(time.time())
    foreign = SessionSealer("another secret of thirty-two bytes or more", MAX_AGE).seal({"sub": "1"}, now)
    ours = SEALER.seal({"sub": "1"}, now)
    expired = SEALER.seal({"sub": "1"}, now - MAX_AGE - 60)
    for sealed in (foreign, ours[:-4] + ("AAAA" if ours[-4:] != "AAAA" else "BBBB"), expired, "", "a.b.c"):
        assert SEALER.open(sealed, now) is None
        assert package.ask({"getToken": make_cookie_header(public_url, sealed)}) is None


def test_the_middleware_lets_our_session_pass(package: NodeProgram, public_url: str) -> None:
    """``next-auth/middleware`` lets a browser with our cookie pass, whole or in chunks."""
    for name in ("Ada", "Ada" * 2000):
        sealed = SEALER.seal({"name": name, "sub": "1", "sid": str(uuid.uuid4())}, int(time.time()))
        header = make_cookie_header(public_url, sealed)
        assert package.ask({"middleware": "/userposts", "cookie": header}) == "passed"


def test_the_middleware_sends_everybody_else_to_the_sign_in_page(package: NodeProgram) -> None:
    """``next-auth/middleware`` sends a browser without our cookie to the very address that the gateway names."""
    answer = package.ask({"middleware": "/userposts/7?from=mail", "cookie": ""})
    assert isinstance(answer, dict)
    location = httpx2.URL(str(answer["location"]))
    assert (answer["status"], location.path) == (307, "/api/auth/signin")
    assert location.params["callbackUrl"] == "/userposts/7?from=mail"
