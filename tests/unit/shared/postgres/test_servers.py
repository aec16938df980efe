"""Which servers a database's URL names."""

import socket

import pytest

from shared.postgres.servers import PostgresServers, list_urls


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


@pytest.mark.parametrize("url", ["postgresql://u@db..internal/d", "postgresql://u@/d?host=db..internal"])
async def test_what_is_no_name_is_an_unknown_one(url: str) -> None:
    """A server whose name has an empty part can't be looked up, whether we do that or asyncpg does."""
    with pytest.raises(socket.gaierror):
        await PostgresServers(url).connect(timeout=5)
