"""What the command says of the words that loosen a policy: each is seen in what it does to the request."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.callers.credentials import Credentials
from gateway.explain import PASSES, REFUSED, main
from gateway.settings import GatewaySettings
from shared.auth_events.revocations import Revocations
from shared.settings import SAMPLE_SECRETS
from tests.support.policies import rule

Explain = Callable[..., str]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Set up a development environment and return its settings."""
    for name, value in {**SAMPLE_SECRETS, "ENVIRONMENT": "development"}.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings()  # type: ignore[call-arg] # the environment gives the arguments


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Explain:
    """Give a function that explains a request to a policy of some rules, and checks whether it passes."""

    def explain_one(rules: str, *arguments: str, passes: bool = True) -> str:
        file = tmp_path / "rules.toml"
        file.write_text('[upstreams]\nposts = "http://posts:8002"\n' + rules)
        assert main([*arguments, "--rules", str(file)]) == (PASSES if passes else REFUSED)
        return capsys.readouterr().out

    return explain_one


@pytest.mark.parametrize(
    ("word", "sent", "is_told"),
    [
        ("none", "without credentials", False),
        ("token", "without credentials", False),
        ("own", "with the Authorization header as it came", True),
    ],
)
def test_whose_authorization_goes_along(explain: Explain, word: str, sent: str, *, is_told: bool) -> None:
    """It is said what is sent of a foreign header, and that it proves nothing where it is the application's."""
    out = explain(rule("/a", authorization=f'"{word}"'), "/a", "--header", "Authorization: Basic YTpi")
    assert out.endswith(f"{sent}\n")
    assert ("header    Authorization is the application's own here" in out) is is_told


def test_who_is_named(explain: Explain, settings: GatewaySettings) -> None:
    """It is said what each header says of the caller, and which has nothing to say."""
    token = Credentials.of(settings, Revocations()).tokens.sign(
        user_id=7, name="Ada", email="ada@example.com", session_id=str(uuid.uuid4()), now=int(time.time())
    )
    words = {"identity": '["Remote-User", "Remote-Email"]'}
    out = explain(rule("/a", "protected", **words), "/a", "--token", token)
    assert out.splitlines()[-2:] == [
        "identity  Remote-Email: not sent: there is no proven address",
        "identity  Remote-User: 7",
    ]
    assert "identity" not in explain(rule("/a", **words), "/a")


def test_how_a_path_may_be_spelled(explain: Explain) -> None:
    """Each reading is told with the rule that decides it, and why the spelling passes or does not."""
    rules = rule("/a/:x", paths='"encoded"') + rule("/:x*", "page")
    out = explain(rules, "/a/C%23")
    assert "reading   /a/C%23: line 3, paths = encoded\nreading   /a/C: line 3, paths = encoded\n" in out
    assert "path      /a/C%23: one rule, which takes this spelling, decides all its readings" in out
    assert "GET /a/C%23 to posts" in out
    out = explain(rules, "/a%23", passes=False)
    assert "reading   /a: line 8, paths = strict" in out
    assert "request   refused: The path hides a character as %23" in out
    assert "it passes only if one rule with paths = encoded decides all its readings" in out
    out = explain(rules, "/a/%41", passes=False)
    assert "reading" not in out


def test_what_is_taken_off(explain: Explain) -> None:
    """It is said what arrives of the path, and what the application is told."""
    out = explain(rule("/app/:x*", strip='"/app"'), "/app/x?y")
    assert "GET /x?y to posts, posts:8002, without credentials, X-Forwarded-Prefix: /app" in out


def test_which_cookies_go_along(explain: Explain, settings: GatewaySettings) -> None:
    """It is said that the session cookie goes along for a signed-in caller, and only where the rule says so."""
    credentials = Credentials.of(settings, Revocations())
    now, session_id = int(time.time()), str(uuid.uuid4())
    token = credentials.tokens.sign(user_id=7, name="Ada", email="a@b.c", session_id=session_id, now=now)
    cookie = credentials.sealer.seal({"sid": session_id, "accessToken": token}, now)
    for words, is_told in (({"cookies": '"session"'}, True), ({}, False)):
        out = explain(rule("/a", "page", **words), "/a", "--cookie", cookie)
        assert ("with the session cookie, if it is the caller's" in out) is is_told
