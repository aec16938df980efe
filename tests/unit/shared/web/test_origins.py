"""Origins are written as browsers write them."""

import pytest

from shared.web.origins import read_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://auth_service.internal.", "http://auth_service.internal."),
        (f"https://{'a' * 63}.example", f"https://{'a' * 63}.example"),
    ],
)
def test_an_origin_is_in_lower_case_without_its_default_port(text: str, origin: str) -> None:
    """Whoever wrote it, two ways to write one origin are one."""
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("*", "null", "app.example", "https://app.example/", "ftp://a", "https://a:0", "https://a b"),
        *("https://app..example", "https://.example", "https://.", "https://a..", f"https://{'a' * 64}.example"),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    """A path, another scheme, no scheme at all, or a host that no name server could know is no origin."""
    with pytest.raises(ValueError, match="is no origin"):
        read_origin(text)
