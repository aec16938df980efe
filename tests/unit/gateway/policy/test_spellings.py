"""Spellings that are not canonical: which may pass, as what, and the law that no reading leads past a rule."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.matching.matchers import compile_regex
from gateway.policy.canonical_paths import CANONICAL_TEXT, CanonicalPath, PathRefused, canonicalize_path
from gateway.policy.choice import RequestFacts, choose_for_spelling, choose_rule
from gateway.policy.rules import Paths, Policy
from gateway.policy.spellings import MOST_READINGS, READING_TEXT, read_spelling
from tests.support.generated_policies import PolicyMaker
from tests.support.generous_reading import read_generously
from tests.support.path_readers import READERS
from tests.support.policies import read, rule

READS, CANONICAL = compile_regex(READING_TEXT), compile_regex(CANONICAL_TEXT)


@pytest.mark.parametrize(
    ("raw", "needs", "text", "sent"),
    [
        ("/C%23.ipynb", "encoded", "/C%23.ipynb", "/C%23.ipynb"),
        ("/50%25", "encoded", "/50%", "/50%25"),
        ("/what%3F", "encoded", "/what%3F", "/what%3F"),
        ("/a%3bb", "encoded", "/a;b", "/a%3Bb"),
        ("/[id]", "encoded", "/[id]", "/%5Bid%5D"),
        ("/a|b^c", "encoded", "/a|b^c", "/a%7Cb%5Ec"),
        ("/%EC%95%88%20%23", "encoded", "/안 %23", "/%EC%95%88%20%23"),
        ("/@scope%2Fname", "raw", "/@scope%2Fname", "/@scope%2Fname"),
        ("/@scope%2fname", "raw", "/@scope%2Fname", "/@scope%2fname"),
        ("/a//b", "raw", "/a/%/b", "/a//b"),
        ("/a/b//", "raw", "/a/b/%/", "/a/b//"),
        ("/a%23[1]%2F", "raw", "/a%23[1]%2F", "/a%23[1]%2F"),
    ],
)
def test_what_may_pass(raw: str, needs: str, text: str, sent: str) -> None:
    """What a path needs to pass; as what it is matched first, ``#`` and ``?`` as in a URL; and what is sent on."""
    with pytest.raises(PathRefused):
        canonicalize_path(raw.encode())
    spelling = read_spelling(raw.encode())
    assert spelling is not None
    path = spelling.write(spelling.needs)
    assert (spelling.needs, path.text, path.raw.decode()) == (needs, text, sent)


@pytest.mark.parametrize(
    "raw",
    [
        *("", "a", "//a", "/\\a", "/a\\b", "/a b", "/a;b", "/a#b", "/a?b", "/\u00e9", "/a\x00", "/a\n", "/a\x7f"),
        *("/%", "/%2", "/%zz", "/%00", "/%0a", "/%7f", "/%5c", "/%61", "/%2e", "/%7E", "/%2D", "/%5f", "/%30"),
        *("/%ff", "/%c0%af", "/%c2%80", "/%e2%80%a8", "/%ef%bf%bd", "/%ed%a0%80"),
        *("/.", "/..", "/a/./b", "/a/../b", "/a/..", "/a%2F..", "/a%2F..%2Fb", "/..%2Fb", "/.%2Fb", "/a/..%3Bx/b"),
        *("/a/..%23", "/a/..%3Fx", "/a/.%25/b", "/%2Fa", "/%3B/a", "/%3Bx%2Fa"),
        *(
            "/a%252e%252e/%252e%252e/b",
            "/a/%252e/b",
            "/a/%25252e/b",
            "/a%252F..%252Fb",
            "/a%255cb",
            "/a%2500",
            "/a%250a",
        ),
        *("/a%250a", "/a%25c0%25af", "/a%25u002fb", "/a%25U0041", "/a/.%252e/b"),
        *("/" + "a%23" * 512, "/" + "[" * 2048),
    ],
)
def test_what_never_passes(raw: str) -> None:
    """Dots, slashes at the start, controls, backslashes, bad UTF-8: once decoded or later, no word lets them pass."""
    assert read_spelling(raw.encode("latin-1")) is None


def test_too_many_readings_are_too_many() -> None:
    """A path is refused that is made to be read in ever more ways, so none takes long to judge."""
    assert read_spelling(b"/a%25%253B%2F%3B%25/b/b") is None
    assert read_spelling(b"/a" + b"%3B%23" * 340) is not None
    assert read_spelling(b"/a%253B%2523%25%3B%3F") is not None
    assert read_spelling(b"/" + b"a" * 1900 + b"%253B%2523%25%3B%3F") is None
    whole = read_spelling(b"/a%3Bx%3By/b%3Bc%23d%3Fe%25/f")
    assert whole is not None
    assert len(whole.readings) <= MOST_READINGS


pieces = st.sampled_from(
    [
        *("/", "a", "b", "ab", ".", "..", "%23", "%3F", "%3B", "%25", "%2F", "%2f", "[", "]", "|", "^", "%5B", "%20"),
        *("%252F", "%2523", "%253B", "%2561", "%25252e", "%2e", "%61", "%5c", "%EC%95%88", "%25c0", "//", "userposts"),
    ]
)
raws = st.lists(pieces, max_size=9).map(lambda found: "/" + "".join(found)) | st.binary(max_size=20).map(
    lambda tail: "/" + tail.decode("latin-1")
)


@given(raws)
@example("/a%3B/b")
@example("/a%25/..")
def test_a_reading_is_a_path_that_is_one(raw: str) -> None:
    """Each reading is of the form that is compared, one is canonical, and what is sent on has no more of them."""
    spelling = read_spelling(raw.encode("latin-1"))
    if spelling is not None:
        assert all(READS.accepts(reading) for reading in spelling.readings)
        assert any(CANONICAL.accepts(reading) for reading in spelling.readings)
        for allowed in (Paths.ENCODED, Paths.RAW):
            sent = spelling.write(allowed).raw
            assert re.fullmatch(rb"[!-~]+", sent)
            again = read_spelling(sent)
            assert again is None or set(again.readings) <= set(spelling.readings)


@given(raws, st.lists(st.sampled_from(sorted(READERS)), min_size=1, max_size=5))
def test_no_server_reads_what_was_not_foreseen(raw: str, readers: list[str]) -> None:
    """Whatever a server decodes, cuts and merges of what it is sent, in whatever order, is one of the readings."""
    spelling = read_spelling(raw.encode("latin-1"))
    if spelling is not None:
        for allowed in (Paths.ENCODED, Paths.RAW):
            text = spelling.write(allowed).raw.decode()
            if not allowed.allows(spelling.needs):
                continue
            for reader in readers:
                text = READERS[reader](text)
            assert see(text) in spelling.readings, (raw, readers, text)


@given(st.integers(0, 2**32))
def test_the_law(seed: int) -> None:
    """Of any policy: what passes in another spelling is decided by one rule in every reading, and that rule says so."""
    maker = PolicyMaker(seed)
    policy = maker.make_policy()
    for request, raw in maker.make_spelled((policy,), 30):
        spelling = read_spelling(raw)
        found = choose_for_spelling(policy, request, spelling) if spelling is not None else None
        if spelling is None or found is None or found[1] is None:
            continue
        spelled, candidate = found
        assert candidate.rule.paths.allows(spelling.needs)
        sent = spelled.path.raw.decode()
        texts = [reader(sent) for reader in READERS.values()]
        texts += [other(text) for text in texts for other in READERS.values()]
        for text in (*texts, read_generously(sent.encode())):
            reading = request._replace(path=CanonicalPath(see(text), b""))
            decided = choose_rule(policy, reading)
            assert decided is not None, (raw, text)
            assert decided.rule is candidate.rule, (raw, text)


def see(text: str) -> str:
    """Return a path as a matcher sees it."""
    text = text.replace("#", "%23").replace("?", "%3F")
    while "//" in text:
        text = text.replace("//", "/%/")
    return text


LOOSE = read(
    rule("/userposts/:path*", "page"),
    rule("/files/:path*", paths='"encoded"'),
    rule("/npm/:path*", "protected", paths='"raw"', methods='["GET", "PUT"]'),
    rule("/npm/-/private/:path*", "page", methods='["POST"]'),
    rule("/:path*", paths='"encoded"'),
)


def judge(raw: str, method: str = "GET", policy: Policy = LOOSE) -> str:
    """Return the matcher of the rule that decides, ``405`` where rules only take other methods, or ``400``."""
    spelling = read_spelling(raw.encode())
    request = RequestFacts(method, CanonicalPath("", b""))
    found = choose_for_spelling(policy, request, spelling) if spelling is not None else None
    if found is None:
        return "400"
    return found[1].matcher.source if found[1] is not None else "405"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("/files/C%23.ipynb", "/files/:path*"),
        ("/files/100%25%3B/[1]", "/files/:path*"),
        ("/files/a%2Fb", "400"),
        ("/files//a", "400"),
        ("/npm/@scope%2Fname", "/npm/:path*"),
        ("/npm/a//b", "/npm/:path*"),
        ("/npm//userposts", "/npm/:path*"),
        ("/x%23y", "/:path*"),
        ("/userposts/1%23", "400"),  # the rule is strict
        ("/userposts%23", "400"),  # cut at the sign
        ("/userposts%3Fx", "400"),
        ("/userposts%3Bx/1", "400"),  # without its parameters
        ("/%2575serposts/1", "400"),  # decoded twice
        ("/use%25rposts", "400"),  # without the percent sign
        ("/files%2F..%2Fuserposts", "400"),
        ("/files%23/x", "400"),  # cut, another rule decides
        ("/internal%23", "400"),  # never routed
        ("/metrics%3Fa", "400"),
    ],
)
def test_a_path_of_ours_never_changes_its_meaning(raw: str, says: str) -> None:
    """A spelling passes by the one rule for all its readings; where another rule decides one of them, it does not."""
    assert judge(raw) == says


@pytest.mark.parametrize(
    ("method", "raw", "says"),
    [
        ("PUT", "/npm/@scope%2Fname", "/npm/:path*"),
        ("DELETE", "/npm/@scope%2Fname", "400"),  # decided elsewhere, by a rule that does not take it
        ("OPTIONS", "/files/C%23", "405"),
        ("OPTIONS", "/files/a%2Fb", "400"),
        ("OPTIONS", "/nowhere%23", "405"),
        ("OPTIONS", "/internal%23", "400"),
    ],
)
def test_other_methods(method: str, raw: str, says: str) -> None:
    """Where no rule takes the method, the answer is what it is for other spellings: for a preflight, too."""
    assert judge(raw, method) == says
