"""NextAuth's names of what can go wrong with a sign-in, and which of them the sign-in page explains."""

from collections.abc import Mapping

from auth_service.errors import (
    EmailUnproven,
    InvalidCredentials,
    NoAccountMade,
    NoAddress,
    NotAllowedIn,
    NotLinked,
    ProviderDeclined,
    ProviderDown,
    ProviderRefused,
)
from auth_service.pages.sign_in import UNPROVEN
from shared.errors import AppError, Forbidden, Throttled, Unavailable
from shared.tokens.protocol import MISSING_CSRF, WRONG_CREDENTIALS

SHOWN_ON_SIGN_IN_PAGE = {
    "Signin",
    "OAuthSignin",
    "OAuthCallback",
    "OAuthCreateAccount",
    "EmailCreateAccount",
    "Callback",
    "OAuthAccountNotLinked",
    "EmailSignin",
    "CredentialsSignin",
    "SessionRequired",
    # Ours: next-auth itself has no such limits.
    "TooManyAttempts",
    "Unavailable",
    UNPROVEN,
}

ERROR_NAMES: Mapping[type[AppError], str] = {
    EmailUnproven: UNPROVEN,
    NotAllowedIn: "AccessDenied",
    NotLinked: "OAuthAccountNotLinked",
    NoAccountMade: "OAuthCreateAccount",
    ProviderDown: "OAuthSignin",
    ProviderRefused: "OAuthCallback",
    ProviderDeclined: "Callback",
    Forbidden: MISSING_CSRF,
    InvalidCredentials: WRONG_CREDENTIALS,
    NoAddress: "EmailSignin",
    Throttled: "TooManyAttempts",
    Unavailable: "Unavailable",
}


def name_error(refusal: BaseException) -> str:
    """Return NextAuth's name of a refusal that is one of ``ERROR_NAMES``."""
    return next(name for kind, name in ERROR_NAMES.items() if isinstance(refusal, kind))
