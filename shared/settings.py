"""Settings that every service reads, and the checks that keep a bad one from starting.

Each setting is an environment variable; an empty one counts as not set. A secret may also come from a file:
``SECRET_KEY_FILE=/run/secrets/key``; giving both is refused, for one of them would not be the one in use.
All services share one environment, so a service ignores the settings of the others. But with a variable that looks like
one of ours and is none (``SECRET_KEY_PREVIUOS``) nothing starts: a typing error must not switch off a check.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from shared.setting_names import list_name_faults
from shared.tokens.keys import is_key_text
from shared.tokens.secret_files import read_secret_file
from shared.tokens.weak_secrets import check_database_url, check_different, check_secret
from shared.web.origins import check_public_url, read_origin

DEVELOPMENT_URL = "http://localhost:3000"

SAMPLE_SECRETS = {
    "SECRET_KEY": "development-only-access-token-key-0001",
    "NEXTAUTH_SECRET": "development-only-session-cookie-key-01",
    "SERVICE_SECRET": "development-only-service-token-key-001",
}
"""For development only: published with the source, so production refuses them."""

SECRET_NAMES = (*SAMPLE_SECRETS, *(f"{name}_PREVIOUS" for name in SAMPLE_SECRETS))
_OF_CALLER = re.compile(r"[A-Z][A-Z0-9_]*_SERVICE_SECRET(_PREVIOUS)?")
_OF_POLICY = re.compile(r"[A-Z][A-Z0-9_]*_SERVICE_URL|POLICY_[A-Z0-9_]+")


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
    nextauth_url: Annotated[str, Field(validate_default=True)] = ""
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
    def _check_public_url(cls, value: str, info: ValidationInfo) -> str:
        """Return the URL as a browser writes an origin (RFC 6454, section 6.1): lower case, no default port.

        Only development has one of its own accord.
        """
        if not value and not _is_development(info):
            raise ValueError("is missing; production needs the URL that browsers open, such as https://example.com")
        try:
            origin = read_origin(value.removesuffix("/") or DEVELOPMENT_URL)
        except ValueError:
            raise ValueError("must be an http or https URL without a path, such as https://example.com") from None
        return origin if _is_development(info) else check_public_url(origin)

    @field_validator("*")
    @classmethod
    def _check_secrets(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what is no secret in production. Each is told by itself, so that one start tells all of them."""
        name = (info.field_name or "").upper()
        if isinstance(value, DatabaseUrl):
            check_database_url(value.get_secret_value(), is_development=_is_development(info))
        elif value and not _is_development(info):
            ours = _list_texts(name, value)
            for text in ours.values():
                check_secret(text, SAMPLE_SECRETS.values())
            others = (item for each, held in info.data.items() for item in _list_texts(each.upper(), held).items())
            check_different(ours, dict(others))
        return value

    @property
    def shared_key(self) -> str | None:
        """The secret that signs and verifies access tokens, where that is not for a key pair alone."""
        return self.secret_key.get_secret_value() if self.secret_key else None


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
    """Return the settings of the environment; raises SettingsInvalid, which names all that is wrong in one line."""
    faults = list_name_faults(os.environ, list_names(settings_type), list_file_names(settings_type), SECRET_NAMES)
    try:
        settings = settings_type()
    except ValidationError as error:
        faults += _list_faults(error)
    except (SettingsError, SettingsInvalid) as error:
        faults.append(str(error))  # a list or a table that can't be parsed, by its name alone; files
    if faults:
        raise SettingsInvalid("; ".join(faults))
    return settings


def _names(annotation: object, kind: type[SecretStr]) -> bool:
    return kind in getattr(annotation, "__mro__", ()) or any(_names(each, kind) for each in get_args(annotation))


def _is_development(info: ValidationInfo) -> bool:
    return info.data.get("environment") == "development"


def _list_texts(name: str, value: object) -> dict[str, str]:
    """Return the secrets that a setting holds, each by a name that tells it from the others; of others, none."""
    if name not in SECRET_NAMES and not _OF_CALLER.fullmatch(name):
        return {}
    if isinstance(value, SecretStr):
        return {name: value.get_secret_value()}
    held = value if isinstance(value, tuple) else ()
    return {f"{name}[{number}]": secret for number, secret in enumerate(reveal(held))}


def _list_faults(error: ValidationError) -> list[str]:
    """Return a sentence for each bad setting, which names it, and never its value: it may be a secret."""
    faults = error.errors(include_input=False, include_url=False)
    told = (
        "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ") for fault in faults
    )
    names = (str(fault["loc"][0]).upper() + ": " if fault["loc"] else "" for fault in faults)
    return [name + message for name, message in zip(names, told, strict=True)]


class _NamedFiles(PydanticBaseSettingsSource):
    """Reads a setting from the file that ``<NAME>_FILE`` names, as Docker secrets are given."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        name = field_name.upper()
        path = os.environ.get(f"{name}_FILE") if _names(field.annotation, SecretStr) else None
        return (read_secret_file(name, path) if path and not os.environ.get(name) else None), field_name, False

    def __call__(self) -> dict[str, object]:
        values, faults = dict[str, object](), list[str]()
        for name, field in self.settings_cls.model_fields.items():
            try:
                values[name] = self.get_field_value(field, name)[0]
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise SettingsInvalid("; ".join(faults))
        return {name: value for name, value in values.items() if value is not None}
