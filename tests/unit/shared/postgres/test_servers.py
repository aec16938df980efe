"""Which servers a database's URL names."""

import pytest

from shared.postgres.servers import list_urls


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("postgresql://u:p@one:1/d", ["postgresql://u:p@one:1/d"]),
        (
            "postgresql://u:p%2C%40@one:1,two:2/d?target_session_attrs=read-write",
            [
                "postgresql://u:p%2C%40@one:1/d?target_session_attrs=read-write",
                "postgresql://u:p%2C%40@two:2/d?target_session_attrs=read-write",
            ],
        ),
        ("postgres://one,two,[::1]:3/d", ["postgres://one/d", "postgres://two/d", "postgres://[::1]:3/d"]),
        ("postgresql://u@/d?host=/run/a,b", ["postgresql://u@/d?host=/run/a,b"]),
        ("postgresql://?host=/run", ["postgresql://?host=/run"]),
        ("nonsense", ["nonsense"]),
    ],
)
def test_each_server_has_a_url_of_its_own(url: str, urls: list[str]) -> None:
    """Everything but the server is the same in each; a URL that names none by host is left as it is."""
    assert list_urls(url) == urls
