"""The bodies of the auth service's API, and what may stand in them.

An e-mail address is kept as typed; ``users.email_key`` says when two are the same. Signing in sets no bounds on the
password: whatever can't be right is answered like any wrong one, after the same time.
"""

import re
from typing import Annotated

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo, WithJsonSchema, field_validator

from auth_service.password_rules import MAX_LENGTH, MIN_LENGTH, find_password_fault
from shared.schemas import Body, Line, Text, Time, View

MAX_NAME = 100  # characters

_RESERVED_DOMAIN = rf"[.@]({'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"
_EMAIL_SCHEMA = {"type": "string", "format": "email", "not": {"pattern": _RESERVED_DOMAIN}}
_PASSWORD_SCHEMA = {
    "type": "string",
    "minLength": MIN_LENGTH,
    "maxLength": MAX_LENGTH,
    "pattern": r"^[^\u0000]*$",
    "description": "Counted in bytes of UTF-8; not a common password, nor your name, your e-mail address or "
    "the name of this product",
}


def _check_email(value: str) -> str:
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError:
        raise ValueError("must be a valid e-mail address") from None
    return value


Email = Annotated[Text, AfterValidator(_check_email), WithJsonSchema(_EMAIL_SCHEMA)]


class SignUp(Body):
    """Who wants to sign up."""

    name: Annotated[Line, Field(max_length=MAX_NAME)]
    email: Email
    password: Annotated[Text, WithJsonSchema(_PASSWORD_SCHEMA)]

    @field_validator("password")
    @classmethod
    def _check_password(cls, password: str, info: ValidationInfo) -> str:
        fault = find_password_fault(password, name=info.data.get("name", ""), email=info.data.get("email", ""))
        if fault:
            raise ValueError(fault)
        return password


class SignIn(Body):
    """Who wants to sign in: the e-mail address, which may also be called ``email``, and the password."""

    username: Annotated[Text, Field(validation_alias=AliasChoices("username", "email"))]
    password: Text


class UserView(View):
    """A user, without the password."""

    id: int
    name: str
    email: str
    created_at: Time
    updated_at: Time


class SignedInView(UserView):
    """A user who has just signed in; ``expiresIn`` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


class AuthorView(View):
    """What other services may know of a user."""

    id: int
    name: str
    email: str
