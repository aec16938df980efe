"""Mail as the rest of the service sees it: what endpoints find in ``parts.mail``, which is None where mail is off."""

from dataclasses import dataclass

import structlog

from auth_service.accounts.accounts import Accounts
from auth_service.guessing.admission import Admission
from auth_service.mail.address_proofs import AddressProofs
from auth_service.mail.links import Links
from auth_service.mail.notices import Notices
from auth_service.mail.recovery import Recovery
from auth_service.mail.sent_codes import Codes
from auth_service.settings import AuthSettings, Verification
from shared.postgres.database import Database
from shared.settings import reveal

LINK_PATH = "/api/auth/callback/email"  # as next-auth has it

log = structlog.get_logger("mail")


@dataclass(frozen=True, slots=True)
class Mail:
    """What sends letters, and what is done with the codes in them."""

    codes: Codes
    recovery: Recovery
    proofs: AddressProofs
    links: Links
    verification: Verification


def build_notices(settings: AuthSettings, database: Database, admission: Admission) -> Notices | None:
    """Return what tells people of what happened; None without mail."""
    return Notices(database, admission) if settings.smtp_url is not None else None


def build_recovery(settings: AuthSettings, accounts: Accounts) -> Recovery:
    """Return what gives people new passwords: without mail, by links that operators hand over."""
    names = {each.id: each.name for each in settings.providers}
    codes = Codes(settings.nextauth_secret.get_secret_value(), reveal(settings.nextauth_secret_previous))
    by, end = (codes, accounts.passwords, accounts.admission, accounts.sessions), settings.nextauth_url
    return Recovery(accounts.database, *by, accounts.notices, names, end)


def build_mail(settings: AuthSettings, accounts: Accounts, recovery: Recovery) -> Mail | None:
    """Return the parts that send letters; None, which the log says, where no server is named for it."""
    if accounts.notices is None:
        log.info("mail_off", setting="SMTP_URL")
        return None
    return Mail(
        codes=recovery.codes,
        recovery=recovery,
        proofs=AddressProofs(accounts, recovery.codes),
        links=Links(accounts.database, recovery.codes, accounts.admission, f"{settings.nextauth_url}{LINK_PATH}"),
        verification=settings.email_verification,
    )
