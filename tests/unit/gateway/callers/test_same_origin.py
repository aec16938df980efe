"""Which requests a cookie counts for: the guard against requests that another site makes the browser send."""

import pytest

from gateway.callers.same_origin import is_same_origin

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
    ("headers", "counts"),
    [
        ({"origin": "https://app.example"}, True),
        ({"origin": "https://app.example", "sec_fetch_site": "same-site"}, True),
        ({"origin": "https://app.example", "upgrade": "websocket"}, True),
        ({"origin": "https://app.example.org", "sec_fetch_site": "same-site"}, False),
        ({"origin": "http://app.example", "sec_fetch_site": "same-site"}, False),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, False),
        ({"origin": "*", "sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "same-site", "referer": "https://app.example/"}, False),
    ],
)
def test_pages_that_a_rule_trusts_count_as_ours(
    headers: dict[str, str],
    counts: bool,  # noqa: FBT001 - a table's column
) -> None:
    """An origin that the rule lists with credentials is named by the browser, exactly; no other is let in by that."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    assert is_same_origin("POST", raw, ORIGIN, frozenset({b"https://app.example"})) is counts


def test_two_origins_are_not_trusted() -> None:
    """Where an origin is named twice, neither is trusted."""
    twice = ((b"origin", b"https://app.example"), (b"origin", b"https://evil.example"))
    assert not is_same_origin("POST", twice, ORIGIN, frozenset({b"https://app.example"}))
