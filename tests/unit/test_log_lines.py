"""The search for secrets in logs finds what it looks for."""

import pytest

from tests.support.forged_tokens import forge, make_claims
from tests.support.log_lines import find_secrets
from tests.support.people import PASSWORD


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"refused password={PASSWORD}", "a password"),
        (f"header Bearer {forge(make_claims())}", "a token"),
        ("user ada.0123@example.com signed in", "an e-mail address"),
        ("cookie next-auth.session-token=abc", "a cookie"),
    ],
)
def test_each_kind_is_found(line: str, kind: str) -> None:
    """A log with one secret names its kind and quotes its line, and an ordinary log has none."""
    ordinary = "request_finished method=GET matcher=/api/user/:id status=200 user_id=7\n"
    assert find_secrets(ordinary) == []
    assert find_secrets(f"{ordinary}{line}\n{ordinary}") == [f"{kind}: {line}\n{ordinary}"[: len(kind) + 202]]
