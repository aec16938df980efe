"""The check cookies: whose they are, for which provider and how long; and that an answer counts once."""

import base64
import hashlib
import json

import pytest

from auth_service.providers.checks import MAX_AGE, MOST_USED, CheckCookies, Checks, UsedStates
from auth_service.providers.exchange import Answer, SignInDeclined, read_answer
from auth_service.providers.http import ProviderFailed
from shared.tokens.protocol import PROTOCOLS, Version
from shared.tokens.session_cookie import CLOCK_TOLERANCE, CookieNames, parse_cookies

NOW = 1_800_000_000
TOKEN = "a1" * 32  # the csrf token of the browser
SECRET = "s" * 32
NAMES_OF = {version: CookieNames.of("https://example.com", protocol) for version, protocol in PROTOCOLS.items()}
NAMES = NAMES_OF["4"]
COOKIES = CheckCookies(NAMES, SECRET)
VERSIONS = pytest.mark.parametrize("version", PROTOCOLS)


def sent(written: list[str]) -> dict[str, str]:
    """Return the cookies that a browser sends after those were set."""
    header = "; ".join(cookie.partition(";")[0] for cookie in written)
    return parse_cookies([(b"cookie", header.encode())])


@VERSIONS
def test_what_was_written_is_found(version: Version) -> None:
    """They come back as they were, for 15 minutes, under NextAuth's names."""
    names, checks, family = NAMES_OF[version], Checks.make(), PROTOCOLS[version].cookies
    cookies = CheckCookies(names, SECRET)
    written = cookies.write(checks, "google", TOKEN, NOW)
    assert [cookie.partition("=")[0] for cookie in written] == [
        f"__Secure-{family}.state",
        f"__Secure-{family}.nonce",
        f"__Secure-{family}.pkce.code_verifier",
    ]
    assert all("HttpOnly; Secure; SameSite=Lax" in cookie for cookie in written)
    assert cookies.find(sent(written), "google", TOKEN, NOW) == checks
    assert cookies.find(sent(written), "google", TOKEN, NOW + MAX_AGE + CLOCK_TOLERANCE - 1) == checks
    assert cookies.find(sent(written), "google", TOKEN, NOW + MAX_AGE + CLOCK_TOLERANCE) is None
    assert all(names.owns(name) for name in sent(written))


def test_the_site_where_a_sign_in_began() -> None:
    """It is told where that is not the public one, by the cookie of this provider alone, as long as that is good."""
    at_home, elsewhere = (
        sent(COOKIES.write(Checks.make(), "google", TOKEN, NOW, site)) for site in (None, "https://a")
    )
    assert COOKIES.find_site(at_home, "google", NOW) is None
    assert COOKIES.find_site(elsewhere, "google", NOW) == "https://a"
    assert COOKIES.find_site(elsewhere, "kakao", NOW) is None
    assert COOKIES.find_site(elsewhere, "google", NOW + MAX_AGE + CLOCK_TOLERANCE) is None
    assert COOKIES.find_site({}, "google", NOW) is None
    assert COOKIES.find(elsewhere, "google", TOKEN, NOW) is not None


@VERSIONS
def test_what_is_not_ours_is_not_found(version: Version) -> None:
    """Of another provider, of another secret, one of them missing, or one in the place of another: there are none."""
    names = NAMES_OF[version]
    cookies = CheckCookies(names, SECRET)
    written = sent(cookies.write(Checks.make(), "google", TOKEN, NOW))
    assert cookies.find(written, "kakao", TOKEN, NOW) is None
    assert CheckCookies(names, "t" * 32).find(written, "google", TOKEN, NOW) is None
    assert CheckCookies(names, "t" * 32, (SECRET,)).find(written, "google", TOKEN, NOW) is not None
    for name in written:
        assert (
            cookies.find({each: value for each, value in written.items() if each != name}, "google", TOKEN, NOW) is None
        )
        for other in written:
            exchanged = {**written, name: written[other]}
            assert (cookies.find(exchanged, "google", TOKEN, NOW) is None) == (name != other)
    assert cookies.find({}, "google", TOKEN, NOW) is None
    assert cookies.find(dict.fromkeys(written, "nonsense"), "google", TOKEN, NOW) is None


@VERSIONS
def test_they_are_good_in_one_browser(version: Version) -> None:
    """In a browser of another csrf token there are none: a sibling domain may have set them there.

    It can set them, since NextAuth's names are ``__Secure-``, but not the csrf cookie, which is ``__Host-``.
    """
    cookies = CheckCookies(NAMES_OF[version], SECRET)
    assert NAMES_OF[version].csrf.startswith("__Host-")
    written = sent(cookies.write(Checks.make(), "google", TOKEN, NOW))
    assert cookies.find(written, "google", "b2" * 32, NOW) is None
    others = sent(cookies.write(Checks.make(), "google", "b2" * 32, NOW))
    for name in written:
        assert cookies.find({**written, name: others[name]}, "google", TOKEN, NOW) is None


def test_how_they_are_sealed() -> None:
    """Version 4 seals by A256GCM; version 5 by A256CBC-HS512, and each cookie's key follows from its whole name."""
    headers = {}
    for version, names in NAMES_OF.items():
        written = sent(CheckCookies(names, SECRET).write(Checks.make(), "google", TOKEN, NOW))
        first = [each.partition(".")[0] for each in written.values()]
        headers[version] = [json.loads(base64.urlsafe_b64decode(f"{each}==")) for each in first]
    assert headers["4"] == [{"alg": "dir", "enc": "A256GCM"}] * 3
    assert [(each["alg"], each["enc"]) for each in headers["5"]] == [("dir", "A256CBC-HS512")] * 3
    assert len({each["kid"] for each in headers["5"]}) == 3


def test_what_an_answer_is_for_is_found() -> None:
    """They say for which session an identity is to be added; with one of a sign-in among them, there are none."""
    checks = Checks.make("a session")
    written = sent(COOKIES.write(checks, "google", TOKEN, NOW))
    assert COOKIES.find(written, "google", TOKEN, NOW) == checks
    of_a_sign_in = sent(COOKIES.write(Checks.make(), "google", TOKEN, NOW))
    of_another = sent(COOKIES.write(Checks.make("another session"), "google", TOKEN, NOW))
    for others in (of_a_sign_in, of_another):
        for name in written:
            assert COOKIES.find({**written, name: others[name]}, "google", TOKEN, NOW) is None


def test_they_are_cleared() -> None:
    """What a browser sent of them is cleared, and nothing else."""
    assert COOKIES.clear({"other": "1"}) == []
    assert [each.partition("=")[0] for each in COOKIES.clear([NAMES.state, "other"])] == [NAMES.state]


def test_the_challenge() -> None:
    """What is shown beforehand is S256 of the verifier, which has 43 characters (RFC 7636, appendix B)."""
    checks = Checks("s", "n", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert checks.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    digest = hashlib.sha256(Checks.make().verifier.encode()).digest()
    assert len(base64.urlsafe_b64encode(digest)) == 44


def test_an_answer_counts_once() -> None:
    """Of each state the first answer counts; so many are remembered, and the oldest are forgotten first."""
    used, checks = UsedStates(), Checks.make()
    assert used.use(checks)
    assert not used.use(checks)
    assert all(used.use(Checks.make()) for _ in range(MOST_USED))
    assert used.use(checks), "long ago"


CHECKS = Checks("the state", "n", "v")


def test_an_answer() -> None:
    """A code with the browser's state is an answer, and who it says that it is from."""
    assert read_answer([("code", "c"), ("state", "the state")], CHECKS) == Answer("c")
    assert read_answer([("code", "c"), ("state", "the state"), ("iss", "i"), ("x", "")], CHECKS) == Answer("c", "i")


@pytest.mark.parametrize(
    ("parameters", "checks", "reason"),
    [
        ([("code", "c"), ("state", "the state")], None, "answer_to_another_browser"),
        ([("code", "c"), ("state", "another")], CHECKS, "answer_of_another_state"),
        ([("code", "c"), ("state", "")], CHECKS, "answer_of_another_state"),
        ([("code", "c"), ("state", "\ud800")], CHECKS, "answer_of_another_state"),
        ([("code", "c")], CHECKS, "answer_of_another_state"),
        ([("code", "c"), ("code", "d"), ("state", "the state")], CHECKS, "answer_twice"),
        ([("code", "c"), ("state", "the state"), ("state", "the state")], CHECKS, "answer_twice"),
        ([("state", "the state")], CHECKS, "answer_without_code"),
        ([("code", ""), ("state", "the state")], CHECKS, "answer_without_code"),
        ([("code", "c" * 5000), ("state", "the state")], CHECKS, "answer_without_code"),
        ([("code", "c\r\n"), ("state", "the state")], CHECKS, "answer_without_code"),
    ],
)
def test_no_answer(parameters: list[tuple[str, str]], checks: Checks | None, reason: str) -> None:
    """Whatever else comes back is refused by one word."""
    with pytest.raises(ProviderFailed) as refused:
        read_answer(parameters, checks)
    assert refused.value.reason == reason


def test_a_refusal() -> None:
    """An error of the provider is a refusal, whatever else it comes with."""
    for parameters in ([("error", "access_denied")], [("error", ""), ("code", "c"), ("state", "the state")]):
        with pytest.raises(SignInDeclined):
            read_answer(parameters, CHECKS)
