"""All ways to sign in, in the order of the sign-in page."""

from auth_service.settings import AuthSettings
from auth_service.ways import email, password, providers
from auth_service.ways.way import Way

WAYS = (password.WAY,)
"""Those that are always there."""


def list_ways(settings: AuthSettings) -> tuple[Way, ...]:
    """Return the ways to sign in that the settings ask for."""
    by_email = (email.WAY,) if settings.email_sign_in else ()
    elsewhere = (providers.build_way(each, settings.protocol) for each in settings.providers)
    return (*WAYS, *by_email, *elsewhere)
