"""Matchers against the npm package whose syntax they have: path-to-regexp 6.3.0, case-sensitive.

Thousands of generated matchers and paths are put to both. No difference is allowed but those in ``WE_REFUSE`` and
``THEY_REFUSE``, each of which is shown here by an example. Paths hold no ``?`` and ``#``: no canonical path does, and
the package takes either for the tolerated slash at the end.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from gateway.matching.matchers import Matcher, MatcherInvalid, compile_matcher
from tests.support.generated_matchers import MatcherMaker
from tests.support.path_to_regexp import Answer, ask_package, install_package

MATCHERS = 2000  # and with --whole-lists four times as many
PATHS_EACH = 36
SEED = 20261123

WE_REFUSE = {
    "a backslash at the end": (r"Nothing to escape", ["/a\\"]),
    "an unescaped { } ]": (r"Nothing to repeat, or an unescaped []{}]", ["/(a{)", "/(a})", "/(a]b)", "/(a{,3})"]),
    "a quantified look-around": (r"Nothing to repeat, or an unescaped [*+?{]", ["/((?=a)*)", "/(b(?!a)?)"]),
    "an escape without a meaning, or a back-reference": (
        r"The escape \\\w is not allowed",
        [r"/(\p{L})", r"/(a\Z)", r"/(\k)", r"/((?<n>a)\k<n>)", r"/(a\1)", r"/(\00)", r"/(\x6)", r"/(\c)"],
    ),
    "a look-behind that looks around": (r"A look-behind must not look around", ["/((?<=^a)b)", r"/((?<=\b)b)"]),
    "more than 1000 repetitions": (r"More than 1000 repetitions", ["/(a{1001})"]),
    "more than 32 groups inside one another": (r"More than 32 groups", [f"/({'(?:' * 33}a{')' * 33})"]),
    "a table that gets too large": (r"Too complex", ["/(.*a.{20})", "/((?:a?){1000})"]),
    "a group that is whole only together with what follows": (
        r"Unterminated group|Unmatched \)|Unexpected end",
        ["/x((?:[)])y([(?])z)"],
    ),
    "a capture name beyond ASCII": (r"Unknown kind of group", ["/((?<é>a))"]),
}
"""What the package accepts and we refuse: by name, how we say it, and examples."""

THEY_REFUSE = {"the same capture name twice": (r"Duplicate capture group name", ["/((?<n>a)(?<n>b))"])}
"""What we accept and the package refuses."""


@pytest.fixture(scope="module", autouse=True)
def package() -> None:
    """Install the package."""
    install_package()


def test_generated_matchers_mean_what_they_mean_there(
    record_property: Callable[[str, object], None], pytestconfig: pytest.Config
) -> None:
    """For every generated matcher both sides refuse it, or both accept it and match the same generated paths."""
    maker = MatcherMaker(SEED)
    matchers = MATCHERS * (4 if pytestconfig.getoption("whole_lists") else 1)
    sources = list(dict.fromkeys(maker.make_matcher() for _ in range(matchers)))
    ours = [compile_or_fault(source) for source in sources]
    paths = [[] if isinstance(each, str) else maker.make_paths(each.dfa, PATHS_EACH) for each in ours]
    counts: Counter[str] = Counter()
    differences: list[str] = []
    answers = ask_package(list(zip(sources, paths, strict=True)))
    for source, mine, asked, theirs in zip(sources, ours, paths, answers, strict=True):
        verdict = compare_refusals(mine if isinstance(mine, str) else None, theirs)
        counts[verdict] += 1
        if verdict.startswith("DIFFERENCE"):
            differences.append(f"{source!r}: {verdict}")
        elif not isinstance(mine, str) and theirs.error is None:
            found = [mine.matches(path) for path in asked]
            counts["pairs of matcher and path"] += len(asked)
            counts["pairs that match"] += sum(found)
            wrong = [path for path, here, there in zip(asked, found, theirs.matches, strict=True) if here != there]
            differences += [f"{source!r} and {path!r}: only one side matches" for path in wrong]
    for what, count in sorted(counts.items()):
        record_property(what, count)
        sys.stdout.write(f"{what}: {count}\n")
    assert differences == []
    assert counts["both accept"] > 3 * matchers // 8
    assert counts["pairs that match"] > 5 * matchers // 2


@pytest.mark.parametrize(
    ("fault", "example"), [(fault, example) for fault, examples in WE_REFUSE.values() for example in examples]
)
def test_what_only_we_refuse(fault: str, example: str) -> None:
    """Each listed difference is one: we refuse it and say why, and the package accepts it."""
    refusal = compile_or_fault(example)
    assert isinstance(refusal, str)
    assert re.match(fault, refusal)
    assert ask_package([(example, [])])[0].error is None


def test_what_only_the_package_refuses() -> None:
    """Names of captures mean nothing here, so the same one may stand twice."""
    for fault, examples in THEY_REFUSE.values():
        for example in examples:
            assert not isinstance(compile_or_fault(example), str)
            assert re.search(fault, ask_package([(example, [])])[0].error or "")


@pytest.mark.parametrize(
    "content",
    [
        *(r"\w-.", r"\d-x", r"a-\d", r"\w-\d", r"\d-", r"-\d", r"a-\d-z", r"\d-a-z", r"+--\d", r"\d--", r"^\w-."),
        *(r"\d-\-", r"\--\d", r"\s-~", r"\D-a", r"^\W-x", r"\d-\d-\d", r"a-c-e", r"--0", r"\b-\d", r"!--"),
    ],
)
def test_a_dash_beside_a_set_is_a_dash(content: str) -> None:
    r"""In a character class a ``-`` beside a set such as ``\d`` makes no range but stands for itself (annex B.1.2)."""
    matcher = compile_or_fault(f"/([{content}])")
    paths = [f"/{char}" for char in "adxz059.-_~!,/b"]
    theirs = ask_package([(f"/([{content}])", paths)])[0]
    assert not isinstance(matcher, str)
    assert tuple(matcher.matches(path) for path in paths) == theirs.matches


def test_a_character_is_a_code_point() -> None:
    """JavaScript counts a character beyond U+FFFF twice; here it is one."""
    matcher = compile_matcher("/(.)")
    assert matcher.matches("/😀")
    assert ask_package([("/(.)", ["/😀"]), ("/(..)", ["/😀"])])[0].matches == (False,)


def compile_or_fault(source: str) -> Matcher | str:
    """Return our compiled matcher, or why we refuse it."""
    try:
        return compile_matcher(source)
    except MatcherInvalid as refusal:
        return str(refusal)


def compare_refusals(ours: str | None, theirs: Answer) -> str:
    """Return how the two sides' refusals compare: a name for the counts."""
    if (ours is None) == (theirs.error is None):
        return "both accept" if ours is None else "both refuse"
    listed, fault = (WE_REFUSE, ours) if ours is not None else (THEY_REFUSE, theirs.error)
    for name, (pattern, _) in listed.items():
        if re.search(pattern, fault or ""):
            return f"only {'we' if ours is not None else 'they'} refuse: {name}"
    return f"DIFFERENCE: {f'only we refuse: {ours}' if ours is not None else f'only they refuse: {theirs.error}'}"
