"""What another proxy asks about has one reading, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forward_auth.question import Dialect, choose_dialect, is_question, read_question
from gateway.messages.raw_headers import RawHeader
from gateway.messages.request_heads import RequestHead, RequestHeads, read_line
from shared.errors import BadRequest

QUESTION = b"/_gateway/auth"
HOST = (b"host", b"gateway:3000")
HEADS = RequestHeads({b"gateway:3000", b"example.com"})
NGINX = {b"x-original-url": b"https://example.com/reports?a=b", b"x-original-method": b"POST"}
CADDY = {
    b"x-forwarded-uri": b"/reports?a=b",
    b"x-forwarded-method": b"POST",
    b"x-forwarded-host": b"example.com",
    b"x-forwarded-proto": b"https",
}


def ask(headers: tuple[RawHeader, ...], path: bytes = QUESTION, query: bytes = b"", method: str = "GET") -> RequestHead:
    """Return what a question with exactly these headers is about."""
    return read_question(read_line(method, path, query), headers, HEADS)


def read(said: dict[bytes, bytes], path: bytes = QUESTION, query: bytes = b"", method: str = "GET") -> RequestHead:
    """Return what a question with these headers beside Host and a cookie is about."""
    return ask((HOST, *said.items(), (b"cookie", b"a=b")), path, query, method)


@pytest.mark.parametrize("said", [NGINX, CADDY, {**CADDY, **NGINX}], ids=["nginx", "caddy", "both"])
def test_a_question_in_headers(said: dict[bytes, bytes]) -> None:
    """Target, method and host come from the proxy's headers; the others are the original's own."""
    line, headers = read(said)
    assert (line.method, line.raw_path, line.query, line.version) == ("POST", b"/reports", b"a=b", "1.1")
    assert headers.raw == ((b"host", b"example.com"), (b"cookie", b"a=b"))


def test_a_question_in_the_path() -> None:
    """Below the question's path stands the original's, with its query; the method is the question's own."""
    line, headers = read({}, QUESTION + b"/reports/1", b"a=b", "DELETE")
    assert (line.method, line.raw_path, line.query) == ("DELETE", b"/reports/1", b"a=b")
    assert headers.raw == (HOST, (b"cookie", b"a=b"))


def test_a_path_and_query_without_a_host() -> None:
    """An original URL may be path and query alone; the host is then the question's own."""
    line, headers = read({b"x-original-url": b"/x?y", b"x-original-method": b"GET"})
    assert (line.raw_path, line.query, headers.raw[0]) == (b"/x", b"y", HOST)


def test_the_query_of_a_question_with_headers_says_nothing() -> None:
    """A proxy may leave the client's query on the question's own path; it is not asked about."""
    assert read(CADDY, query=b"other=1").line.query == b"a=b"


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({}, QUESTION),
        ({b"x-forwarded-method": b"GET"}, QUESTION),
        ({b"x-forwarded-uri": b"/x"}, QUESTION),
        ({**CADDY, b"x-forwarded-uri": b""}, QUESTION),
        ({**CADDY, b"x-original-url": b"/other"}, QUESTION),
        ({**CADDY, b"x-original-url": b"https://other.example/reports?a=b"}, QUESTION),
        ({**CADDY, b"x-original-url": b"http://example.com/reports?a=b"}, QUESTION),
        ({**CADDY, b"x-original-method": b"GET"}, QUESTION),
        ({**CADDY, b"x-forwarded-proto": b"https,http"}, QUESTION),
        (CADDY, QUESTION + b"/other"),
        (CADDY, QUESTION + b"/"),
        ({**NGINX, b"x-original-url": b"ftp://example.com/"}, QUESTION),
        ({**NGINX, b"x-original-url": b"https://example.com"}, QUESTION),
        ({**NGINX, b"x-original-url": b"https://user@example.com/"}, QUESTION),
        ({**NGINX, b"x-original-url": b"https://example.com\\/"}, QUESTION),
        ({**NGINX, b"x-original-url": b"reports"}, QUESTION),
    ],
)
def test_what_is_missing_or_contradicts_itself(said: dict[bytes, bytes], path: bytes) -> None:
    """A question that says too little, or contradicts itself, is refused."""
    with pytest.raises(BadRequest):
        read(said, path)


@pytest.mark.parametrize("name", [*NGINX, *CADDY])
def test_what_is_said_twice(name: bytes) -> None:
    """A header that comes twice is refused, even with the same value: one of them may be the client's."""
    said = tuple({**NGINX, **CADDY}.items())
    with pytest.raises(BadRequest):
        ask((HOST, *said, (name, dict(said)[name])))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({b"x-forwarded-method": b"TRACE"}, 405),
        ({b"x-forwarded-method": b"get"}, 405),
        ({b"x-forwarded-method": b"G\xff"}, 405),
        ({b"x-forwarded-host": b"elsewhere.example"}, 400),
        ({b"x-forwarded-uri": b"/%75"}, 400),
        ({b"x-forwarded-uri": b"/a#b"}, 400),
        ({b"x-forwarded-uri": b"/a?b#c"}, 400),
        ({b"x-forwarded-uri": b"reports"}, 400),
        ({b"x-forwarded-uri": b"//a"}, 400),
        ({b"transfer-encoding": b"gzip"}, 400),
    ],
)
def test_what_the_gateway_itself_would_refuse_stays_refused(said: dict[bytes, bytes], status: int) -> None:
    """What another proxy asks about is read by the rules for any request: what they refuse is refused as there."""
    head = read(CADDY | said)
    assert head.refusal is not None
    assert head.refusal.status == status
    assert read(CADDY).refusal is None


@pytest.mark.parametrize("name", [b"x-user-id", b"remote-user", b"x-forwarded-user", b"x-auth-request-email"])
def test_what_says_who_calls_is_refused(name: bytes) -> None:
    """The proxy would send it on to the application: it gets no yes, and learns which header it has to drop."""
    with pytest.raises(BadRequest) as refused:
        read({**NGINX, name: b"1"})
    assert name in refused.value.message.encode().lower()


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"x-forwarded-port", b"x-real-ip", b"x-auth-request-redirect"])
def test_what_proxies_say_of_the_way_is_not(name: bytes) -> None:
    """Proxies add to their questions where the request came from, and how."""
    assert read({**NGINX, name: b"1"}).line.raw_path == b"/reports"


def test_a_hash_is_never_cut_off() -> None:
    """Another proxy may forward a target with its fragment, so nothing of it is left unread."""
    assert read(CADDY | {b"x-forwarded-uri": b"/a#/../b?c"}).line.raw_path == b"/a#/../b"


@pytest.mark.parametrize("path", [QUESTION, QUESTION + b"/", QUESTION + b"/reports"])
def test_what_is_a_question(path: bytes) -> None:
    """The path of forward auth, and everything below it."""
    assert is_question(path)


@pytest.mark.parametrize("path", [b"/_gateway", b"/_gateway/authx", b"/_gateway/%61uth", b"//_gateway/auth", b"/"])
def test_what_is_none(path: bytes) -> None:
    """Nothing else, however similar."""
    assert not is_question(path)


def test_nginx_is_known_by_what_it_says() -> None:
    """A proxy that sends the original URL or method gets answers that auth_request understands."""
    assert choose_dialect([*NGINX.items(), *CADDY.items()]) is Dialect.NGINX
    assert choose_dialect([(b"x-original-method", b"GET")]) is Dialect.NGINX
    assert choose_dialect(CADDY.items()) is Dialect.HTTP


SAID = st.sampled_from([b"x-original-url", b"x-original-method", b"x-forwarded-uri", b"x-forwarded-host", b"host"])
VALUES = st.one_of(st.binary(max_size=20), st.sampled_from([b"/x", b"GET", b"https://h/x", b"h", b"/_gateway/auth"]))


@given(st.lists(st.tuples(SAID, VALUES)), st.binary(max_size=10), st.binary(max_size=10))
def test_whatever_is_said(said: list[tuple[bytes, bytes]], below: bytes, query: bytes) -> None:
    """Any headers and path end as one request or as a refusal; the proxy's headers never stay among the request's."""
    try:
        asked = ask(tuple(said), QUESTION + below, query)
    except BadRequest:
        return
    assert b"?" not in asked.line.raw_path
    assert asked.refusal is not None or asked.line.path is not None
    assert not any(name.startswith((b"x-original-", b"x-forwarded-")) for name, _ in asked.headers.raw)
