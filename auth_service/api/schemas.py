"""The bodies of the auth service's API, and what they may contain.

An e-mail address is kept as typed; ``mail.addresses`` defines when two are the same. Signing in sets no bounds on the
password: one that can't be right is refused like any wrong one, after the same time.
"""

import re
import uuid
from typing import Annotated

from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.config import JsonDict

from auth_service.mail.addresses import REFUSED_DOMAINS, check_email, trim
from auth_service.passwords.rules import MAX_LENGTH, MIN_LENGTH, find_password_fault
from shared.web.schemas import Body, Line, Query, Text, Time, View, example

MAX_NAME = 100  # characters
MAX_REFRESH_TOKEN = 128
MAX_INVITATION = 100

_PHRASE = "correct horse battery"
OTHER_PHRASE = "purple monkey dishwasher"
_USER: dict[str, JsonValue] = {
    "id": 1,
    "name": "Ada",
    "email": "ada@example.com",
    "createdAt": "2026-11-24T11:03:34Z",
    "updatedAt": "2026-11-24T11:03:34Z",
}
_TOKENS: dict[str, JsonValue] = {
    "accessToken": "eyJhbGciOiJIUzI1NiIs…",
    "refreshToken": "0kOqYyqDZy2m…",
    "expiresIn": 3600,
}

_REFUSED_DOMAIN = rf"[.@](?<![.@]home\.)({'|'.join(map(re.escape, REFUSED_DOMAINS))})$"
_EMAIL_SCHEMA = {"type": "string", "format": "email", "not": {"pattern": _REFUSED_DOMAIN}}
_PASSWORD_SCHEMA = {
    "type": "string",
    "minLength": MIN_LENGTH,
    "maxLength": MAX_LENGTH,
    "pattern": r"^[^\u0000]*$",
    "description": f"At least {MIN_LENGTH} characters, and at most {MAX_LENGTH} bytes of UTF-8; not one that is easily "
    "guessed, nor your name, your e-mail address or the name of this product",
}


Name = Annotated[Line, AfterValidator(str.strip), Field(max_length=MAX_NAME)]
Email = Annotated[Text, AfterValidator(check_email), WithJsonSchema(_EMAIL_SCHEMA)]
ChosenPassword = Annotated[Text, WithJsonSchema(_PASSWORD_SCHEMA)]


class SignUp(Body):
    """A new account; ``invitation`` is the token in an operator's link, where it takes one."""

    model_config = example(name="Ada", email="ada@example.com", password=_PHRASE)

    name: Name
    email: Email
    password: ChosenPassword
    invitation: Annotated[Text, Field(max_length=MAX_INVITATION)] | None = None

    @field_validator("password")
    @classmethod
    def _check_password(cls, password: str, info: ValidationInfo) -> str:
        fault = find_password_fault(password, name=info.data.get("name", ""), email=info.data.get("email", ""))
        if fault:
            raise ValueError(fault)
        return password


class SignIn(Body):
    """The credentials to sign in with: the e-mail address, which may also be sent as ``email``, and the password."""

    model_config = example(username="ada@example.com", password=_PHRASE)

    username: Annotated[Text, AfterValidator(trim), Field(validation_alias=AliasChoices("username", "email"))]
    password: Text


class RefreshToken(Body):
    """A refresh token to exchange for a new pair."""

    model_config = example(refreshToken=_TOKENS["refreshToken"])

    refresh_token: Annotated[Text, Field(max_length=MAX_REFRESH_TOKEN)]


def _describe_change(schema: JsonDict) -> None:
    """Put into the schema what the validator checks: no null."""
    schema["properties"] = {"name": TypeAdapter(Name).json_schema()}
    schema["examples"] = [{"name": "Ada Lovelace"}]


class AccountChange(Body):
    """Changes to an account; members left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=_describe_change)

    name: Name | None = None

    @field_validator("name", mode="before")
    @classmethod
    def _refuse_null(cls, name: object) -> object:
        if name is None:
            raise ValueError("must not be null")
        return name


class PasswordChange(Body):
    """The new password, and the current one, which only whoever has none leaves out."""

    model_config = example(currentPassword=_PHRASE, newPassword=OTHER_PHRASE)

    current_password: Text | None = None
    new_password: ChosenPassword


class Password(Body):
    """The password of a signed-in user, to confirm who they are; whoever has none leaves it out."""

    model_config = example(password=_PHRASE)

    password: Text | None = None


class DeviceQuery(Query):
    """A part of the list of sessions: ``limit`` of them, after the page that ``cursor`` came from."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: uuid.UUID | None = None


class UserView(View):
    """A user, without the password."""

    model_config = example(**_USER)

    id: int
    name: str
    email: str
    created_at: Time
    updated_at: Time


class MeView(UserView):
    """The caller; ``emailVerified`` is when they proved that they read what is sent to their address, or null.

    ``hasPassword`` is false for whoever signed up with another provider, until they set one.
    """

    model_config = example(**_USER, emailVerified="2026-11-24T11:05:10Z", hasPassword=True)

    email_verified: Time | None
    has_password: bool


class SignedInView(UserView):
    """A user who has just signed in, and their tokens; ``expiresIn`` is the access token's lifetime in seconds."""

    model_config = example(**_USER, **_TOKENS)

    access_token: str
    refresh_token: str
    expires_in: int


class TokensView(View):
    """A new pair of tokens; ``expiresIn`` is the access token's lifetime in seconds."""

    model_config = example(**_TOKENS)

    access_token: str
    refresh_token: str
    expires_in: int


class DeviceView(View):
    """One of the caller's sessions; ``current`` marks the one that made the request. Unused, it ends at ``endsAt``."""

    model_config = example(
        id="0b0f6b0e-8d0c-4c63-8a55-0d2a6c3c8f11",
        createdAt="2026-11-24T11:03:34Z",
        lastUsedAt="2026-11-25T08:00:00Z",
        endsAt="2026-12-09T08:00:00Z",
        userAgent="Firefox on Linux",
        address="198.51.100.7",
        current=True,
    )

    id: uuid.UUID
    created_at: Time
    last_used_at: Time
    ends_at: Time
    user_agent: str
    address: str | None
    current: bool
