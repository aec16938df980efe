"""The settings of the auth service: what every service reads, and what only the issuer needs."""

from typing import Annotated

from pydantic import Field

from shared.settings import Secret, Settings

DAY = 86_400  # seconds


class AuthSettings(Settings):
    """Ages are in seconds: a session ends ``session_max_age`` after its sign-in, or unused for ``session_idle_age``."""

    nextauth_secret: Secret
    service_secret: Secret
    auth_database_url: Secret
    session_max_age: Annotated[int, Field(ge=60, le=400 * DAY)] = 30 * DAY
    session_idle_age: Annotated[int, Field(ge=60, le=400 * DAY)] = 14 * DAY
