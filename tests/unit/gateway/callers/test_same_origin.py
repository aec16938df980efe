"""Which requests a cookie counts for: the guard against requests that another site makes the browser send."""

import pytest

from gateway.callers.same_origin import is_from, is_same_origin

ORIGIN = "https://site.example"


@pytest.mark.parametrize(
    ("method", "headers", "counts"),
    [
        ("GET", {}, True),
        ("HEAD", {"origin": "https://evil.example"}, True),
        ("OPTIONS", {"sec_fetch_site": "cross-site"}, True),
        ("POST", {}, False),
        ("POST", {"sec_fetch_site": "same-origin"}, True),
        ("DELETE", {"sec_fetch_site": "none"}, True),
        ("POST", {"sec_fetch_site": "same-site"}, False),
        ("POST", {"sec_fetch_site": "cross-site"}, False),
        ("POST", {"sec_fetch_site": "cross-site", "origin": ORIGIN}, False),
        ("POST", {"sec_fetch_site": ""}, False),
        ("PATCH", {"origin": ORIGIN}, True),
        ("PUT", {"origin": "http://site.example"}, False),
        ("POST", {"origin": ORIGIN + ".evil.example"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {"referer": ORIGIN + "/"}, False),
        ("PURGE", {}, False),
        ("GET", {"upgrade": "websocket"}, False),
        ("GET", {"upgrade": "websocket", "origin": ORIGIN}, True),
        ("GET", {"upgrade": "websocket", "sec_fetch_site": "cross-site"}, False),
        ("GET", {"upgrade": "h2c, WebSocket"}, False),
        ("GET", {"upgrade": "h2c"}, True),
        ("POST", {"upgrade": "h2c"}, False),
    ],
)
def test_a_cookie_counts_only_for_requests_of_our_own_pages(
    method: str,
    headers: dict[str, str],
    counts: bool,  # noqa: FBT001 - a table's column
) -> None:
    """For an unsafe method, the browser must say that the request is from a page of this origin, or from the user."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    assert is_same_origin(method, raw, ORIGIN) is counts


def test_two_origins_are_none() -> None:
    """A repeated header proves nothing."""
    twice = ((b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site"))
    assert not is_same_origin("POST", twice, ORIGIN)
    assert not is_same_origin("POST", ((b"origin", ORIGIN.encode()),) * 2, ORIGIN)


@pytest.mark.parametrize(
    ("origins", "is_named"),
    [
        (["https://app.example"], True),
        *(([origin], False) for origin in ("https://app.example.org", "http://app.example", "null", "*", "")),
        ([], False),
        (["https://app.example"] * 2, False),
        (["https://app.example", "https://evil.example"], False),
    ],
)
def test_an_origin_is_named_exactly_and_once(
    origins: list[str],
    is_named: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A page that a rule trusts is told by its origin, as the browser writes it; nothing else is let in by that."""
    headers = [(b"origin", origin.encode()) for origin in origins]
    assert is_from([*headers, (b"referer", b"https://app.example/")], {b"https://app.example"}) is is_named
