"""What is not there: told by the gateway's header, and known to the application itself."""

import pytest
from starlette.applications import Starlette
from starlette.types import Scope

from shared.web.lacking import LACKS, list_lacking, read_lacking, write_lacking


@pytest.mark.parametrize("lacking", [frozenset(), frozenset({"docs"}), frozenset({"docs", "/reports?a=1,2", "posts"})])
def test_what_is_written_is_read(lacking: frozenset[str]) -> None:
    """The header's value is read as it was written."""
    assert read_lacking(write_lacking(lacking)) == lacking


def test_both_count() -> None:
    """What the gateway says and what the application knows come together; without either, nothing is lacking."""
    application, header = Starlette(), (LACKS, b"docs posts")
    scope: Scope = {"type": "http", "headers": [header], "app": application}
    assert list_lacking(scope) == {"docs", "posts"}
    application.state.find_lacks = lambda _scope: frozenset({"sign-up"})
    assert list_lacking(scope) == {"docs", "posts", "sign-up"}
    assert list_lacking({"type": "http", "headers": [], "app": application}) == {"sign-up"}
    assert list_lacking({"type": "http", "headers": []}) == frozenset()
