"""Preflights: answered for the rules that may decide what a page announces, where these agree."""

import pytest

from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.choice import RequestFacts
from gateway.policy.decision import AnswerOptions, Decision, decide
from shared.tokens.authentication import Anonymous, Reason
from tests.support.policies import has, read, rule

APP = "https://app.example"
CORS, OTHER = {"cors": f'"{APP}"'}, {"cors": '"https://other.example"'}
GET, PUT = {"methods": '["GET"]'}, {"methods": '["PUT"]'}


def ask(*rules: str, method: str = "PUT", origin: str = APP, host: str = "a.example") -> Decision:
    """Return what is decided about a preflight for ``/a``."""
    headers = ((b"host", host.encode()), (b"origin", origin.encode()))
    headers += ((b"access-control-request-method", method.encode()),)
    return decide(read(*rules), RequestFacts("OPTIONS", CanonicalPath("/a", b"/a"), headers=headers), NOBODY)


NOBODY = Anonymous(Reason.MISSING)


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a", "protected", **CORS)],
        [rule("/a", "page", **CORS)],
        [rule("/a", **GET), rule("/a", **PUT, **CORS)],
        [rule("/a", **CORS, has=has("header", "x")), rule("/a", **CORS)],
        [rule("/a", **CORS, has=has("header", "x"))],
        [rule("/a", **OTHER, hosts='"b.example"'), rule("/a", **CORS)],
        [rule("/a", **CORS, methods='["PUT", "OPTIONS"]')],
        [rule("/a", methods='["OPTIONS"]', upstream='"posts"'), rule("/a", **PUT, **CORS)],
    ],
)
def test_a_preflight_is_answered(rules: list[str]) -> None:
    """Whoever may pass, and though a service has OPTIONS of its own: the browser learns that the page may ask."""
    decision = ask(*rules)
    assert isinstance(decision, AnswerOptions)
    assert (b"access-control-allow-origin", APP.encode()) in decision.cors
    assert "PUT" in dict(decision.cors)[b"access-control-allow-methods"].decode()
    assert "OPTIONS" in decision.allow


@pytest.mark.parametrize(
    "rules",
    [
        [rule("/a")],
        [rule("/a", **GET, **CORS)],
        [rule("/a", **PUT), rule("/a", **GET, **CORS)],
        [rule("/a", has=has("header", "x")), rule("/a", **CORS)],
        [rule("/a", **OTHER, has=has("cookie", "c")), rule("/a", **CORS)],
        [rule("/a", **CORS, hosts='"b.example"'), rule("/a")],
        [rule("/a", **CORS, hosts='"b.example"')],
        [rule("/b", **CORS)],
    ],
)
def test_another_is_an_options_like_any(rules: list[str]) -> None:
    """Where some rule that may decide says otherwise, or none has the method, the page is not let in."""
    decision = ask(*rules)
    assert not isinstance(decision, AnswerOptions) or decision.cors == ()


def test_who_is_not_listed_is_told_nothing() -> None:
    """The answer to another origin's preflight says only that it depends on the origin."""
    decision = ask(rule("/a", **CORS), origin="https://evil.example")
    assert isinstance(decision, AnswerOptions)
    assert decision.cors == ((b"vary", b"Origin"),)
