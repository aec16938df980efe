"""The heads of requests: what their bytes mean, remembered or read anew, and what is refused."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.messages.head_parser import HeadParser
from gateway.messages.headers import read_passing_headers
from gateway.messages.lookup import MOST_REMEMBERED
from gateway.messages.raw_headers import END_OF_HEAD
from gateway.messages.request_heads import LONGEST_DROPPED, MOST_DROPPED, RequestHead, RequestHeads
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.methods import METHODS
from gateway.wire.limits import MAX_HEAD, MAX_HEADERS
from shared.errors import AppError, BadRequest

HOSTS = frozenset({b"localhost:3000"})
HOST = b"Host: localhost:3000\r\n"
LINE = b"GET /a?b=c HTTP/1.1"


def read(line: bytes = LINE, lines: bytes = b"", host: bytes = HOST, heads: RequestHeads | None = None) -> RequestHead:
    """Return what a head of these parts means, to a reader of its own unless one is given."""
    return (heads or RequestHeads(HOSTS)).read(line + b"\r\n" + host + lines + b"\r\n")


def describe_refusal(error: AppError | None) -> object:
    """Return what a client gets to see of a refusal."""
    return None if error is None else (error.status, error.message, error.headers)


def describe(head: RequestHead) -> object:
    """Return all that a head means, in a form that can be compared."""
    line, headers = head
    return (
        (line.method, line.raw_path, line.query, line.version, line.path, describe_refusal(line.refusal)),
        (headers.raw, headers.naming, headers.passing, describe_refusal(headers.refusal), headers.keeps_alive),
        (head.expects_continue, headers.is_unread, headers.accepts_html, headers.asks_upgrade, head.keeps_alive),
    )


def read_or_refuse(heads: RequestHeads, data: bytes) -> object:
    """Return what the bytes of a head mean, or that they are no request."""
    try:
        return describe(heads.read(data))
    except BadRequest:
        return "no request"


# Remembered or read anew

methods = st.sampled_from([*sorted(METHODS), "PROPFIND", "get", "CONNECT", ""]).map(str.encode)
targets = st.sampled_from(
    [
        *(
            b"/",
            b"/a",
            b"/a?b",
            b"/a?",
            b"/?",
            b"/a?b?c",
            b"/a#b",
            b"/a?b#c",
            b"//a",
            b"/./a",
            b"/%2F",
            b"/%75",
            b"/%zz",
        ),
        *(b"/%EC%95%88", b"/\xec\x95\x88", b"*", b"http://localhost:3000/a", b"", b"a", b"/a b", b"/" + b"a" * 2048),
    ]
)
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 "])
names = st.sampled_from(
    [
        *(b"Host", b"Accept", b"Authorization", b"Cookie", b"Connection", b"Content-Length", b"Transfer-Encoding"),
        *(b"Upgrade", b"Expect", b"X-Request-ID", b"Traceparent", b"X-Forwarded-For", b"X_User", b"A", b"", b"A b"),
    ]
)
values = st.sampled_from(
    [
        *(b"localhost:3000", b"close", b"keep-alive, x-close-hint", b"3", b"0", b"+1", b"chunked", b"websocket"),
        *(
            b"100-continue",
            b"a=1; b=2",
            b"Bearer a.b.c",
            b"text/html",
            b"",
            b" x\t",
            b"\xff",
            b"a\0",
            b"a\nB: c",
            b"\r\n x",
        ),
    ]
)
header_lines = st.tuples(names, st.sampled_from([b": ", b":", b" : "]), values, st.just(b"\r\n")).map(b"".join)
blocks = st.lists(header_lines, max_size=5).map(b"".join)


@given(st.tuples(methods, targets, versions).map(b" ".join), blocks)
def test_what_is_remembered_means_what_it_meant(line: bytes, lines: bytes) -> None:
    """A head that was read before, as a whole or by its parts, means what it would if read for the first time."""
    data = b"".join((line, b"\r\n", HOST, lines, b"\r\n"))
    first = read_or_refuse(RequestHeads(HOSTS), data)
    heads = RequestHeads(HOSTS)
    for other in (data, line + b"\r\n" + HOST + b"\r\n", b"POST /x HTTP/1.1\r\n" + HOST + lines + b"\r\n", data, data):
        outcome = read_or_refuse(heads, other)
        assert other != data or outcome == first


@given(
    st.sampled_from(sorted(METHODS)).map(str.encode), st.sampled_from([b"/", b"/a", b"/a?b", b"/%EC%95%88?"]), blocks
)
def test_what_is_plain_means_what_the_parser_says(method: bytes, target: bytes, lines: bytes) -> None:
    """Whichever way a head is read, its parts are those that the parser finds in it as a whole."""
    data = b"".join((method, b" ", target, b" HTTP/1.1\r\n", HOST, lines, b"\r\n"))
    parser = HeadParser()
    try:
        parser.feed(data)
        assert parser.parsed.is_whole
    except BadRequest:
        with pytest.raises(BadRequest):
            RequestHeads(HOSTS).read(data)
        return
    line, headers = RequestHeads(HOSTS).read(data)
    assert (line.method, line.version) == (parser.method, parser.version) == (method.decode(), "1.1")
    assert (line.raw_path, line.query) == (target.partition(b"?")[0], target.partition(b"?")[2])
    assert list(headers.raw) == [header for header in parser.parsed.headers if b"_" not in header[0]]
    with contextlib.suppress(AppError):
        assert headers.passing == read_passing_headers(parser.parsed.headers, HOSTS)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_is_remembered(method: str) -> None:
    """A head that came before is not read again, whatever its method and whether a body follows."""
    heads = RequestHeads(HOSTS)
    data = b"%b /a?b HTTP/1.1\r\n%bContent-Length: 3\r\nCookie: a=1\r\n\r\n" % (method.encode(), HOST)
    first, second = heads.read(data), heads.read(data)
    assert first.line is second.line
    assert first.headers is second.headers


def count_kept(heads: RequestHeads) -> tuple[int, int]:
    """Return how many request lines, and how many requests' header lines, are remembered."""
    return len(heads._request_lines), len(heads._headers)  # noqa: SLF001 - they can't be seen from outside


@pytest.mark.parametrize(
    ("line", "lines", "kept"),
    [
        (b"GET /%75 HTTP/1.1", b"", (0, 0)),
        (b"PROPFIND /a HTTP/1.1", b"", (0, 0)),
        (b"GET /a HTTP/1.0", b"", (0, 0)),
        (b"nothing", b"", (0, 0)),
        (LINE, b"Connection: cookie\r\n", (1, 0)),
        (LINE, b"Host: localhost:3000\r\n", (1, 0)),
        (LINE, b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", (1, 0)),
        (LINE, b"A: \0\r\n", (1, 0)),
        (LINE, b"", (1, 1)),
    ],
)
def test_a_refusal_is_never_remembered(line: bytes, lines: bytes, kept: tuple[int, int]) -> None:
    """A refused head, of which anybody can send ever more, takes no room: it is read and refused each time."""
    heads = RequestHeads(HOSTS)
    outcomes = [read_or_refuse(heads, line + b"\r\n" + HOST + lines + b"\r\n") for _ in range(2)]
    assert outcomes[0] == outcomes[1]
    assert count_kept(heads) == kept


def test_what_is_remembered_is_bounded() -> None:
    """However many different heads come, a bounded number of their parts is kept."""
    heads = RequestHeads(HOSTS)
    for number in range(MOST_REMEMBERED + 10):
        assert read(b"GET /%d HTTP/1.1" % number, b"A: %d\r\n" % number, heads=heads).refusal is None
    assert count_kept(heads) == (10, 10)


# The request line


@pytest.mark.parametrize(
    ("target", "raw_path", "query"),
    [
        (b"/", b"/", b""),
        (b"/a?", b"/a", b""),
        (b"/a?b=c", b"/a", b"b=c"),
        (b"/a?b?c=/../", b"/a", b"b?c=/../"),
        (b"/a?http://x", b"/a", b"http://x"),
    ],
)
def test_a_target_is_cut_at_its_first_question_mark(target: bytes, raw_path: bytes, query: bytes) -> None:
    """Path and query are the two sides of the first question mark, as they were sent."""
    line = read(b"GET %b HTTP/1.1" % target).line
    assert (line.raw_path, line.query, line.path, line.refusal) == (
        raw_path,
        query,
        CanonicalPath(raw_path.decode(), raw_path),
        None,
    )


def test_a_path_has_one_spelling() -> None:
    """The path that counts is the canonical one; what was sent is kept beside it, for the log."""
    line = read(b"GET /a%20%c3%bc?x=?y HTTP/1.1").line
    assert line.path == CanonicalPath("/a ü", b"/a%20%C3%BC")
    assert (line.raw_path, line.query, line.path_text) == (b"/a%20%c3%bc", b"x=?y", "/a ü")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/a#b", "/a#b"),
        (b"/a?b#c", "/a"),
        (b"//a", "//a"),
        (b"/%75", "/%75"),
        (b"/a/../b", "/a/../b"),
        (b"*", "*"),
        (b"ftp://localhost:3000/a", "ftp://localhost:3000/a"),
        (b"http://localhost:3000//a", "//a"),
        (b"http://localhost:3000/#a", "/#a"),
    ],
)
def test_a_target_with_a_second_reading_is_refused(target: bytes, shown: str) -> None:
    """A target that is no canonical path is refused with 400 and nothing of it is cut off, a fragment neither."""
    for heads in (RequestHeads(HOSTS), RequestHeads(HOSTS)):
        head = read(b"GET %b HTTP/1.1" % target, heads=heads)
        assert head.refusal is not None
        assert (head.refusal.status, head.line.path, head.line.path_text) == (400, None, shown)
        assert head.keeps_alive  # it was read whole: what follows it is the next request


@pytest.mark.parametrize("target", [b"/" + b"a" * 2048, b"/a?" + b"b" * 8193, b"/api/auth/signin?" + b"b" * 32_769])
def test_a_target_that_is_too_long(target: bytes) -> None:
    """A path or query beyond its bound is 414 (RFC 9110, 15.5.15), and the connection stays."""
    head = read(b"GET %b HTTP/1.1" % target)
    assert head.refusal is not None
    assert (head.refusal.status, head.line.path, head.keeps_alive) == (414, None, True)


def test_the_way_back_from_the_sign_in_page_may_be_longer() -> None:
    """The sign-in page is told to lead back to whatever was accepted, which is longer once it is encoded."""
    head = read(b"GET /api/auth/signin?%b HTTP/1.1" % (b"b" * 32_768))
    assert head.refusal is None


@pytest.mark.parametrize("target", [b"/\xec\x95\x88", b"/a?\xff", b"/\xc3\xa4?a"])
def test_a_target_is_ascii(target: bytes) -> None:
    """Bytes beyond ASCII in a target are refused, whether by the parser or by the rules for paths."""
    try:
        refusal = read(b"GET %b HTTP/1.1" % target).refusal
    except BadRequest as error:
        refusal = error
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize("method", ["TRACE", "get", "Get", "", "A" * 33, "GET/"])
def test_a_method_that_no_rule_can_name_is_refused(method: str) -> None:
    """What is no word in capitals, or TRACE, is 405, with the usual ones, or no request; the connection ends."""
    with contextlib.suppress(BadRequest):
        head = read(b"%b / HTTP/1.1" % method.encode())
        assert head.refusal is not None
        assert (head.refusal.status, head.refusal.headers) == (405, {"Allow": ", ".join(sorted(METHODS))})
        assert not head.keeps_alive


@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "FETCH", "X", "VERSION-CONTROL", "M-SEARCH"])
def test_a_method_that_a_rule_may_name_is_read(method: str) -> None:
    """Whether the parser knows it or not; all else of the request is as with any method."""
    head = read(b"%b /a%%20b?c HTTP/1.1" % method.encode(), b"Content-Length: 2\r\n")
    line = head.line
    assert (line.method, line.path_text, line.query, line.refusal, head.keeps_alive) == (
        method,
        "/a b",
        b"c",
        None,
        True,
    )
    assert head.headers.passing is not None
    assert head.headers.passing.content_length == 2
    assert read(b"%b /%%61 HTTP/1.1" % method.encode()).refusal is not None


@pytest.mark.parametrize("method", [b"FETCH", b"GET", b"PROPFIND", b"A-B"])
def test_a_method_may_come_in_pieces(method: str) -> None:
    """A head that has begun is one that may become whole, wherever it is cut."""
    head = b"%b /a HTTP/1.1\r\nHost: localhost:3000\r\n" % method
    for cut in range(1, len(head)):
        parser = HeadParser()
        parser.check(head[:cut])
        parser.check(head[cut:])
        assert parser.parsed.target == b"/a"
        assert parser.method == method.decode()


@pytest.mark.parametrize(("version", "keeps_alive"), [(b"1.1", True), (b"1.0", False)])
def test_both_versions_are_answered(version: bytes, *, keeps_alive: bool) -> None:
    """HTTP/1.0 is answered like HTTP/1.1, but its connection is never kept alive, whatever it asks for."""
    for lines in (b"", b"Connection: keep-alive\r\n"):
        head = read(b"GET /a HTTP/" + version, lines)
        assert head.refusal is None
        assert (head.line.version, head.keeps_alive) == (version.decode(), keeps_alive)


@pytest.mark.parametrize("version", [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/11", b"http/1.1", b"HTTQ/1.1", b""])
def test_another_version_is_refused(version: bytes) -> None:
    """Only HTTP/1.1 and HTTP/1.0 are spoken: another version, or none, is no request or one that is refused."""
    try:
        head = read((b"GET /a " + version).strip())
        assert not head.keeps_alive
        refusal = head.refusal
    except BadRequest as error:
        refusal = error
    assert refusal is not None
    assert refusal.status == 400


@pytest.mark.parametrize(
    "line",
    [
        *(b"GET /a b HTTP/1.1", b"", b"GET", b"GE\0T /a HTTP/1.1", b"GET /a\0 HTTP/1.1", b"get /a HTTP/1.1"),
        *(b"{}", b"\x16\x03\x01\x02", b"HTTP/1.1 200 OK", b"GET a HTTP/1.1"),
    ],
)
def test_what_is_no_request_line_is_no_request(line: bytes) -> None:
    """Bytes that the parser refuses are no request: BadRequest, and nothing of them counts."""
    with pytest.raises(BadRequest):
        read(line)


# The header lines


def test_all_headers_are_kept_and_what_passes_is_what_the_rules_say() -> None:
    """Each header is there with its name in lower case, credentials and cookies too; what passes follows from them."""
    lines = b"Accept: */*\r\nX-Forwarded-For: 1.2.3.4\r\nCookie: a=1\r\nAuthorization:  Bearer x\r\nCOOKIE: b\r\n"
    headers = read(lines=lines).headers
    assert headers.raw == (
        *((b"host", b"localhost:3000"), (b"accept", b"*/*"), (b"x-forwarded-for", b"1.2.3.4"), (b"cookie", b"a=1")),
        *((b"authorization", b"Bearer x"), (b"cookie", b"b")),
    )
    assert headers.passing == read_passing_headers(headers.raw, HOSTS)
    assert headers.passing.lines == b"host: localhost:3000\r\naccept: */*\r\n"
    assert headers.passing.cookies == (b"a=1", b"b")


def test_what_names_a_request_is_set_apart() -> None:
    """Of all headers, just those that a request's record is made from are set apart."""
    lines = b"X-Request-ID: mine-1234\r\nA: 1\r\nTraceparent: 00\r\n"
    assert read(lines=lines).headers.naming == ((b"x-request-id", b"mine-1234"), (b"traceparent", b"00"))


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://localhost:3000/a?b=/c", HOST, "/a", b"b=/c"),
        (b"HTTP://LOCALHOST:3000/a", HOST, "/a", b""),
        (b"https://localhost:3000", HOST, "/", b""),
        (b"http://localhost:3000?b", HOST, "/", b"b"),
        (b"http://localhost:3000/a", b"Host: a.proxy.example\r\n", "/a", b""),
    ],
)
def test_a_target_in_absolute_form(target: bytes, host: bytes, path: str, query: bytes) -> None:
    """Its authority counts, and Host does not (RFC 9112, 3.2.2); an upstream sees the authority as Host."""
    head = read(b"GET %b HTTP/1.1" % target, host=host)
    assert head.refusal is None
    assert (head.line.path_text, head.line.query) == (path, query)
    assert head.headers.passing is not None
    assert head.headers.passing.host == b"localhost:3000"


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://evil.example/a", HOST),
        (b"http://user@localhost:3000/a", HOST),
        (b"http://localhost:3000@evil.example/a", HOST),
        (b"http:///a", HOST),
        (b"http://localhost:3000/a", b""),
        (b"http://localhost:3000/a", HOST + HOST),
    ],
)
def test_an_authority_is_one_that_is_served(target: bytes, host: bytes) -> None:
    """Another authority, or anything beside its name and port, is refused; so is a request without exactly one Host."""
    refusal = None
    try:
        refusal = read(b"GET %b HTTP/1.1" % target, host=host).refusal
    except BadRequest as error:
        refusal = error
    assert refusal is not None
    assert refusal.status == 400


def test_a_name_with_an_underscore_stops_here_and_is_told_once() -> None:
    """Servers behind may read ``X_User`` as ``X-User``: it never passes. The log names it once, and not too many."""
    heads = RequestHeads(HOSTS)
    with capture_logs() as logs:
        for number in range(3):
            head = read(lines=b"X_User: 1\r\nTransfer_Encoding: chunked\r\nA: %d\r\n" % number, heads=heads)
            assert head.refusal is None
            assert head.headers.passing is not None
            assert head.headers.passing.pairs == ((b"a", b"%d" % number),)
            assert not head.headers.passing.has_body
            assert not [name for name, _ in head.headers.raw if b"_" in name]
        assert [entry["name"] for entry in logs] == ["x_user", "transfer_encoding"]
        for number in range(2 * MOST_DROPPED):
            read(lines=b"X_%d: 1\r\n" % number, heads=heads)
        read(lines=b"_%b: 1\r\n" % (b"x" * 1000), heads=RequestHeads(HOSTS))
    assert len(logs) == MOST_DROPPED + 1
    assert len(logs[-1]["name"]) == LONGEST_DROPPED


REFUSED = {
    "no host": (b"", b"", 400),
    "another host": (b"Host: evil.example\r\n", b"", 400),
    "two hosts": (HOST, HOST, 400),
    "too many headers": (HOST, b"A: 1\r\n" * MAX_HEADERS, 431),
    "too much": (HOST, b"A: " + b"1" * MAX_HEAD + b"\r\n", 431),
    "too much in many fields": (HOST, (b"A: " + b"1" * 1024 + b"\r\n") * 16, 431),
    "Connection names what matters": (HOST, b"Connection: authorization\r\n", 400),
    "two lengths": (HOST, b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
    "a length that is no number": (HOST, b"Content-Length: 1_0\r\n", 400),
    "an unknown coding": (HOST, b"Transfer-Encoding: gzip, chunked\r\n", 400),
    "a body after a WebSocket": (HOST, b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", 400),
}


@pytest.mark.parametrize(("host", "lines", "status"), REFUSED.values(), ids=REFUSED)
def test_lines_that_the_rules_refuse(host: bytes, lines: bytes, status: int) -> None:
    """What the rules for headers refuse is part of the head, or no request where the parser refuses it first."""
    try:
        head = read(lines=lines, host=host)
    except BadRequest:
        assert status == 400
        return
    assert head.refusal is not None
    assert head.refusal.status == status
    assert head.headers.passing is None


@pytest.mark.parametrize(
    "lines",
    [
        *(b"A: 1\nB: 2\r\n", b"A: 1\r\n 2\r\n", b"A : 1\r\n", b"A: \0\r\n", b"A\r\n", b": 1\r\n", b" A: 1\r\n"),
        *(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"Content-Length: \xb2\r\n"),
    ],
)
def test_lines_that_are_no_lines(lines: bytes) -> None:
    """Bytes without a single reading as header lines are no request."""
    with pytest.raises(BadRequest):
        read(lines=lines)


def test_as_much_as_is_allowed_is_allowed() -> None:
    """Exactly the bound is accepted: that many headers, and that many bytes, are read."""
    size = len(b"hostlocalhost:3000")
    for lines in (b"A: 1\r\n" * (MAX_HEADERS - 1), b"A: " + b"1" * (MAX_HEAD - size - 1) + b"\r\n"):
        assert read(lines=lines).refusal is None


def test_a_body_whose_end_nobody_knows_is_said_to_follow() -> None:
    """Where headers are refused and a body may follow, its end can't be told: no keep-alive."""
    for lines, is_unread in ((b"Content-Length: 3\r\n", True), (b"Transfer-Encoding: chunked\r\n", True), (b"", False)):
        head = read(b"POST / HTTP/1.1", b"Connection: cookie\r\n" + lines)
        assert (head.headers.is_unread, head.keeps_alive) == (is_unread, not is_unread)


@pytest.mark.parametrize(
    ("lines", "keeps_alive"),
    [
        (b"", True),
        (b"Connection: keep-alive\r\n", True),
        (b"Connection: close\r\n", False),
        (b"Connection: a, CLOSE\r\n", False),
        (b"Connection: x-close-hint\r\n", True),
        (b"Connection: a\r\nConnection: close\r\n", False),
        (b"Proxy-Connection: close\r\n", True),
        (b"Connection: upgrade\r\nUpgrade: websocket\r\n", False),
        (b"Connection: upgrade\r\nUpgrade: h2c\r\n", True),
        (b"Upgrade: h2c\r\n", True),
        (b"Connection: cookie, close\r\n", False),
    ],
)
def test_a_connection_is_kept_unless_its_client_says_otherwise(lines: bytes, *, keeps_alive: bool) -> None:
    """``close`` as a word of Connection ends it, and so does a WebSocket, after which no HTTP might follow."""
    assert read(lines=lines).keeps_alive is keeps_alive


@pytest.mark.parametrize(("value", "expects"), [(b"100-continue", True), (b"100-Continue", True), (b"x", False)])
def test_who_waits_for_an_interim_answer_is_known(value: bytes, *, expects: bool) -> None:
    """``Expect: 100-continue`` is read whatever its case, nothing else is taken for it, and HTTP/1.0 knows none."""
    lines = b"Expect: %b\r\n" % value
    assert read(lines=lines).expects_continue is expects
    assert not read(b"GET /a HTTP/1.0", lines).expects_continue


def test_what_another_proxy_tells_of_is_read_by_the_same_rules() -> None:
    """A request that another proxy describes means what it would mean had it come here."""
    heads = RequestHeads(HOSTS)
    head = read(lines=b"Accept: text/html\r\nCookie: a=1\r\n", heads=heads)
    assert describe(heads.describe(head.line, head.headers.raw)) == describe(head)


pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b" ", b":", b"GET / HTTP/1.1", b"\t", b",", b"\0", b"Aa", b"_", b"\xff"]
)


@example(b"_:")
@given(st.lists(pieces, max_size=20).map(b"".join))
def test_no_bytes_break_the_reading(noise: bytes) -> None:
    """Whatever stands among the lines, it is no request, or each line up to the empty one is one header of it.

    Names with ``_`` are dropped.
    """
    data = (LINE + b"\r\n" + HOST + noise + b"\r\n\r\n").partition(END_OF_HEAD)[0] + END_OF_HEAD
    try:
        line, headers = RequestHeads(HOSTS).read(data)
    except BadRequest:
        return
    names = [each.partition(b":")[0] for each in data.split(b"\n")[1:-2]]
    assert len(headers.raw) == len([name for name in names if b"_" not in name])
    assert headers.has_dropped == (len(headers.raw) < len(names))
    assert not set(b"".join(name + value for name, value in headers.raw)) & set(b"\r\n\0")
    assert line.refusal is None
    if headers.refusal is None:
        assert headers.passing == read_passing_headers(headers.raw, HOSTS)


# A head that has no end yet

WHOLE = LINE + b"\r\n" + HOST + b"A: 1\r\n\r\n"


@pytest.mark.parametrize("cut", range(1, len(WHOLE) - 1))
def test_a_beginning_is_waited_for(cut: int) -> None:
    """However a head is cut, its first part may still become one."""
    parser = HeadParser()
    parser.check(WHOLE[:cut])
    parser.check(WHOLE[cut:-2])


@pytest.mark.parametrize(
    "data", [b"\x16\x03", b"GET / HTTP/1.1\r\nA : 1\r\n", b"GE\0", b"HTTP/1.1 200", b"GET / HTTP/1.1\n\n", b"{"]
)
def test_what_cannot_become_a_head_is_refused_at_once(data: bytes) -> None:
    """Bytes that no head begins with are refused before its end, and so is a head that ends by bare line feeds."""
    with pytest.raises(BadRequest):
        HeadParser().check(data)
