"""Settings that every service reads, and the checks that keep a bad one from starting.

Each setting is an environment variable; an empty one counts as not set. A secret may also come from a file:
``SECRET_KEY_FILE=/run/secrets/key``; giving both is refused, for one of them would not be the one in use.
All services share one environment, so a service ignores the settings of the others. But with a variable that looks like
one of ours and is none (``SECRET_KEY_PREVIUOS``) nothing starts: a typing error must not switch off a check.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from shared.setting_names import is_slip
from shared.tokens.keys import is_key_text
from shared.web.origins import read_origin

MIN_SECRET_LENGTH = 32  # bytes (RFC 7518, section 3.2: a key of at least the hash's size)
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}

SAMPLE_SECRETS = {
    "SECRET_KEY": "development-only-access-token-key-0001",
    "NEXTAUTH_SECRET": "development-only-session-cookie-key-01",
    "SERVICE_SECRET": "development-only-service-token-key-001",
}
"""For development only: published with the source, so production refuses them."""

SECRET_NAMES = (*SAMPLE_SECRETS, *(f"{name}_PREVIOUS" for name in SAMPLE_SECRETS))
_OF_POLICY = re.compile(r"[A-Z][A-Z0-9_]*_SERVICE_URL|POLICY_[A-Z0-9_]+")
_OF_CALLER = re.compile(r"[A-Z][A-Z0-9_]*_SERVICE_SECRET(_PREVIOUS)?")


def split(value: object) -> object:
    """Return the parts of a comma-separated list."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _refuse_key(secret: SecretStr) -> SecretStr:
    if is_key_text(secret.get_secret_value()):
        raise ValueError("must be a secret and no key in PEM, whose file TOKEN_KEY_FILE names")
    return secret


def _refuse_keys(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    return tuple(map(_refuse_key, secrets))


class DatabaseUrl(SecretStr):
    """Where a database is: a secret, for the role's password stands in it."""


Secret = Annotated[SecretStr, Field(min_length=1), AfterValidator(_refuse_key)]
PreviousSecrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split), AfterValidator(_refuse_keys)]
"""Secrets that were in use before, or will be next: what was made with them is still good, nothing new is made."""
AnySettings = TypeVar("AnySettings", bound="LogSettings")
SettingsType = TypeVar("SettingsType", bound="Settings")


class SettingsInvalid(Exception):
    """Settings that can't be used; the text is one line that names each of them."""


class LogSettings(BaseSettings):
    """What every program of ours needs, and where all settings come from."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is passed in, then the environment, then the files named by ``*_FILE``."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _NamedFiles(settings_cls)


class Settings(LogSettings):
    """What every service needs. Services extend it with what only they need.

    Without ``secret_key`` tokens are signed by the auth service's key pair alone.
    """

    environment: Literal["development", "production"] = "production"
    nextauth_url: str = "http://localhost:3000"
    secret_key: Secret | None = None
    secret_key_previous: PreviousSecrets = ()
    access_token_ttl: Annotated[int, Field(ge=60, le=86_400)] = 3600
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)]
    metrics_port: Annotated[int, Field(ge=1, le=65_535)]
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0

    @field_validator("secret_key")
    @classmethod
    def _check_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "," in value.get_secret_value():
            raise ValueError("must not contain a comma, which separates the keys of SECRET_KEY_PREVIOUS")
        return value

    @field_validator("nextauth_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        """Return the URL as a browser writes an origin (RFC 6454, section 6.1): lower case, no default port."""
        try:
            return read_origin(value.removesuffix("/"))
        except ValueError:
            raise ValueError("must be an http or https URL without a path, such as https://example.com") from None

    @model_validator(mode="after")
    def _check_production(self) -> Self:
        if self.environment == "production":
            _check_secrets(self._secrets())
            parts = urlsplit(self.nextauth_url)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
                raise ValueError("NEXTAUTH_URL must be https in production")
        return self

    @property
    def shared_key(self) -> str | None:
        """The secret that signs and verifies access tokens, where that is not for a key pair alone."""
        return self.secret_key.get_secret_value() if self.secret_key else None

    def _secrets(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in map(str.upper, type(self).model_fields):
            value = getattr(self, name.lower()) if name in SECRET_NAMES or _OF_CALLER.fullmatch(name) else None
            if isinstance(value, SecretStr):
                found[name] = value.get_secret_value()
            elif value is not None:
                found |= {f"{name}[{number}]": secret for number, secret in enumerate(reveal(value))}
        return found


class UpstreamSettings(Settings):
    """What a service needs that stands behind the gateway; ``unix_socket`` is where it listens beside its port."""

    unix_socket: Path | None = None


def reveal(previous: Iterable[SecretStr]) -> tuple[str, ...]:
    """Return the texts of previous secrets."""
    return tuple(secret.get_secret_value() for secret in previous)


def list_file_names(settings_type: type["LogSettings"], kind: type[SecretStr] = SecretStr) -> frozenset[str]:
    """Return the settings of a class that may come as a file too: its secrets, or those of one kind."""
    fields = settings_type.model_fields.items()
    return frozenset(name.upper() for name, field in fields if _names(field.annotation, kind))


def list_names(settings_type: type["LogSettings"]) -> frozenset[str]:
    """Return the variables from which a class of settings is read."""
    files = {f"{name}_FILE" for name in list_file_names(settings_type)}
    return frozenset(name.upper() for name in settings_type.model_fields) | files


def read_policy_variables() -> dict[str, str]:
    """Return what a policy may name of the environment: addresses (``POSTS_SERVICE_URL``), and what is its own."""
    return {name: value for name, value in os.environ.items() if value and _OF_POLICY.fullmatch(name)}


def load_settings(settings_type: type[AnySettings]) -> AnySettings:
    """Return the settings of the environment; raises SettingsInvalid, which names what is wrong in one line."""
    _check_names(settings_type, os.environ)
    try:
        return settings_type()
    except ValidationError as error:
        raise SettingsInvalid(_describe(error)) from None
    except SettingsError as error:  # a list or a table that can't be parsed; the text names the setting alone
        raise SettingsInvalid(str(error)) from None


def _check_names(settings_type: type[LogSettings], environment: Mapping[str, str]) -> None:
    files, names = list_file_names(settings_type), list_names(settings_type)
    unknown = [name for name in environment if name not in names and is_slip(name.upper(), names, files, SECRET_NAMES)]
    if unknown:
        raise SettingsInvalid(f"unknown setting {', '.join(sorted(unknown))}")
    doubled = sorted(name for name in files if environment.get(name) and environment.get(f"{name}_FILE"))
    if doubled:
        raise SettingsInvalid(f"{doubled[0]} and {doubled[0]}_FILE are both set; keep one")


def _names(annotation: object, kind: type[SecretStr]) -> bool:
    return kind in getattr(annotation, "__mro__", ()) or any(_names(each, kind) for each in get_args(annotation))


def _check_secrets(secrets: Mapping[str, str]) -> None:
    for name, value in secrets.items():
        if len(value.encode()) < MIN_SECRET_LENGTH:
            raise ValueError(f"{name} must be at least {MIN_SECRET_LENGTH} bytes in production")
        if value in SAMPLE_SECRETS.values():
            raise ValueError(f"{name} is a published sample; make your own for production")
    if len(set(secrets.values())) != len(secrets):
        raise ValueError(f"{', '.join(secrets)} must all be different")


def _describe(error: ValidationError) -> str:
    """Return one line that names each bad setting, and never its value: it may be a secret."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        name = str(fault["loc"][0]).upper() + ": " if fault["loc"] else ""
        message = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        lines.append(f"{name}{message}")
    return "; ".join(lines)


class _NamedFiles(PydanticBaseSettingsSource):
    """Reads a setting from the file that ``<NAME>_FILE`` names, as Docker secrets are given."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE") if _names(field.annotation, SecretStr) else None
        return (_read_secret_file(field_name, path) if path else None), field_name, False

    def __call__(self) -> dict[str, object]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def _read_secret_file(name: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{name.upper()}_FILE names a file that can't be read") from None
    if not text:
        raise SettingsInvalid(f"{name.upper()}_FILE names an empty file")
    return text
