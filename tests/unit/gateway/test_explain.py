"""The command that shows what the gateway would do."""

import time
import uuid
from pathlib import Path

import pytest

from gateway.callers.credentials import Credentials
from gateway.explain import PASSES, REFUSED, WRONG, main, split_target
from gateway.settings import DEFAULT_RULES, GatewaySettings
from shared.auth_events.revocations import Revocations
from shared.settings import SAMPLE_SECRETS


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> GatewaySettings:
    """Set up a development environment and return its settings."""
    for name, value in {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "GATEWAY_RULES": str(DEFAULT_RULES)}.items():
        monkeypatch.setenv(name, value)
    return GatewaySettings()  # type: ignore[call-arg] # the environment gives the arguments


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all settings out of the environment."""
    for name in (*SAMPLE_SECRETS, "ENVIRONMENT", "GATEWAY_RULES"):
        monkeypatch.delenv(name, raising=False)


def sign(settings: GatewaySettings, age: int = 0) -> str:
    """Return an access token of that age in seconds."""
    tokens = Credentials.of(settings, Revocations()).tokens
    now = int(time.time()) - age
    return tokens.sign(user_id=7, name="Ada", email="ada@example.com", session_id=str(uuid.uuid4()), now=now)


@pytest.mark.usefixtures("bare")
def test_it_says_why_an_anonymous_browser_is_redirected(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any settings: the canonical path, each rule's verdict, and the decision; GET unless a method is given."""
    assert main(["/userposts/1?a=b"]) == REFUSED
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["GET /userposts/1?a=b", "path      /userposts/1", "caller    anonymous (missing)"]
    assert [line.partition(": ")[2] for line in lines if "line" in line and "/api/logout" in line] == [
        "the path does not match"
    ]
    assert [line.split()[2:] for line in lines if line.endswith("fits")] == [["->", "/userposts/:path*:", "fits"]]
    assert lines[-3].endswith("not asked")
    assert lines[-2].startswith("decision  302 to /api/auth/signin?callbackUrl=%2Fuserposts%2F1%3Fa%3Db (line ")
    assert lines[-1] == "sent      nothing"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["GET", "/api/posts?limit=2"], PASSES, "GET /api/posts?limit=2 to posts, 127.0.0.1:8002, without credentials"),
        (["http://localhost:3000"], PASSES, "GET / to posts"),
        (["HEAD", "https://x.example/?q#f"], PASSES, "HEAD /?q to posts"),
        (["OPTIONS", "/api/posts"], PASSES, "204, Allow: GET, HEAD, OPTIONS, POST"),
        (["/docs"], PASSES, "nothing: the gateway answers it itself"),
        (
            ["PUT", "/api/posts"],
            REFUSED,
            "405 This method is not allowed here, Allow: GET, HEAD, OPTIONS, POST (no rule",
        ),
        (["/api/user/1"], REFUSED, "401 No Authorization (line "),
        (["/nowhere"], REFUSED, "404 There is nothing here (no rule decides)"),
        (["/internal/users"], REFUSED, "none is asked: this path is never routed"),
        (["/userposts%2f1"], REFUSED, "refused: The path hides a character as %2f"),
        (["/안"], REFUSED, "refused: The path has the byte 0xEC"),
        (["/a? b"], REFUSED, "refused: The query has the byte 0x20"),
        (["//a"], REFUSED, "refused: The path starts with two slashes"),
        (["", "--header", "A: b"], REFUSED, "refused: The path does not start with /"),
        (["--rules", str(DEFAULT_RULES)], PASSES, "rules, no fault"),
        (["POST", "/userposts", "--header", "Authorization: x"], REFUSED, "401 No Authorization"),
        (["/livez"], PASSES, "passes: the gateway tells its own state, before any rule"),
        (["HEAD", "http://10.0.0.1:3000/readyz"], PASSES, "before any rule"),
        (["POST", "/readyz"], REFUSED, "405 This method is not allowed here, Allow: GET, HEAD, OPTIONS (no rule"),
        (["/livez/"], REFUSED, "none is asked: this path is never routed"),
        (["/", "--header", "Upgrade: websocket"], REFUSED, "403 WebSockets are not opened here (line "),
        (["/docs", "--header", "Upgrade: websocket"], REFUSED, "403 WebSockets are not opened here (line "),
        (["/", "--header", "Upgrade: h2c"], PASSES, "GET / to posts"),
        (["/"], PASSES, "\ngranted   answer_within = 9\n"),
        (["POST", "/api/login", "--header", "Content-Length: 4097"], REFUSED, "413 The body is too large (line "),
        (
            ["/", "--header", "Connection: cookie"],
            REFUSED,
            "400 Connection names a header that must arrive (no rule decides)",
        ),
        (
            ["/", "--header", "X_User: 1"],
            PASSES,
            "\nheader    x_user is dropped: a name with an underscore never passes\n",
        ),
        (["/", "--header", "Host: a", "--header", "Host: b"], REFUSED, "400 Send exactly one Host header"),
        (["TRACE", "/"], REFUSED, "request   refused: This method is not allowed here"),
        (["TRACE", "/"], REFUSED, "405 This method is not allowed here, Allow: DELETE, GET, HEAD, OPTIONS, "),
    ],
)
def test_what_it_says(arguments: list[str], status: int, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each outcome is printed, and shown by the exit status: 0 passes, 1 does not."""
    assert main(arguments) == status
    assert expected in capsys.readouterr().out


def test_a_token_makes_a_caller(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """With an access token the request is explained as that user's."""
    assert main(["/api/user/7", "--token", sign(settings)]) == PASSES
    out = capsys.readouterr().out
    assert "caller    user 7, ada@example.com" in out
    assert "with the access token" in out


def test_a_host_that_is_not_served_is_told(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """With the settings, the Host counts as it does for the gateway: the URL's, or the public one, or a header's."""
    assert settings.nextauth_url == "http://localhost:3000"
    assert main(["/"]) == PASSES
    assert main(["http://127.0.0.1:3000/"]) == PASSES
    assert main(["http://x.example/"]) == REFUSED
    assert main(["/", "--header", "Host: x.example"]) == REFUSED
    assert capsys.readouterr().out.count("decision  400 This host is not served here (no rule decides)") == 2


@pytest.mark.usefixtures("bare")
def test_a_websocket_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that opens WebSockets lets a good handshake pass, and says what is wrong with another."""
    file = tmp_path / "rules.toml"
    file.write_text(
        '[upstreams]\nchat = "http://127.0.0.1:9"\n'
        '[[rule]]\nmatcher = "/chat"\naccess = "public"\nupstream = "chat"\nwebsocket = true\n'
    )
    asked = ["/chat", "--rules", str(file), "--header", "Upgrade: websocket", "--header", "Connection: Upgrade"]
    rest = ["--header", "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    assert main(asked) == REFUSED
    assert "426 Only version 13 of WebSocket is spoken here (line 3" in capsys.readouterr().out
    assert main([*asked, *rest]) == PASSES
    assert "GET /chat to chat, 127.0.0.1:9" in capsys.readouterr().out


def test_a_method_that_may_be_a_slip_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule may name any method; one that nobody has registered is remarked on where a file is checked."""
    file = tmp_path / "rules.toml"
    rule = 'matcher = "/a"\naccess = "public"\nupstream = "a"\nmethods = ["GET", "PROPFIND", "PSOT"]\n'
    file.write_text(f'[upstreams]\na = "http://a"\n[[rule]]\n{rule}')
    assert main(["--rules", str(file)]) == PASSES
    assert "line 3: PSOT: no method that is registered" in capsys.readouterr().out


def test_a_policy_without_session_cookies_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy with which no browser can sign in is valid, but remarked on where a file is checked."""
    file = tmp_path / "rules.toml"
    file.write_text('[upstreams]\na = "http://a"\n[[rule]]\nmatcher = "/a"\naccess = "public"\nupstream = "a"\n')
    assert main(["--rules", str(file)]) == PASSES
    remark = "no upstream has session_cookies: nobody signs in here with a browser"
    assert capsys.readouterr().out.splitlines() == [f"{file}: 1 rules, no fault", remark]
    assert main(["--rules", str(DEFAULT_RULES)]) == PASSES
    assert remark not in capsys.readouterr().out


def test_a_policy_of_an_earlier_release_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an upgrade asks of a policy of one's own is remarked on where the file is checked."""
    file = tmp_path / "rules.toml"
    text = DEFAULT_RULES.read_text().replace('authorization = "token", ', "", 1)
    file.write_text(text.replace("/_gatepost/assets/", "/assets/"))
    assert main(["--rules", str(file)]) == PASSES
    assert capsys.readouterr().out.splitlines()[1:] == [
        'auth gets no access token, and takes everybody for anonymous: authorization = "token" is missing',
        "no rule reaches /_gatepost/assets/gatepost.css: the pages have no look",
    ]


def test_an_expired_token_is_told(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """An expired token leaves the caller anonymous, with the reason."""
    assert main(["/api/user/7", "--token", sign(settings, age=4000)]) == REFUSED
    assert "anonymous (expired)" in capsys.readouterr().out


def test_a_cookie_counts_as_in_a_browser(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """The session cookie makes a caller, for unsafe methods only where the browser says that a page of ours asks."""
    sealed = Credentials.of(settings, Revocations()).sealer.seal({"accessToken": sign(settings)}, int(time.time()))
    assert main(["/userposts", "--cookie", sealed]) == PASSES
    assert main(["POST", "/userposts", "--cookie", sealed]) == REFUSED
    assert main(["POST", "/userposts", "--cookie", sealed, "--header", "Sec-Fetch-Site: same-origin"]) == PASSES
    assert "user 7" in capsys.readouterr().out


IGNORED = "cookie    does not count: neither Sec-Fetch-Site nor Origin says that a page of ours asks"


@pytest.mark.parametrize(
    ("arguments", "is_told"),
    [
        (["POST", "/api/posts"], True),
        (["POST", "/api/posts", "--header", "Origin: https://evil.example"], True),
        (["POST", "/api/posts", "--header", "Origin: http://localhost:3000"], False),
        (["GET", "/api/user/7"], False),
    ],
)
def test_a_cookie_that_does_not_count_is_told(
    settings: GatewaySettings,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    is_told: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    """Where a cookie does not count for lack of the browser's word, that is said: "missing" would be no help."""
    sealed = Credentials.of(settings, Revocations()).sealer.seal({"accessToken": sign(settings)}, int(time.time()))
    main([*arguments, "--cookie", sealed])
    assert (IGNORED in capsys.readouterr().out.splitlines()) is is_told
    main(arguments)
    assert IGNORED not in capsys.readouterr().out


def test_what_credentials_the_upstream_gets(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """The service that signs people in gets NextAuth's cookies beside the access token, and no other service does."""
    sealed = Credentials.of(settings, Revocations()).sealer.seal({"accessToken": sign(settings)}, int(time.time()))
    for target, says in (
        ("/api/auth/session", "with the access token and NextAuth's cookies"),
        ("/userposts", "with the access token"),
    ):
        assert main([target, "--cookie", sealed]) == PASSES
        assert capsys.readouterr().out.endswith(f", {says}\n")
    assert main(["/api/auth/session", "--cookie", "x"]) == PASSES
    assert capsys.readouterr().out.endswith(", with NextAuth's cookies\n")
    assert main(["/api/auth/session"]) == PASSES
    assert capsys.readouterr().out.endswith(", without credentials\n")


STALE = "renewal   the session's token has run out: the auth service is asked for a fresh one first, and with it"


@pytest.mark.parametrize(
    ("arguments", "status", "is_renewed", "decision"),
    [
        (["/userposts/1"], PASSES, True, "302 to /api/auth/signin?callbackUrl=%2Fuserposts%2F1"),
        (["/api/user/7"], PASSES, True, "401 No Authorization"),
        (["/posts/1"], PASSES, True, "passes (line "),
        (["POST", "/api/posts", "--header", "Sec-Fetch-Site: same-origin"], PASSES, True, "401 No Authorization"),
        (["POST", "/api/posts"], REFUSED, False, "401 No Authorization"),
        (["/docs"], PASSES, False, "passes (line "),
        (["/api/auth/session"], PASSES, False, "passes (line "),
        (["/nowhere"], REFUSED, False, "404 There is nothing here"),
        (
            ["DELETE", "/userposts", "--header", "Connection: cookie"],
            REFUSED,
            False,
            "400 Connection names a header that must arrive",
        ),
    ],
)
def test_a_stale_session_is_renewed(
    settings: GatewaySettings,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    is_renewed: bool,  # noqa: FBT001 - the same
    decision: str,
) -> None:
    """A session whose token has expired passes where the gateway would renew it, and that is said; elsewhere not.

    The decision for a session that is over is printed, too.
    """
    session = {"sid": str(uuid.uuid4()), "accessToken": sign(settings, age=4000)}
    sealed = Credentials.of(settings, Revocations()).sealer.seal(session, int(time.time()))
    assert main([*arguments, "--cookie", sealed]) == status
    lines = capsys.readouterr().out.splitlines()
    assert (STALE in lines) is is_renewed
    assert [line for line in lines if line.startswith(f"decision  {decision}")]


def test_a_session_that_is_good_is_not_renewed(settings: GatewaySettings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said about a renewal where there is none; a token that expires within a minute passes anyway."""
    for age, is_renewed in ((0, False), (settings.access_token_ttl - 30, True)):
        session = {"sid": str(uuid.uuid4()), "accessToken": sign(settings, age)}
        sealed = Credentials.of(settings, Revocations()).sealer.seal(session, int(time.time()))
        assert main(["/userposts", "--cookie", sealed]) == PASSES
        assert ("renewal" in capsys.readouterr().out) is is_renewed


@pytest.mark.usefixtures("bare")
def test_a_credential_needs_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    """Without keys no token can be checked, and that is said."""
    assert main(["/userposts", "--token", "x"]) == WRONG
    assert "can't be checked without the settings" in capsys.readouterr().err


@pytest.mark.usefixtures("bare")
def test_a_bad_policy_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error in the file is one line with file and line, and exit status 2."""
    file = tmp_path / "rules.toml"
    file.write_text('[upstreams]\n[[rule]]\nmatcher = "/a*"\naccess = "public"\nupstream = "gateway"\n')
    assert main(["--rules", str(file)]) == WRONG
    assert capsys.readouterr().err == f"{file}, line 3: matcher: '/a*': Unexpected MODIFIER, expected END at 2\n"


@pytest.mark.parametrize("arguments", [[], ["GET", "/a", "/b"], ["/a", "--header", "nothing"], ["--what"]])
def test_a_wrong_call_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A call that makes no sense shows the usage, and exit status 2."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == WRONG
    assert "usage: python -m gateway.explain" in capsys.readouterr().err


def test_a_target_is_taken_as_written() -> None:
    """A path or URL is split, and never decoded or normalised."""
    assert split_target("/a%2f/../b?c?d") == (b"/a%2f/../b", b"c?d")
    assert split_target("HTTP://x:1?q") == (b"/", b"q")
    assert split_target("/a#b") == (b"/a#b", b"")


SITES = """
[upstreams]
app = "http://app"
[[rule]]
matcher = ["/:path*"]
hosts = "app.example.com"
access = "protected"
upstream = "app"
cors = { origins = "https://ui.example.com", credentials = true }
[[rule]]
matcher = ["/:path*"]
access = "public"
upstream = "gateway"
"""


@pytest.fixture
def sites(settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Set up one sign-in for two hosts, and return the name of their policy's file."""
    del settings  # the environment has them
    monkeypatch.setenv("NEXTAUTH_URL", "https://id.example.com")
    monkeypatch.setenv("COOKIE_DOMAIN", "example.com")
    monkeypatch.setenv("GATEWAY_HOSTS", "app.example.com")
    (tmp_path / "rules.toml").write_text(SITES)
    return str(tmp_path / "rules.toml")


def test_it_says_which_host_a_rule_is_about(sites: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a rule for another host it says so, and of the one that decides for which it is."""
    assert main(["https://id.example.com/a", "--rules", sites]) == PASSES
    assert "line 4       /:path*: the host is not listed" in capsys.readouterr().out
    assert main(["https://app.example.com/a", "--rules", sites]) == REFUSED
    assert "401 No Authorization (line 4, protected, at app.example.com)" in capsys.readouterr().out


def test_it_says_who_may_read_and_whose_cookies_count(sites: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The origins of the rule stand beside the decision; a cookie that they send counts, and no other site's does."""
    settings = GatewaySettings()  # type: ignore[call-arg] # the environment gives the arguments
    cookie = Credentials.of(settings, Revocations()).sealer.seal({"accessToken": sign(settings)}, int(time.time()))
    call = ["POST", "https://app.example.com/a", "--rules", sites, "--cookie", cookie, "--header"]
    assert main([*call, "Origin: https://ui.example.com"]) == PASSES
    said = capsys.readouterr().out
    assert "answer    read by https://ui.example.com, whose pages may use the caller's cookies" in said
    assert "cookie    " not in said
    assert main([*call, "Origin: https://evil.example.com"]) == REFUSED
    assert "cookie    does not count" in capsys.readouterr().out
    preflight = ["--header", "Access-Control-Request-Method: POST", "--header", "Origin: https://ui.example.com"]
    assert main(["OPTIONS", "https://app.example.com/a", "--rules", sites, *preflight]) == PASSES
    assert "preflight vary: Origin; access-control-allow-origin: https://ui.example.com" in capsys.readouterr().out


def test_a_host_that_is_not_served_is_a_fault(
    sites: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With settings, a rule about a host that they don't serve is refused with its line."""
    monkeypatch.setenv("GATEWAY_HOSTS", "wiki.example.com")
    assert main(["--rules", sites]) == WRONG
    assert "line 6: hosts: app.example.com is not served" in capsys.readouterr().err
