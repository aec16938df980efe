"""Questions about all requests, as they are asked on the command line: answers, forms, exit statuses, faults."""

import json
from pathlib import Path

import pytest

from gateway.explain import main
from gateway.policy.schema import PolicyFile
from gateway.proving.command import NO, WRONG, YES, Addresses
from gateway.settings import DEFAULT_RULES
from shared.settings import SAMPLE_SECRETS

EXAMPLE = Path(__file__).parents[4] / "examples" / "nextjs" / "proxy.ts"
OWN_PROMISES = DEFAULT_RULES.with_name("promises.toml")
PUBLIC = (
    '[upstreams]\nposts = "${POSTS_SERVICE_URL}"\n[[rule]]\nmatcher = "/a"\naccess = "public"\nupstream = "posts"\n'
)
PAGE = PUBLIC.replace("public", "page")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all settings out of the environment."""
    for name in (*SAMPLE_SECRETS, "ENVIRONMENT", "GATEWAY_RULES"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, name: str, text: str) -> str:
    """Write a file, and return its path."""
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_diff_says_whether_something_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0 where nothing changes, 1 where something does; as text, JSON and Markdown."""
    old, new = write(tmp_path, "old.toml", PAGE), write(tmp_path, "new.toml", PUBLIC)
    assert main(["--diff", old, old]) == YES
    assert capsys.readouterr().out == "Nothing changes, for any request: all paths were compared, in 7 kinds.\n"
    assert main(["--diff", old, new]) == NO
    assert "  opens     GET, HEAD: anonymous, navigating\n" in capsys.readouterr().out
    assert main(["--diff", old, new, "--json"]) == NO
    assert json.loads(capsys.readouterr().out)["changes"] is True
    assert main(["--diff", old, new, "--markdown"]) == NO
    assert capsys.readouterr().out.startswith("**The policy changes: opens 1, reroutes 1 ")


def test_promises_are_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0 where all hold, 1 where one does not; each has a line."""
    promises = write(tmp_path, "promises.toml", 'never_public = ["/a"]\nnot_routed = ["/b"]\n')
    page, public = write(tmp_path, "page.toml", PAGE), write(tmp_path, "public.toml", PUBLIC)
    assert main(["--prove", promises, "--rules", page]) == YES
    assert capsys.readouterr().out == "line 1    never_public /a: holds\nline 2    not_routed /b: holds\n"
    assert main(["--prove", promises, "--rules", public]) == NO
    assert (
        "line 1    never_public /a: broken by GET /a (anonymous): line 3: public to posts\n" in capsys.readouterr().out
    )
    assert main(["--prove", promises, "--rules", public, "--json"]) == NO
    proofs = json.loads(capsys.readouterr().out)["promises"]
    assert [proof["status"] for proof in proofs] == ["broken", "holds"]
    assert proofs[0]["broken_by"]["target"] == "/a"
    assert proofs[0]["rule"]["line"] == 3


def test_the_projects_own_promises_hold(capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--rules`` the policy that ships is asked; it keeps its promises."""
    assert main(["--prove", str(OWN_PROMISES)]) == YES
    assert "same_as_nextjs /userposts/:path*: holds\n" in capsys.readouterr().out


def test_a_next_js_project_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0 where all is guarded that Next.js guards, 1 where something is left open."""
    assert main(["--nextjs", str(EXAMPLE)]) == YES
    out = capsys.readouterr().out
    assert out.startswith("Next.js guards /userposts/:path*\nBoth agree: no public rule decides any of these paths.\n")
    file = write(tmp_path, "middleware.ts", 'export const config = { matcher: [{ source: "/a", has: [] }, "/b"] }')
    assert main(["--nextjs", file, "--rules", write(tmp_path, "public.toml", PUBLIC)]) == NO
    assert capsys.readouterr().out.splitlines() == [
        "Next.js guards /a /b",
        "has and missing of /a (line 1) are not read: taken to hold always",
        "LEFT OPEN    GET HEAD POST PUT PATCH DELETE /a and 1 other path (line 3: public to posts: /a)",
        "not routed   GET HEAD POST PUT PATCH DELETE OPTIONS /b and 1 other path",
    ]
    assert main(["--nextjs", file, "--rules", write(tmp_path, "public.toml", PUBLIC), "--json"]) == NO
    assert json.loads(capsys.readouterr().out)["left_open"][0]["paths"] == 2


def test_an_api_is_covered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0 where every operation is reached, 1 where one is not; rules without an operation are told."""
    rest = PAGE.partition("[[rule]]")[2].replace("/a", "/b")
    policy = write(tmp_path, "rules.toml", f"{PUBLIC}[[rule]]{rest}")
    api = write(tmp_path, "openapi.json", json.dumps({"paths": {"/a": {"get": {}}}}))
    assert main(["--coverage", api, "--rules", policy]) == YES
    assert capsys.readouterr().out.splitlines() == [
        "GET     /a: line 3: public to posts: /a",
        "no operation uses line 7: page to posts: /b",
    ]
    api = write(
        tmp_path, "openapi.json", json.dumps({"paths": {"/{x}": {"get": {}}, "/c": {"put": {}}, "/d/{x}": {"put": {}}}})
    )
    assert main(["--coverage", api, "--rules", policy]) == NO
    assert capsys.readouterr().out.splitlines() == [
        "GET     /{x}: line 3: public to posts: /a, such as /a",
        "GET     /{x}: line 7: page to posts: /b, such as /b",
        "GET     /{x}: NO RULE decides some of its paths, such as /c",
        "PUT     /c: NO RULE decides it",
        "PUT     /d/{x}: NO RULE decides any of its paths, such as /d/a",
    ]
    assert main(["--coverage", api, "--rules", policy, "--json"]) == NO
    assert json.loads(capsys.readouterr().out)["operations"][1]["unreached"] == "/c"


def test_a_project_without_a_matcher_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a matcher is for every path, one with an empty matcher for none: either is said."""
    policy = write(tmp_path, "rules.toml", PAGE)
    assert main(["--nextjs", write(tmp_path, "none.ts", "export function proxy() {}"), "--rules", policy]) == YES
    assert capsys.readouterr().out.startswith("Next.js guards every path: there is no matcher in the file\nBoth agree")
    empty = write(tmp_path, "empty.ts", "export const config = { matcher: [] }")
    assert main(["--nextjs", empty, "--rules", policy]) == YES
    assert capsys.readouterr().out.startswith("Next.js guards no path: the matcher is empty\nBoth agree")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--diff", "{page}", "{none}"], "{none}, line 1: the file can't be read\n"),
        (["--diff", "{bad}", "{page}"], "{bad}, line 1: rule: must be a list of tables\n"),
        (["--prove", "{none}"], "{none}, line 1: the file can't be read\n"),
        (["--nextjs", "{none}"], "{none}, line 1: the file can't be read\n"),
        (["--nextjs", "{next}"], "{next}, line 1: the matcher is not a constant, at x\n"),
        (["--coverage", "{bad}"], "{bad}, this is no JSON\n"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault is one line with the file, and exit status 2."""
    files = {
        "page": write(tmp_path, "page.toml", PAGE),
        "bad": write(tmp_path, "bad.toml", "rule = 1"),
        "next": write(tmp_path, "next.ts", "export const config = { matcher: x }"),
        "none": str(tmp_path / "none"),
    }
    assert main([argument.format(**files) for argument in arguments]) == WRONG
    assert capsys.readouterr().err == reason.format(**files)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--diff", "a"],
        ["--diff", "a", "b", "GET", "/a"],
        ["--diff", "a", "b", "--prove", "c"],
        ["--prove", "a", "--markdown"],
        ["--diff", "a", "b", "--json", "--markdown"],
        ["GET", "/a", "--json"],
        ["--diff", "a", "b", "--rules", "c"],
    ],
)
def test_a_wrong_call_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A call that makes no sense shows the usage, and exit status 2."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == WRONG
    assert "usage: python -m gateway.explain" in capsys.readouterr().err


def test_an_address_that_is_not_known_is_made_up() -> None:
    """A policy may name services that this machine has no settings for; anything else that is unknown is a mistake."""
    addresses = Addresses({"POSTS_SERVICE_URL": "http://posts:1"})
    assert addresses["POSTS_SERVICE_URL"] == "http://posts:1"
    assert addresses["ORDERS_SERVICE_URL"] == "http://orders_service_url"
    assert "ORDERS_SERVICE_URL" in addresses
    assert "OTHER" not in addresses
    text = {
        "upstreams": {"orders": "${ORDERS_SERVICE_URL}"},
        "rule": [{"matcher": "/", "access": "page", "upstream": "x"}],
    }
    assert (
        str(PolicyFile.model_validate(text, context=addresses).upstreams["orders"].address[0])
        == "orders_service_url:80"
    )


def test_what_a_matcher_hides_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a file reach no terminal."""
    hiding = PAGE.replace('"/a"', '["/a", "/b(\\u001b?)"]')
    main(["--diff", write(tmp_path, "old.toml", hiding), write(tmp_path, "new.toml", PUBLIC)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\u001b" in out
