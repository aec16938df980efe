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
    ],
)
def test_an_origin_is_in_lower_case_without_its_default_port(text: str, origin: str) -> None:
    """Whoever wrote it, two ways to write one origin are one."""
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["*", "null", "app.example", "https://app.example/", "ftp://a", "https://a:0", "https://a b"]
)
def test_anything_else_is_none(text: str) -> None:
    """A path, another scheme, or no scheme at all is no origin."""
    with pytest.raises(ValueError, match="is no origin"):
        read_origin(text)
