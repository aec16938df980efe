"""Mail as a whole: on where a server is named for it, otherwise off."""

import secrets

import pydantic
import pytest
import structlog

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from shared.settings import SAMPLE_SECRETS
from tests.support.letters import WITH_MAIL
from tests.support.services import auth_settings

NOWHERE = "postgresql://nowhere/auth"
PRODUCTION = {
    "environment": "production",
    "nextauth_url": "https://example.com",
    **{name.lower(): secrets.token_urlsafe(48) for name in SAMPLE_SECRETS},
}


def test_without_a_server_the_start_says_once_that_mail_is_off() -> None:
    """Without ``SMTP_URL`` there is one line in the log that says so, and names the setting; with it there is none."""
    with structlog.testing.capture_logs() as lines:
        app = create_app(auth_settings(NOWHERE), Metrics())
    assert app.state.parts.mail is None
    assert [line for line in lines if line["event"] == "mail_off"] == [
        {"event": "mail_off", "setting": "SMTP_URL", "log_level": "info"}
    ]
    with structlog.testing.capture_logs() as lines:
        app = create_app(auth_settings(NOWHERE, **WITH_MAIL), Metrics())
    assert app.state.parts.mail is not None
    assert [line for line in lines if line["event"] == "mail_off"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"smtp_url": None, "email_sign_in": True}, "EMAIL_SIGN_IN needs SMTP_URL"),
        ({"smtp_url": None, "email_sign_in": False, "email_verification": "required"}, "=required needs SMTP_URL"),
        ({"mail_from": ""}, "MAIL_FROM must be an address"),
        ({"smtp_url": "https://example.com"}, "SMTP_URL must be smtp://"),
        (PRODUCTION, "tls=none only with smtp:// and ENVIRONMENT=development"),
    ],
)
def test_settings_that_send_no_letter_refuse_the_start(changes: dict[str, object], reason: str) -> None:
    """What needs mail does not start without a server for it, nor with one that letters can't be sent by."""
    with pytest.raises(pydantic.ValidationError, match=reason):
        auth_settings(NOWHERE, **{**WITH_MAIL, **changes})
