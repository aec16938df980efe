"""A prefix is taken off what is forwarded, and put back into what the answer leads to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages.prefixes import restore_prefix, strip_prefix
from gateway.messages.raw_headers import encode_lines, split_lines
from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path


@pytest.mark.parametrize(
    ("raw", "rest"),
    [
        ("/app", "/"),
        ("/app/", "/"),
        ("/app/x/y/", "/x/y/"),
        ("/app/app/x", "/app/x"),
        ("/app/x//y", "/x//y"),
        ("/app/C%23", "/C%23"),
        ("/app//x", None),
        ("/app/%2Fx", None),
        ("/app/%3B/x", None),
        ("/apple", None),
        ("/x/app", None),
    ],
)
def test_what_is_forwarded(raw: str, rest: str | None) -> None:
    """What is left begins with one slash, however it is read; else it could be taken for a host."""
    found = strip_prefix(CanonicalPath("", raw.encode()), "/app", is_canonical=False)
    assert (found.raw.decode() if found else None) == rest


@given(st.text("ab/.%2F~", max_size=8))
def test_the_rest_of_a_canonical_path_is_one(tail: str) -> None:
    """Taking a prefix off a canonical path leaves a canonical path, so none has to be looked at again."""
    try:
        path = canonicalize_path(f"/app/{tail}".encode())
    except PathRefused:
        return
    rest = strip_prefix(path, "/app", is_canonical=True)
    assert rest is not None
    assert canonicalize_path(rest.raw).raw == rest.raw
    assert rest == strip_prefix(path, "/app", is_canonical=False)


@pytest.mark.parametrize(
    ("name", "value", "restored"),
    [
        ("location", "/x?y=/z#w", "/app/x?y=/z#w"),
        ("location", "/", "/app/"),
        ("location", "/apple", "/app/apple"),
        ("location", "/app", "/app"),
        ("location", "/app/x", "/app/x"),
        ("location", "/app?x", "/app?x"),
        ("location", "https://example.com/x", "https://example.com/app/x"),
        ("location", "HTTP://EXAMPLE.com/", "HTTP://EXAMPLE.com/app/"),
        ("location", "https://example.com", "https://example.com"),
        ("location", "https://example.com.evil/x", "https://example.com.evil/x"),
        ("location", "https://u@example.com/x", "https://u@example.com/x"),
        ("location", "//example.com/x", "//example.com/x"),
        ("location", "/\\example.com", "/\\example.com"),
        ("location", "x/y", "x/y"),
        ("location", "?x", "?x"),
        ("location", "", ""),
        ("set-cookie", "a=b; Path=/; HttpOnly", "a=b; Path=/app; HttpOnly"),
        ("set-cookie", "a=b;path=/x ; Secure", "a=b;path=/app/x; Secure"),
        ("set-cookie", "a=b; Path=/app/x", "a=b; Path=/app/x"),
        ("set-cookie", "a=/x; HttpOnly", "a=/x; HttpOnly"),
        ("set-cookie", "a=b; Path=x", "a=b; Path=x"),
        ("set-cookie", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"),
        ("link", "</x>; rel=next", "</x>; rel=next"),
    ],
)
def test_what_an_answer_leads_to(name: str, value: str, restored: str) -> None:
    """Paths of the application get the prefix back; other hosts, other headers and what has it already stay."""
    lines = encode_lines([(b"server-timing", b"a"), (name.encode(), value.encode())])
    found = split_lines(restore_prefix(lines, "/app", b"example.com"))
    assert found == [(b"server-timing", b"a"), (name.encode(), restored.encode())]


@given(
    st.lists(st.tuples(st.sampled_from([b"location", b"set-cookie", b"x"]), st.text("/;=aPath: \\?#.@", max_size=20)))
)
def test_no_line_is_lost(headers: list[tuple[bytes, str]]) -> None:
    """Whatever an application says, its header lines stay as many, in their order, and one line each."""
    lines = encode_lines((name, value.strip().encode()) for name, value in headers)
    found = split_lines(restore_prefix(lines, "/app", b"example.com"))
    assert [name for name, _ in found] == [name for name, _ in headers]
