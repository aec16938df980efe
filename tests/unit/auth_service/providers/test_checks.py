"""The check cookies: whose they are, for which provider and how long; and that an answer counts once."""

import base64
import hashlib

import pytest

from auth_service.providers.checks import MAX_AGE, MOST_USED, CheckCookies, Checks, UsedStates
from auth_service.providers.exchange import Answer, SignInDeclined, read_answer
from auth_service.providers.http import ProviderFailed
from shared.tokens.session_cookie import CLOCK_TOLERANCE, CookieNames, parse_cookies

NOW = 1_800_000_000
NAMES = CookieNames.of("https://example.com")
COOKIES = CheckCookies(NAMES, "s" * 32)


def sent(written: list[str]) -> dict[str, str]:
    """Return the cookies that a browser sends after those were set."""
    header = "; ".join(cookie.partition(";")[0] for cookie in written)
    return parse_cookies([(b"cookie", header.encode())])


def test_what_was_written_is_found() -> None:
    """They come back as they were, for 15 minutes, under NextAuth's names."""
    checks = Checks.make()
    written = COOKIES.write(checks, "google", NOW)
    assert [cookie.partition("=")[0] for cookie in written] == [
        "__Secure-next-auth.state",
        "__Secure-next-auth.nonce",
        "__Secure-next-auth.pkce.code_verifier",
    ]
    assert all("HttpOnly; Secure; SameSite=Lax" in cookie for cookie in written)
    assert COOKIES.find(sent(written), "google", NOW) == checks
    assert COOKIES.find(sent(written), "google", NOW + MAX_AGE + CLOCK_TOLERANCE - 1) == checks
    assert COOKIES.find(sent(written), "google", NOW + MAX_AGE + CLOCK_TOLERANCE) is None
    assert all(NAMES.owns(name) for name in sent(written))


def test_what_is_not_ours_is_not_found() -> None:
    """Of another provider, of another secret, one of them missing, or one in the place of another: there are none."""
    written = sent(COOKIES.write(Checks.make(), "google", NOW))
    assert COOKIES.find(written, "kakao", NOW) is None
    assert CheckCookies(NAMES, "t" * 32).find(written, "google", NOW) is None
    assert CheckCookies(NAMES, "t" * 32, ("s" * 32,)).find(written, "google", NOW) is not None
    for name in written:
        assert COOKIES.find({each: value for each, value in written.items() if each != name}, "google", NOW) is None
        for other in written:
            exchanged = {**written, name: written[other]}
            assert (COOKIES.find(exchanged, "google", NOW) is None) == (name != other)
    assert COOKIES.find({}, "google", NOW) is None
    assert COOKIES.find(dict.fromkeys(written, "nonsense"), "google", NOW) is None


def test_what_an_answer_is_for_is_found() -> None:
    """They say for which session an identity is to be added; with one of a sign-in among them, there are none."""
    checks = Checks.make("a session")
    written = sent(COOKIES.write(checks, "google", NOW))
    assert COOKIES.find(written, "google", NOW) == checks
    of_a_sign_in = sent(COOKIES.write(Checks.make(), "google", NOW))
    of_another = sent(COOKIES.write(Checks.make("another session"), "google", NOW))
    for others in (of_a_sign_in, of_another):
        for name in written:
            assert COOKIES.find({**written, name: others[name]}, "google", NOW) is None


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
