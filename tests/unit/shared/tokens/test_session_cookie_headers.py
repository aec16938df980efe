"""NextAuth's cookies in headers: how they are named, parsed, joined, split, set and cleared."""

import re
from http.cookies import SimpleCookie
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.protocol import PROTOCOLS, Version
from shared.tokens.session_cookie import (
    CookieNames,
    find_session_value,
    list_session_pieces,
    parse_cookies,
    session_cookies,
)
from shared.tokens.set_cookie import clear_cookie, set_cookie

NOW = 1_800_000_000
HTTP, HTTPS = CookieNames.of("http://localhost:3000"), CookieNames.of("https://example.com")
HTTP_5, HTTPS_5 = (CookieNames.of(url, PROTOCOLS["5"]) for url in ("http://localhost:3000", "https://example.com"))
NAME = HTTP.session
CHUNK_LENGTH = 3933


# Names


def test_names_under_http_and_https() -> None:
    """The cookies are named as in NextAuth; under https they have their prefixes."""
    assert (HTTP.session, HTTP.csrf, HTTP.callback, HTTP.secure) == (
        "next-auth.session-token",
        "next-auth.csrf-token",
        "next-auth.callback-url",
        False,
    )
    assert (HTTPS.session, HTTPS.csrf, HTTPS.callback, HTTPS.secure) == (
        "__Secure-next-auth.session-token",
        "__Host-next-auth.csrf-token",
        "__Secure-next-auth.callback-url",
        True,
    )


def test_names_of_version_5() -> None:
    """The cookies are named as in NextAuth 5; the device cookie keeps its name, so that it outlives the change."""
    assert (HTTP_5.session, HTTP_5.csrf, HTTP_5.callback, HTTP_5.device) == (
        "authjs.session-token",
        "authjs.csrf-token",
        "authjs.callback-url",
        HTTP.device,
    )
    assert (HTTPS_5.session, HTTPS_5.csrf, HTTPS_5.callback, HTTPS_5.secure) == (
        "__Secure-authjs.session-token",
        "__Host-authjs.csrf-token",
        "__Secure-authjs.callback-url",
        True,
    )


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        *((name, True) for name in (NAME, HTTP.csrf, HTTP.callback, HTTP.device, HTTP.flow, f"{NAME}.0", f"{NAME}.12")),
        *((name, False) for name in ("theme", f"{NAME}s", f"{NAME}.", f"{NAME}.x", f"{NAME}.01", f"{NAME}.-1")),
        *((name, False) for name in (f"{NAME}.\u0661", f"x{NAME}", HTTPS.session, HTTPS.csrf)),
    ],
)
def test_owned_names(name: str, is_ours: bool) -> None:  # noqa: FBT001 - a column of the table
    """A cookie is ours by its exact name, or as a numbered piece of the session."""
    assert HTTP.owns(name) is is_ours


# Cookies in


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        (b"a=1; b=2", {"a": "1", "b": "2"}),
        (b"a=1;b=2;", {"a": "1", "b": "2"}),
        (b"a=1; a=2", {"a": "1"}),
        (b"a = 1 ;\tb\t=\t2", {"a": "1", "b": "2"}),
        (b"a=x=y", {"a": "x=y"}),
        (b"a; b=2; =3", {"b": "2", "": "3"}),
        (b'a="1"; b="; c=""; d=""2""', {"a": "1", "b": '"', "c": "", "d": '"2"'}),
        (b"a=%7C%20%C3%A9", {"a": "| é"}),
        (b"a=%20%; b=%zz%20; c=%ff%20", {"a": "%20%", "b": "%zz%20", "c": "%ff%20"}),
        (b"a=+1", {"a": "+1"}),
        (b"", {}),
    ],
)
def test_parsing(header: bytes, cookies: dict[str, str]) -> None:
    """A Cookie header is parsed as by next-auth: first of equal names, one pair of quotes, all escapes or none."""
    assert parse_cookies([(b"cookie", header)]) == cookies


def test_several_cookie_headers() -> None:
    """Cookies split over several header lines, as HTTP/2 allows it, are read together."""
    headers = [(b"cookie", b"a=1"), (b"accept", b"b=9"), (b"Cookie", b"a=2; b=2")]
    assert parse_cookies(headers) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("blank", [b"\xa0", b"\x85", b"\x1c", b"\x1f", b"\x0b", b"\x0c", b"\r", b"\n"])
def test_prefix_can_not_be_feigned(blank: bytes) -> None:
    """A name that differed in the browser, by odd blanks ahead of ``__Host-``, does not become that name."""
    assert HTTPS.csrf not in parse_cookies([(b"cookie", blank + HTTPS.csrf.encode() + b"=x")])


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_any_header_is_read(values: list[bytes]) -> None:
    """Any bytes are parsed as some cookies, and raise nothing."""
    assert isinstance(parse_cookies([(b"cookie", value) for value in values]), dict)


@pytest.mark.parametrize(
    ("cookies", "value"),
    [
        ({NAME: "whole"}, "whole"),
        ({f"{NAME}.1": "b", f"{NAME}.0": "a", "other": "x"}, "ab"),
        ({f"{NAME}.{n}": "abcdefghijkl"[n] for n in range(5)}, "abcde"),
        ({f"{NAME}.{n}": "abcdefghijkl"[n] for n in range(6)}, None),
        ({NAME: "a", f"{NAME}.0": "b"}, "a"),
        ({}, None),
        ({f"{NAME}.1": "b"}, None),
        ({f"{NAME}.0": "a", f"{NAME}.2": "c"}, None),
        ({f"{NAME}.0": "a", f"{NAME}.01": "b"}, "a"),
        ({f"{NAME}.x": "a"}, None),
    ],
)
def test_pieces_are_joined(cookies: dict[str, str], value: str | None) -> None:
    """The session is the whole cookie, or its pieces from 0 without a gap; nothing else is guessed."""
    assert find_session_value(cookies, NAME) == value


# Cookies out


def test_short_session_is_one_cookie() -> None:
    """A session of up to 3933 characters is one cookie with NextAuth's attributes."""
    assert session_cookies(HTTP, "x" * CHUNK_LENGTH, 0, []) == [
        f"{NAME}={'x' * CHUNK_LENGTH}; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax"
    ]


@pytest.mark.parametrize(("names", "length"), [(HTTPS, CHUNK_LENGTH), (HTTPS_5, 3936)])
def test_long_session_is_cut(names: CookieNames, length: int) -> None:
    """A longer session is split into pieces of 3933 characters, in version 5 of 3936, which join to the original."""
    sealed = "".join(chr(97 + n % 26) for n in range(2 * length + 1))
    written = session_cookies(names, sealed, NOW, [])

    values = parse_cookies([(b"cookie", value.partition("; ")[0].encode()) for value in written])
    assert [len(value) for value in values.values()] == [length, length, 1]
    assert list(values) == [f"{names.session}.{n}" for n in range(3)]
    assert find_session_value(values, names.session) == sealed
    assert all("; Secure" in value for value in written)
    assert all(len(value) <= 4096 for value in written)


@pytest.mark.parametrize(
    ("length", "sent", "cleared"),
    [
        (10, [NAME], []),
        (10, [f"{NAME}.0", f"{NAME}.1", "theme"], [f"{NAME}.0", f"{NAME}.1"]),
        (CHUNK_LENGTH + 1, [NAME], [NAME]),
        (CHUNK_LENGTH + 1, [f"{NAME}.{n}" for n in range(4)], [f"{NAME}.2", f"{NAME}.3"]),
        (10, [f"{NAME}.7", f"{NAME}.x", HTTPS.session], [f"{NAME}.7"]),
    ],
)
def test_stale_pieces_are_cleared(length: int, sent: list[str], cleared: list[str]) -> None:
    """When the pieces change, the old ones that the browser sent are cleared in the same answer, and only those."""
    written = session_cookies(HTTP, "x" * length, NOW, sent)

    assert [value.partition("=")[0] for value in written if "Max-Age=0" in value] == cleared
    assert len({value.partition("=")[0] for value in written}) == len(written), "no cookie is both set and cleared"


def test_clearing() -> None:
    """A cleared cookie is empty, expires at once, and has the attributes it was set with."""
    assert clear_cookie(NAME, secure=False) == f"{NAME}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    assert clear_cookie(HTTPS.csrf, secure=True) == f"{HTTPS.csrf}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"


# A domain's cookies


@pytest.mark.parametrize("version", ["4", "5"])
def test_which_cookies_a_domain_shares(version: Version) -> None:
    """All but the csrf token, the flow and the device, which no other host can set; and there is a second device."""
    names = CookieNames.of("https://id.example.com", PROTOCOLS[version], "example.com")
    shared = {names.session, names.callback, names.shared_device, names.state, names.nonce, names.verifier}
    own = {names.csrf, names.flow, names.device}
    assert {name for name in shared | own if "Domain=" in names.set(name, "x", ())[0]} == shared
    assert all(name.startswith("__Host-") for name in own)
    assert all(name.startswith("__Secure-") for name in shared)
    assert names.devices == (names.device, names.shared_device)


def test_a_cookie_of_the_domain_replaces_that_of_the_host() -> None:
    """An older cookie of the host alone would be sent first, and count: each answer that sets one clears it."""
    names = CookieNames.of("https://id.example.com", domain="example.com")
    kept = f"{names.session}=x; Domain=example.com; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; "
    cleared = f"{names.session}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
    assert session_cookies(names, "x", 0, []) == [f"{kept}HttpOnly; Secure; SameSite=Lax"]
    assert session_cookies(names, "x", 0, [names.session]) == [cleared, f"{kept}HttpOnly; Secure; SameSite=Lax"]


def test_clearing_a_cookie_of_the_domain_clears_both() -> None:
    """The browser does not say which of the two it sent."""
    names = CookieNames.of("https://id.example.com", domain="example.com")
    attributes = "HttpOnly; Secure; SameSite=Lax"
    assert names.clear(names.session) == [
        f"{names.session}=; Max-Age=0; Path=/; {attributes}",
        f"{names.session}=; Max-Age=0; Domain=example.com; Path=/; {attributes}",
    ]
    assert names.clear(names.csrf) == [f"{names.csrf}=; Max-Age=0; Path=/; {attributes}"]
    stale = [f"{names.session}.{number}" for number in range(2)]
    assert [line.partition("; HttpOnly")[0] for line in session_cookies(names, "x", 0, stale)[:-1]] == [
        f"{piece}=; Max-Age=0; {domain}Path=/" for piece in stale for domain in ("", "Domain=example.com; ")
    ]


def test_the_device_cookie_of_a_domain_that_was_given_up_is_ours() -> None:
    """A browser may still have it, and while its session is live it opens that: no other service ever sees it."""
    assert HTTPS.devices == (HTTPS.device,)
    assert HTTPS.owns("__Secure-gatepost.shared-device")
    assert HTTP.owns("gatepost.shared-device")


def test_pieces_are_listed_in_order() -> None:
    """The names of a session's cookies are listed with the whole one first, then the pieces by number."""
    assert list_session_pieces([f"{NAME}.10", f"{NAME}.9", "x", NAME], NAME) == [NAME, f"{NAME}.9", f"{NAME}.10"]


def test_few_pieces_are_cleared_at_once() -> None:
    """However many pieces a browser sends, an answer clears few enough to keep its head short; later ones continue."""
    sent = [f"{NAME}.{n}" for n in range(100)]
    assert list_session_pieces(sent, NAME) == sent[:10]
    assert list_session_pieces([*sent, NAME], NAME) == [NAME, *sent[:9]]
    assert len(session_cookies(HTTP, "x", NOW, sent)) == 11


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_is_written_safely(value: str) -> None:
    """Any value is percent-encoded, so that it can't end its cookie or the header line, and is read back unchanged."""
    written = set_cookie("name", value, secure=True)

    assert re.fullmatch(r"name=[A-Za-z0-9%._~-]*; Path=/; HttpOnly; Secure; SameSite=Lax", written)
    assert SimpleCookie(written)["name"]["path"] == "/"
    assert unquote(written.removeprefix("name=").partition(";")[0]) == value
    assert parse_cookies([(b"cookie", written.partition(";")[0].encode())]) == {"name": value}
