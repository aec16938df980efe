"""What another proxy asks about is read in one way, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forward_auth.question import (
    Dialect,
    ForwardedRequest,
    find_dialect,
    is_question,
    read_forwarded_request,
)
from shared.errors import BadRequest

QUESTION = b"/_gateway/auth"
HOST = (b"host", b"gateway:3000")
NGINX = {b"x-original-url": b"https://example.com/reports?a=b", b"x-original-method": b"POST"}
CADDY = {
    b"x-forwarded-uri": b"/reports?a=b",
    b"x-forwarded-method": b"POST",
    b"x-forwarded-host": b"example.com",
    b"x-forwarded-proto": b"https",
}


def read(said: dict[bytes, bytes], path: bytes = QUESTION, query: bytes = b"", method: str = "GET") -> ForwardedRequest:
    """Return what a question with these headers is about."""
    return read_forwarded_request(method, path, query, (HOST, *said.items(), (b"cookie", b"a=b")))


@pytest.mark.parametrize("said", [NGINX, CADDY, {**CADDY, **NGINX}], ids=["nginx", "caddy", "both"])
def test_a_question_in_headers(said: dict[bytes, bytes]) -> None:
    """Target, method and host come from what the proxy says; its other headers are the original's own."""
    asked = read(said)
    assert (asked.method, asked.raw_path, asked.query) == ("POST", b"/reports", b"a=b")
    assert asked.headers == ((b"host", b"example.com"), (b"cookie", b"a=b"))


def test_a_question_in_the_path() -> None:
    """Below the question's path stands the original's, with its query; the method is the question's own."""
    asked = read({}, QUESTION + b"/reports/1", b"a=b", "DELETE")
    assert (asked.method, asked.raw_path, asked.query) == ("DELETE", b"/reports/1", b"a=b")
    assert asked.headers == (HOST, (b"cookie", b"a=b"))


def test_a_path_and_query_without_a_host() -> None:
    """An original URL may be path and query alone; the host is then the question's own."""
    asked = read({b"x-original-url": b"/x?y", b"x-original-method": b"GET"})
    assert (asked.raw_path, asked.query, asked.headers[0]) == (b"/x", b"y", HOST)


def test_the_query_of_a_question_with_headers_says_nothing() -> None:
    """A proxy may leave the client's query on the question's own path; it is not asked about."""
    assert read(CADDY, query=b"other=1").query == b"a=b"


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
    """A question that says too little, or two things, is refused."""
    with pytest.raises(BadRequest):
        read(said, path)


@pytest.mark.parametrize("name", [*NGINX, *CADDY])
def test_what_is_said_twice(name: bytes) -> None:
    """A header that comes twice is refused, also with the same value: one of them may be the client's."""
    said = tuple({**NGINX, **CADDY}.items())
    with pytest.raises(BadRequest):
        read_forwarded_request("GET", QUESTION, b"", (HOST, *said, (name, dict(said)[name])))


@pytest.mark.parametrize("path", [QUESTION, QUESTION + b"/", QUESTION + b"/reports"])
def test_what_is_a_question(path: bytes) -> None:
    """The path of forward auth, and everything below it."""
    assert is_question(path)


@pytest.mark.parametrize("path", [b"/_gateway", b"/_gateway/authx", b"/_gateway/%61uth", b"//_gateway/auth", b"/"])
def test_what_is_none(path: bytes) -> None:
    """Nothing else, however similar."""
    assert not is_question(path)


def test_nginx_is_known_by_what_it_says() -> None:
    """Who speaks of the original URL or method gets answers that auth_request understands."""
    assert find_dialect([*NGINX.items(), *CADDY.items()]) is Dialect.NGINX
    assert find_dialect([(b"x-original-method", b"GET")]) is Dialect.NGINX
    assert find_dialect(CADDY.items()) is Dialect.HTTP


SAID = st.sampled_from([b"x-original-url", b"x-original-method", b"x-forwarded-uri", b"x-forwarded-host", b"host"])
VALUES = st.one_of(st.binary(max_size=20), st.sampled_from([b"/x", b"GET", b"https://h/x", b"h", b"/_gateway/auth"]))


@given(st.lists(st.tuples(SAID, VALUES)), st.binary(max_size=10), st.binary(max_size=10))
def test_whatever_is_said(said: list[tuple[bytes, bytes]], below: bytes, query: bytes) -> None:
    """Any headers and path end as one request or as a refusal; what was said never stays among the headers."""
    try:
        asked = read_forwarded_request("GET", QUESTION + below, query, tuple(said))
    except BadRequest:
        return
    assert b"?" not in asked.raw_path
    assert not any(name.startswith((b"x-original-", b"x-forwarded-")) for name, _ in asked.headers)
