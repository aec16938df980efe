"""Canonical paths: one spelling, or a refusal."""

from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.matching.matchers import compile_regex
from gateway.policy.canonical_paths import (
    CANONICAL_TEXT,
    MAX_PATH_LENGTH,
    MAX_QUERY_LENGTH,
    CanonicalPath,
    PathRefused,
    canonicalize_path,
    check_query,
    write_callback_query,
)
from shared.web.sites import LONGEST_WAY_BACK

PIECES = [b"/", b".", b"a", b"~", b"%", b"%2", b"%20", b"%2f", b"%2E", b"%25", b"%41", b"%c3", b"%a9", b"%EC%95%88"]
PIECES += [b"%40", b"@", b"%e2%80%a8", b"%ef%bf%bd", b"%5B", b";", b"\\", b"?", b"\n", b"\x00", b"\xc3\xa9", b"%7f"]

raw_paths = st.binary(max_size=40).map(lambda tail: b"/" + tail) | st.lists(st.sampled_from(PIECES), max_size=12).map(
    lambda pieces: b"/" + b"".join(pieces)
)


def canonicalize_or_none(raw: bytes) -> CanonicalPath | None:
    """Return the canonical path, or None for a refusal; any other error escapes."""
    try:
        return canonicalize_path(raw)
    except PathRefused:
        return None


@pytest.mark.parametrize(
    ("raw", "text", "forwarded"),
    [
        (b"/", "/", b"/"),
        (b"/userposts/1", "/userposts/1", b"/userposts/1"),
        (b"/userposts/", "/userposts/", b"/userposts/"),
        (b"/A/~b/-_.x", "/A/~b/-_.x", b"/A/~b/-_.x"),
        (b"/!$&'()*+,=:@", "/!$&'()*+,=:@", b"/!$&'()*+,=:@"),
        (b"/a%20b", "/a b", b"/a%20b"),
        (b"/%EC%95%88%EB%85%95", "/안녕", b"/%EC%95%88%EB%85%95"),
        (b"/%ec%95%88", "/안", b"/%EC%95%88"),
        (b"/%F0%9F%98%80", "/😀", b"/%F0%9F%98%80"),
        (b"/a%40b%2C%21", "/a@b,!", b"/a@b,!"),
        (b"/%5Bid%5D%22%7C", '/[id]"|', b"/%5Bid%5D%22%7C"),
        (b"/...", "/...", b"/..."),
        (b"/.well-known/x", "/.well-known/x", b"/.well-known/x"),
        (b"/" + b"a" * (MAX_PATH_LENGTH - 1), "/" + "a" * 2047, b"/" + b"a" * 2047),
    ],
)
def test_a_plain_path_has_one_spelling(raw: bytes, text: str, forwarded: bytes) -> None:
    """Ordinary paths, with spaces, Korean or reserved characters, are decoded to match and encoded anew to forward."""
    assert canonicalize_path(raw) == CanonicalPath(text, forwarded)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"/%75serposts/1", "The path hides a character as %75"),
        (b"/userposts%2f1", "The path hides a character as %2f"),
        (b"/userposts%0a", "The path hides a character as %0a"),
        (b"/userposts%5C1", "The path hides a character as %5C"),
        (b"/userposts%00", "The path hides a character as %00"),
        (b"/userposts%7F", "The path hides a character as %7F"),
        (b"/userposts%3bx", "The path hides a character as %3b"),
        (b"/userposts%3fx", "The path hides a character as %3f"),
        (b"/userposts%23x", "The path hides a character as %23"),
        (b"/userposts%252f1", "The path hides a character as %25"),
        (b"/x/%2e%2e/userposts", "The path hides a character as %2e"),
        (b"/%7Ea", "The path hides a character as %7E"),
        (b"", "The path does not start with /"),
        (b"*", "The path does not start with /"),
        (b"http://x/userposts", "The path does not start with /"),
        (b"//userposts", "The path starts with two slashes"),
        (b"/\\userposts", "The path starts with two slashes"),
        (b"/a\\b", "The path has the byte \\"),
        (b"/a;b=1", "The path has the byte ;"),
        (b"/a#b", "The path has the byte #"),
        (b"/a?b", "The path has the byte ?"),
        (b"/a b", "The path has the byte 0x20"),
        (b"/a\n", "The path has the byte 0x0A"),
        (b"/\xc3\xa9", "The path has the byte 0xC3"),
        (b"/[a]", "The path has the byte ["),
        (b"/%", "The path has a % without two hexadecimal digits"),
        (b"/%4", "The path has a % without two hexadecimal digits"),
        (b"/%zz", "The path has a % without two hexadecimal digits"),
        (b"/%u0041", "The path has a % without two hexadecimal digits"),
        (b"/%ff", "The path is not valid UTF-8"),
        (b"/%c0%af", "The path is not valid UTF-8"),
        (b"/%ED%A0%80", "The path is not valid UTF-8"),
        (b"/%C2%85", "The path has the character U+0085"),
        (b"/%E2%80%A8", "The path has the character U+2028"),
        (b"/%E2%80%A9", "The path has the character U+2029"),
        (b"/%EF%BF%BD", "The path has the character U+FFFD"),
        (b"/a//b", "The path has an empty segment"),
        (b"/a//", "The path has an empty segment"),
        (b"/./userposts", "The path has a . or .. segment"),
        (b"/x/../userposts", "The path has a . or .. segment"),
        (b"/..", "The path has a . or .. segment"),
        (b"/" + b"a" * MAX_PATH_LENGTH, "The path is longer than 2048 bytes"),
    ],
)
def test_a_path_with_a_second_reading_is_refused(raw: bytes, reason: str) -> None:
    """A path that guard and upstream could read differently is refused, and the reason says what is wrong."""
    with pytest.raises(PathRefused) as refusal:
        canonicalize_path(raw)
    assert refusal.value.reason == reason


@given(raw_paths)
@example(b"/%40")
def test_any_bytes_are_refused_or_canonical(raw: bytes) -> None:
    """Whatever the bytes: a refusal, or a path whose own spelling is canonical and stays as it is."""
    path = canonicalize_or_none(raw)
    if path is not None:
        assert canonicalize_path(path.raw) == path


@given(raw_paths)
def test_what_is_forwarded_is_what_was_matched(raw: bytes) -> None:
    """Decoding the forwarded path once, as upstreams do, gives the matched text; so did the client's spelling."""
    path = canonicalize_or_none(raw)
    if path is not None:
        assert unquote_to_bytes(path.raw).decode() == path.text == unquote_to_bytes(raw).decode()
        assert unquote(path.text) == path.text, "decoding twice must not change anything either"


@given(raw_paths)
def test_a_canonical_path_needs_no_interpretation(raw: bytes) -> None:
    """No accepted path holds what routers disagree about: empty or dot segments, backslashes, controls, line ends."""
    path = canonicalize_or_none(raw)
    if path is not None:
        segments = path.text.split("/")[1:]
        assert not {"", ".", ".."} & set(segments[:-1])
        assert segments[-1] not in {".", ".."}
        assert not set(path.text) & set("\\;?#%\r\n\0\u2028\u2029\x7f\x85")


@given(raw_paths | st.text(min_size=1, max_size=20).map(lambda text: ("/" + quote(text)).encode()))
def test_every_canonical_text_is_in_the_set_that_policies_are_checked_against(raw: bytes) -> None:
    """The expression by which rules are compared covers every path that is accepted."""
    path = canonicalize_or_none(raw)
    if path is not None:
        assert compile_regex(CANONICAL_TEXT).accepts(path.text)


@given(st.text(alphabet="/.a b안@\\;%?#\u2028\ufffd\x80\x1f", max_size=8))
def test_the_set_that_policies_are_checked_against_has_nothing_else(tail: str) -> None:
    """Every text in that set is the text of an accepted path."""
    text = "/" + tail
    raw = quote(text, safe="/!$&'()*+,=:@").encode()
    path = canonicalize_or_none(raw)
    assert compile_regex(CANONICAL_TEXT).accepts(text) == (path is not None and path.text == text)


@pytest.mark.parametrize("raw", [b"", b"a=1&b=%2F%zz", b"x[]={1}|2^`\\'\"<>", b"?", b"a" * MAX_QUERY_LENGTH])
def test_a_query_goes_on_as_it_came(raw: bytes) -> None:
    """A query of visible ASCII is opaque: not decoded, not normalised."""
    assert check_query(raw) is raw


@pytest.mark.parametrize(
    "raw", [b"a b", b"a#b", b"a\r\nX: 1", b"\x00", b"\xc3", b"\x7f", b"a" * (MAX_QUERY_LENGTH + 1)]
)
def test_a_query_with_other_bytes_is_refused(raw: bytes) -> None:
    """Spaces, controls, `#`, bytes beyond ASCII and more than 8192 bytes are refused."""
    with pytest.raises(PathRefused):
        check_query(raw)


@given(raw_paths, st.binary(max_size=30), st.sampled_from(["", "&prompt=login"]))
def test_a_callback_comes_back_whole(raw: bytes, query: bytes, further: str) -> None:
    """The value of callbackUrl decodes to path and query, and holds nothing that could end it early."""
    path = canonicalize_or_none(raw)
    if path is not None:
        encoded = write_callback_query(path, query, further).removeprefix("callbackUrl=").removesuffix(further)
        assert unquote_to_bytes(encoded) == (path.raw + b"?" + query if query else path.raw)
        assert not set(encoded) & set("&=?#/+ ")


@pytest.mark.parametrize("further", ["", "&prompt=login"])
@pytest.mark.parametrize("site", ["", f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 57}.example:65535"])
def test_whatever_is_accepted_can_be_led_back_to(site: str, further: str) -> None:
    """The longest path and query fit into what the sign-in page accepts, even if each of their bytes takes three."""
    path, query = canonicalize_path(b"/" + b"@" * (MAX_PATH_LENGTH - 1)), b"\\" * MAX_QUERY_LENGTH
    written = write_callback_query(path, query, further, site)
    assert check_query(written.encode(), LONGEST_WAY_BACK) == written.encode()
    assert written.endswith(further)
    assert dict(parse_qsl(written))["callbackUrl"] == f"{site}{path.text}?{query.decode()}"
