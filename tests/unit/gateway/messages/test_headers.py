"""Headers at the gateway: what stops, what passes, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.headers import (
    Origin,
    PassingHeaders,
    encode_own_headers,
    keep_answer_headers,
    read_passing_headers,
)
from gateway.messages.raw_headers import RawHeader, encode_lines, list_words, split_lines
from gateway.wire.limits import MAX_HEADERS
from shared.errors import BadRequest, HeadersTooLarge
from shared.tokens.protocol import PROTOCOLS
from shared.tokens.session_cookie import CookieNames, parse_cookies

HOST = (b"host", b"localhost:3000")
HOSTS = {b"localhost:3000"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ORIGIN = Origin("request-1", TRACE, "10.0.0.1", "https")
NAMES = CookieNames.of("http://localhost:3000")

names = st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1, max_size=20).map(str.encode)
known_names = st.sampled_from(
    [b"host", b"connection", b"content-length", b"transfer-encoding", b"cookie", b"upgrade", b"x-forwarded-for"]
)
values = st.binary(max_size=30)
headers = st.lists(st.tuples(names | known_names, values), max_size=80)


def list_sent(request: PassingHeaders, token: str | None, dropped: CookieNames | None) -> list[RawHeader]:
    """Return all header lines that an upstream gets."""
    return [(b"host", request.host), *request.pairs, *split_lines(encode_own_headers(request, ORIGIN, token, dropped))]


@given(headers)
def test_any_headers_end_as_read_or_refused(lines: list[tuple[bytes, bytes]]) -> None:
    """Whatever headers come, they are read or refused with an error of ours."""
    try:
        found = read_passing_headers(lines, HOSTS)
    except (BadRequest, HeadersTooLarge):
        return
    assert found.host in HOSTS
    assert len(lines) <= MAX_HEADERS


@given(headers)
def test_the_gateways_own_word_is_said_once(lines: list[tuple[bytes, bytes]]) -> None:
    """Whatever passes, each header that the gateway sets is there exactly once, with the gateway's value."""
    try:
        request = read_passing_headers([HOST, *(line for line in lines if line[0] != b"host")], HOSTS)
    except (BadRequest, HeadersTooLarge):
        return
    sent = list_sent(request, "a.b.c", NAMES)
    for name, value in (
        HOST,
        (b"authorization", b"Bearer a.b.c"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"localhost:3000"),
        (b"x-request-id", b"request-1"),
        (b"traceparent", TRACE.encode()),
    ):
        assert [each for key, each in sent if key == name] == [value]
    assert not {name for name, _ in sent} & {b"connection", b"upgrade", b"forwarded", b"te"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([(b"traceparent", TRACE.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")], [b"a=1", b"b=2"]),
        ([(b"traceparent", b"nonsense"), (b"tracestate", b"a=1")], []),
        ([(b"traceparent", TRACE.encode())] * 2 + [(b"tracestate", b"a=1")], []),
        ([(b"tracestate", b"a=1")], []),
        ([(b"traceparent", TRACE.encode()), (b"connection", b"traceparent"), (b"tracestate", b"a=1")], [b"a=1"]),
    ],
)
def test_a_trace_s_state_goes_with_the_trace(sent: list[tuple[bytes, bytes]], kept: list[bytes]) -> None:
    """``tracestate`` passes beside one valid ``traceparent``, which never passes itself: the gateway sets its own."""
    request = read_passing_headers([HOST, *sent], HOSTS)
    assert [value for name, value in request.pairs if name == b"tracestate"] == kept
    assert not [value for name, value in request.pairs if name == b"traceparent"]


@given(st.lists(st.sampled_from(["a=1", "next-auth.session-token=x", " next-auth.session-token.0 = y", "", "=", "b"])))
def test_no_cookie_of_ours_passes(pairs: list[str]) -> None:
    """However cookies are written, those of NextAuth are left out and the others stay."""
    request = read_passing_headers([HOST, (b"cookie", ";".join(pairs).encode())], HOSTS)
    kept = dict(parse_cookies(list_sent(request, None, NAMES)))
    assert {name for name in kept if "next-auth" in name} == set()
    assert kept.get("a") == ("1" if "a=1" in pairs else None)


def test_of_two_versions_the_cookies_of_the_spoken_one_stop() -> None:
    """The cookies of the version that is spoken are left out; those of another may be an application's own."""
    cookies = b"authjs.session-token.0=x; authjs.csrf-token=y; next-auth.session-token=z"
    request = read_passing_headers([HOST, (b"cookie", cookies)], HOSTS)
    of_version_5 = CookieNames.of("http://localhost:3000", PROTOCOLS["5"])
    sent = parse_cookies(list_sent(request, None, of_version_5))
    assert sent == {"next-auth.session-token": "z"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(b"\xa0__Host-a=1", b"\xa0__Host-a=1"), (b" \ta=1 ", b"a=1"), (b"\xa0next-auth.session-token=x; b=2", b"b=2")],
)
def test_blanks_make_no_other_cookie(sent: bytes, kept: bytes) -> None:
    """A cookie keeps its name, whatever a lenient server takes for a blank; one that it could take for ours stops."""
    request = read_passing_headers([HOST, (b"cookie", sent)], HOSTS)
    assert [value for name, value in list_sent(request, None, NAMES) if name == b"cookie"] == [kept]


def test_no_body_is_announced_where_none_is() -> None:
    """A request without a body has no length; one of length 0 says so."""
    assert not read_passing_headers([HOST], HOSTS).has_body
    empty = read_passing_headers([HOST, (b"content-length", b"0")], HOSTS)
    assert not empty.has_body
    assert (b"content-length", b"0") in list_sent(empty, None, None)


@pytest.mark.parametrize("value", [b"", b"-1", b"1 ", b"0x1", b"1" * 19, b"\xb2"])
def test_a_length_is_a_number(value: bytes) -> None:
    """A Content-Length that is not a plain number in bounds is refused."""
    with pytest.raises(BadRequest):
        read_passing_headers([HOST, (b"content-length", value)], HOSTS)


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        *((name, False) for name in (b"x-auth-user", b"x-auth-return-redirect-user", b"x-user-id", b"forwarded")),
        *((name, True) for name in (b"x-auth-return-redirect", b"x-author")),
    ],
)
def test_what_could_be_the_gateways_own_word_stops(name: bytes, passes: bool) -> None:  # noqa: FBT001 - a column of the table
    """A header that could name the user stops here; the one by which NextAuth 5's client asks for JSON passes."""
    assert (name in dict(read_passing_headers([HOST, (name, b"1")], HOSTS).pairs)) is passes


def test_sizes_count_names_and_values() -> None:
    """16 KiB of names and values are the bound, however they are divided."""
    read_passing_headers([HOST, (b"x", b"a" * 16_300)], HOSTS)
    with pytest.raises(HeadersTooLarge):
        read_passing_headers([HOST, (b"x", b"a" * 16_384)], HOSTS)


@given(headers, st.sampled_from([None, "a.b.c"]), st.sampled_from([None, NAMES]))
def test_what_passes_is_written_as_it_was_read(
    lines: list[tuple[bytes, bytes]], token: str | None, dropped: CookieNames | None
) -> None:
    """The lines that are sent are the headers that were read: Host first, then all others in their order."""
    try:
        request = read_passing_headers([HOST, *(line for line in lines if line[0] != b"host")], HOSTS)
    except (BadRequest, HeadersTooLarge):
        return
    assert request.lines == encode_lines([HOST, *request.pairs])
    said = encode_own_headers(request, ORIGIN, token, dropped)
    assert request.forwarded_host in said
    if b"\r" not in b"".join(request.cookies):  # as none of a request that was read has
        assert encode_lines(split_lines(said)) == said


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], set()),
        ([(b"connection", b"")], {b""}),
        ([(b"connection", b"Close")], {b"close"}),
        ([(b"connection", b"x-close-hint")], {b"x-close-hint"}),
        ([(b"connection", b"\tkeep-alive ,A,, b\t")], {b"keep-alive", b"a", b"", b"b"}),
        ([(b"connection", b"a"), (b"other", b"c"), (b"connection", b"b")], {b"a", b"b"}),
    ],
)
def test_a_list_is_read_by_its_words(lines: list[tuple[bytes, bytes]], words: set[bytes]) -> None:
    """The words of a list are separated by commas, over all headers with its name, whatever their case and blanks."""
    assert list_words(lines, b"connection") == words


STOPS = [
    *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer"),
    *(b"transfer-encoding", b"upgrade", b"date", b"server", b"x-request-id"),
]


@pytest.mark.parametrize("name", STOPS)
def test_what_is_an_upstreams_own_does_not_go_on(name: bytes) -> None:
    """Hop-by-hop headers, and those that the gateway sets, are left out of an answer; the rest keeps its order."""
    others = [(b"b", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-length", b"3")]
    assert keep_answer_headers(200, [*others[:2], (name, b"x"), *others[2:]]) == others


def test_an_upstream_may_say_what_else_is_its_own() -> None:
    """A header that Connection names, on any of its lines, is left out, whatever the case of the name."""
    named = [(b"connection", b"close, A"), (b"a", b"1"), (b"connection", b"B"), (b"b", b"2"), (b"c", b"3")]
    assert keep_answer_headers(200, named) == [(b"c", b"3")]


@pytest.mark.parametrize("status", [204, 304])
def test_no_length_is_announced_where_no_body_is(status: int) -> None:
    """An answer that has no body by its status announces no length, even if the upstream does."""
    assert keep_answer_headers(status, [(b"content-length", b"3"), (b"etag", b"x")]) == [(b"etag", b"x")]
