"""The matcher of a Next.js project is read as data, or it is said what can't be."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proving.nextjs_file import EVERY_PATH, NextMatcher, read_matchers
from gateway.proving.nextjs_tokens import NextjsUnreadable

EXAMPLE = Path(__file__).parents[4] / "examples" / "nextjs" / "proxy.ts"


def read(text: str) -> list[str]:
    """Return the sources in the text of a file."""
    return [matcher.source for matcher in read_matchers(text)]


@pytest.mark.parametrize(
    ("config", "sources"),
    [
        ('{ matcher: "/a" }', ["/a"]),
        ("{ matcher: ['/a', \"/b\", `/c`] }", ["/a", "/b", "/c"]),
        ("{ 'matcher': ['/a',], }", ["/a"]),
        ('{ runtime: "nodejs", matcher: ["/a"], regions: [home, "iad1"], f: { x: [1, "}"] } }', ["/a"]),
        ('{ matcher: [{ source: "/a", locale: false }, "/b"] }', ["/a", "/b"]),
        ("{ matcher: [] }", []),
        ("{}", [EVERY_PATH]),
        ('{ unstable_allowDynamic: ["/lib/**"] }', [EVERY_PATH]),
        ('{ matcher: "/((?!api|_next/static|favicon.ico).*)" }', ["/((?!api|_next/static|favicon.ico).*)"]),
        (r"{ matcher: '/(.*\\.png)' }", [r"/(.*\.png)"]),
        (r"{ matcher: '/\u0061\x62\u{63}\'' }", ["/abc'"]),
        ('{ matcher: ["/a"] as const }', ["/a"]),
        ('{ matcher: ["/a", "/b"] satisfies Array<Middleware<x, y>>, runtime: "edge" }', ["/a", "/b"]),
        ('{ matcher: ["/a" as string, { source: "/b" as const, has: [] } as M] as const satisfies M[] }', ["/a", "/b"]),
        ('{ matcher: "/a" as { x: string }["x"] }', ["/a"]),
        ('{ /* matcher: "/b" */ matcher: // "/c"\n "/a" }', ["/a"]),
        ('{ matcher: "/a", matcher: "/b" }', ["/b"]),
    ],
)
def test_what_is_constant_is_read(config: str, sources: list[str]) -> None:
    """Texts and lists of texts or objects are read, whatever the quotes and the other members are."""
    assert read(f"export const config = {config};") == sources


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ('import { x } from "y";\nexport default withAuth(function f(r) { return r; });\n', ""),
        ('export { auth as proxy } from "./auth";\n', ""),
        ("// export const config = { matcher: '/b' }\n", ""),
        ("const s = `export const config = ${`{ matcher: '/b' }`} { } ${ { a: `}` }.a }`;\n", ""),
        ("const r = /[\"'`/]export const config/g.test(x) / 2;\n", ""),
        ("const q = a / b; const t = c[0] / 2;\n", "\nconst s = q / 3"),
        ("", ", other = { matcher: '/b' }"),
        ("", " satisfies MiddlewareConfig;\nconst config2 = { matcher: '/b' };"),
        ("function config() { return 1 }\n", ""),
    ],
)
def test_other_code_is_passed_over(before: str, after: str) -> None:
    """Comments, texts, templates and regular expressions hold no configuration."""
    assert read(f'{before}export const config: Config<"x"> = {{ matcher: ["/a"] }}{after}') == ["/a"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\nexport const config = { matcher: [prefix + '/a'] }", "line 2: the matcher is not a constant, at prefix"),
        ("export const config = { matcher: ['/a' + b] }", "line 1: the matcher is not a constant, at +"),
        ("export const config = { matcher: '/a' + b }", "line 1: matcher is not a constant, at +"),
        ("export const config = { matcher: `/${a}` }", "line 1: the matcher is not a constant"),
        ("export const config = { matcher: [...shared] }", "line 1: the matcher is not a constant, at ..."),
        ("export const config = { ...shared }", "line 1: config has a member that is not written out, at ..."),
        ("export const config = {\n matcher }", "line 2: config has a member that is not written out, at matcher"),
        (
            "export const config = { matcher() { return x } }",
            "line 1: config has a member that is not written out, at ma",
        ),
        ("export const config = { matcher: ['/a'] as X + b }", "line 1: matcher is not a constant, at +"),
        ("export const config = { [key]: 1 }", "line 1: config has a member that is not written out, at ["),
        ("export const config = make()", "line 1: config is not written out as an object, at make"),
        ("export const config = { matcher: '/a' }[0]", "line 1: config is not a constant, at ["),
        ("export const config: X", "line 1: config is not a constant, at the end"),
        ("export const config = { matcher: [{ has: [] }] }", "line 1: an object of the matcher has no source"),
        ("export const config = { a: [", "line 1: config does not end, at the end"),
        ("const config = { matcher: '/a' };\nexport { config };", "line 2: config is not exported as export const"),
        ("export { a, c as config };", "line 1: config is not exported as export const"),
        ("export let config = { matcher: '/a' };", "line 1: config is not exported as export const"),
        ("export const a = [1, 2], config = { matcher: '/a' };", "line 1: config is not exported as export const"),
        ("export const { config } = all;", "line 1: config is not exported as export const"),
        ("\nexport * from './all';", "line 2: config is not exported as export const"),
        ("export function config() {}", "line 1: config is not exported as export const"),
        ("module.exports = { config: { matcher: '/a' } };", "line 1: config is not exported as export const"),
        ("exports.config = { matcher: '/a' };", "line 1: config is not exported as export const"),
        ("let s = `a", "line 1: a template that does not end"),
        ("let s = " + "`${" * 10_000, "line 1: too deeply nested"),
        ("export const config = { matcher: [['/a']] }", "line 1: the matcher is not a constant, at ["),
        ("export const config = { matcher: { source: ['/a'] } }", "line 1: the matcher is not a constant, at ["),
        (r"export const config = { matcher: '/\u{110000}' }", "line 1: an escape that is no character"),
    ],
)
def test_what_is_not_constant_is_said(text: str, reason: str) -> None:
    """What would have to be run to be known is refused, with its line, and never guessed."""
    with pytest.raises(NextjsUnreadable) as error:
        read_matchers(text)
    assert str(error.value).startswith(reason)


def test_what_narrows_a_matcher_is_noticed() -> None:
    """Entries with ``has`` or ``missing`` are marked, for those are not read."""
    text = 'export const config = {\n matcher: [\n{ source: "/a", has: [{ type: "header", key: "x" }] },\n"/b"] }'
    assert read_matchers(text) == [NextMatcher("/a", 3, is_narrowed=True), NextMatcher("/b", 4)]


def test_a_file_without_config_is_for_every_path() -> None:
    """Next.js runs such a file for every path."""
    assert read('export { default } from "next-auth/middleware"') == [EVERY_PATH]
    assert read("") == [EVERY_PATH]
    assert read("export const a = { b: [1, config = 2], config: 1 }, c = f(a, config = 3); let d, config = 4") == [
        EVERY_PATH
    ]
    assert read("export * as config2 from 'x'; export type config = string; f(exports)") == [EVERY_PATH]
    assert read_matchers("let a") == [NextMatcher(EVERY_PATH, None)]
    assert read('import { config } from "./x"; export { config as other }; export function f() {}') == [EVERY_PATH]


def test_the_example_is_read() -> None:
    """The example's file is read as it is."""
    assert read(EXAMPLE.read_text()) == ["/userposts/:path*"]


@given(st.text(alphabet="export const config={}[]:,'\"`$/\\*\n matcher.a1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever stands in a file, nothing else happens than a result or a refusal."""
    for whole in (text, f"export const config = {{ matcher: {text}"):
        with contextlib.suppress(NextjsUnreadable):
            assert read_matchers(whole) is not None
