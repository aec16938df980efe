"""The session cookie against the npm package that wrote it first: ``next-auth/jwt`` opens ours, we open theirs.

Claims are generated; cookies longer than a browser keeps in one piece are cut into chunks, and both sides read those.
"""

import itertools
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.settings import SAMPLE_SECRETS
from shared.tokens.protocol import PROTOCOLS, Version
from shared.tokens.session_cookie import CookieNames, SessionSealer, session_cookies
from tests.support.next_auth_package import running_server_side
from tests.support.node import NodeProgram

VERSIONS: tuple[Version, ...] = ("4", "5")
URLS = ("http://localhost:3000", "https://gatepost.example")
MAX_AGE = 30 * 86_400
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
OF_VERSION_4 = pytest.mark.parametrize("sides", [("4", url) for url in URLS], indirect=True)
slow = settings(suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides at a public URL, whose scheme decides what the cookies are called: a version's package, and us."""

    package: NodeProgram
    names: CookieNames
    sealer: SessionSealer

    def get_token(self, sealed: str) -> object:
        """Return what the package opens."""
        return self.package.ask({"getToken": make_cookie_header(self.names, sealed)})


@pytest.fixture(scope="module", params=list(itertools.product(VERSIONS, URLS)), ids="-".join)
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    """Give both sides; the package as a Next.js server at that address runs it."""
    version, public_url = request.param
    names = CookieNames.of(public_url, PROTOCOLS[version])
    with running_server_side(public_url, version) as program:
        yield Sides(program, names, SessionSealer(SAMPLE_SECRETS["NEXTAUTH_SECRET"], MAX_AGE, (), names))


def make_cookie_header(names: CookieNames, sealed: str) -> str:
    """Return the ``Cookie`` that a browser sends after our ``Set-Cookie``."""
    cookies = session_cookies(names, sealed, int(time.time()) + MAX_AGE, ())
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def without_stamps(claims: object) -> dict[str, object]:
    """Return the claims but those that each sealing sets."""
    assert isinstance(claims, dict)
    return {name: value for name, value in claims.items() if name not in STAMPS}


@given(claims=claims_of_any_kind)
@slow
def test_get_token_opens_our_cookie(sides: Sides, claims: dict[str, object]) -> None:
    """``getToken`` gives exactly the claims that we sealed."""
    assert without_stamps(sides.get_token(sides.sealer.seal(claims, int(time.time())))) == claims


@given(claims=long_claims)
@slow
def test_get_token_opens_our_chunks(sides: Sides, claims: dict[str, object]) -> None:
    """``getToken`` joins the chunks of a session that is too long for one cookie."""
    sealed = sides.sealer.seal(claims, int(time.time()))
    header = make_cookie_header(sides.names, sealed)
    assert (len(sealed) > sides.names.protocol.longest_piece) == (".0=" in header)
    assert without_stamps(sides.get_token(sealed)) == claims


@given(claims=claims_of_any_kind)
@slow
def test_we_open_their_seal(sides: Sides, claims: dict[str, object]) -> None:
    """What ``encode`` seals we open, with all its claims and its stamps."""
    sealed = sides.package.ask({"encode": claims})
    assert isinstance(sealed, str)
    opened = sides.sealer.open(sealed, int(time.time()))
    assert opened is not None
    assert without_stamps(opened) == claims
    assert opened.keys() - claims.keys() == STAMPS


def test_both_sides_refuse_what_is_not_sealed_by_the_secret(sides: Sides) -> None:
    """A cookie sealed with another secret, for another name, changed or expired opens on neither side."""
    now, sealer = int(time.time()), sides.sealer
    foreign = SessionSealer("another secret of thirty-two bytes or more", MAX_AGE, (), sides.names)
    ours = sealer.seal({"sub": "1"}, now)
    changed = ours[:-4] + ("AAAA" if ours[-4:] != "AAAA" else "BBBB")
    expired = sealer.seal({"sub": "1"}, now - MAX_AGE - 60)
    for sealed in (foreign.seal({"sub": "1"}, now), changed, expired, "", "a.b.c"):
        assert sealer.open(sealed, now) is None
        assert sides.get_token(sealed) is None


@OF_VERSION_4
def test_the_middleware_lets_our_session_pass(sides: Sides) -> None:
    """``next-auth/middleware`` lets a browser with our cookie pass, whole or in chunks."""
    for name in ("Ada", "Ada" * 2000):
        sealed = sides.sealer.seal({"name": name, "sub": "1", "sid": str(uuid.uuid4())}, int(time.time()))
        header = make_cookie_header(sides.names, sealed)
        assert sides.package.ask({"middleware": "/userposts", "cookie": header}) == "passed"


@OF_VERSION_4
def test_the_middleware_sends_everybody_else_to_the_sign_in_page(sides: Sides) -> None:
    """``next-auth/middleware`` sends a browser without our cookie to the very address that the gateway names."""
    answer = sides.package.ask({"middleware": "/userposts/7?from=mail", "cookie": ""})
    assert isinstance(answer, dict)
    location = httpx2.URL(str(answer["location"]))
    assert (answer["status"], location.path) == (307, "/api/auth/signin")
    assert location.params["callbackUrl"] == "/userposts/7?from=mail"
