"""Which services start anew when a file changes."""

from pathlib import Path

import pytest

from stack.reloading import list_touched
from stack.services import SERVICES


@pytest.mark.parametrize(
    ("changed", "touched"),
    [
        (["gateway/rules.toml"], ["gateway"]),
        (["posts_service/templates/page.html", "auth_service/app.py"], ["auth_service", "posts_service"]),
        (["shared/settings.py"], [service.name for service in SERVICES]),
        (["stack/__main__.py", "/elsewhere/gateway/app.py"], []),
        ([], []),
    ],
)
def test_a_service_is_made_of_its_package_and_of_what_is_shared(changed: list[str], touched: list[str]) -> None:
    """A changed file touches the service whose package it is in, or all, and services start in their usual order."""
    root = Path("/srv")
    assert list_touched([root / path for path in changed], root) == touched
