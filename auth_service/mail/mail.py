"""Mail as the rest of the service sees it: what endpoints find in ``parts.mail``, which is None where mail is off."""

from dataclasses import dataclass
from typing import Literal

import structlog

from auth_service.mail.codes import Codes
from auth_service.settings import AuthSettings

log = structlog.get_logger("mail")


@dataclass(frozen=True, slots=True)
class Mail:
    """What sends letters, and what is done with the codes in them."""

    codes: Codes
    verification: Literal["off", "optional", "required"]


def build_mail(settings: AuthSettings) -> Mail | None:
    """Return the parts that send letters; None, which the log says, where no server is named for it."""
    if settings.smtp_url is None:
        log.info("mail_off", setting="SMTP_URL")
        return None
    return Mail(Codes(settings.nextauth_secret.get_secret_value()), settings.email_verification)
