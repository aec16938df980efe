"""The settings of services that call one another: the secrets of these calls, and who they are from.

Each caller has a secret of its own, ``POSTS_SERVICE_SECRET``. The caller reads its own alone and the auth service those
of all: a class of settings says by its fields which. ``SERVICE_SECRET`` stands in for each that is not set.
"""

import re
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from shared.auth_events.contract import GATEWAY
from shared.settings import SAMPLE_SECRETS, PreviousSecrets, Secret, Settings, reveal
from shared.tokens.service_keys import Secrets, build_caller_keys
from shared.tokens.signed import KeyRing

_OWN = re.compile(r"([a-z0-9_]+)_service_secret")

CallerSecret = Annotated[Secret | None, Field(validate_default=True)]
"""A caller's own secret, which is told when it is missing together with all else that is wrong."""


class ServiceSecretSettings(Settings):
    """What a service needs that calls others, or is called."""

    service_secret: Secret | None = None
    service_secret_previous: PreviousSecrets = ()

    @field_validator("*")
    @classmethod
    def _check_own(cls, value: object, info: ValidationInfo) -> object:
        """Refuse a caller without any secret: in development a published one stands in for it."""
        is_alone = "service_secret" in info.data and info.data["service_secret"] is None
        is_strict = info.data.get("environment") != "development"
        if value is None and is_strict and is_alone and _OWN.fullmatch(info.field_name or ""):
            raise ValueError("is missing, and so is SERVICE_SECRET, which would stand in for it")
        return value

    @model_validator(mode="after")
    def _check_callers(self) -> Self:
        callers = list_callers(type(self))
        for caller in callers:
            if self.read_own_secrets(caller).current is None and self._shared.current is None:
                raise ValueError(f"{name_secret(caller)} is missing")
        owned = {(secret, caller) for caller in callers for secret in _list_all(self.read_own_secrets(caller))}
        if len({secret for secret, _ in owned}) != len(owned):
            names = ", ".join(map(name_secret, callers))
            raise ValueError(f"{names} must differ, for they tell the auth service who calls")
        return self

    def build_keys(self, caller: str) -> KeyRing:
        """Return the keys by which a caller signs, and is known to the auth service."""
        return build_caller_keys(caller, self.read_own_secrets(caller), self._shared)

    def build_shared_keys(self) -> KeyRing:
        """Return the keys by which a service signs that was built for the release before."""
        return KeyRing(self._shared.current, self._shared.previous)

    def read_own_secrets(self, caller: str) -> Secrets:
        """Return the secrets that are a caller's own; none where its settings know of none."""
        name = name_secret(caller).lower()
        current: SecretStr | None = getattr(self, name, None)
        previous: tuple[SecretStr, ...] = getattr(self, f"{name}_previous", ())
        return Secrets(current.get_secret_value() if current is not None else None, reveal(previous))

    def list_secrets(self, caller: str) -> tuple[str, ...]:
        """Return the secrets from which a service makes keys for its own use, the one in use first."""
        own, shared = self.read_own_secrets(caller), self._shared
        current = own.current if own.current is not None else shared.current
        assert current is not None  # else it would not have started
        return (current, *own.previous, *shared.previous)

    @property
    def _shared(self) -> Secrets:
        """The secret that stands in for those that are not set; in development there is always one."""
        sample = SAMPLE_SECRETS["SERVICE_SECRET"] if self.environment == "development" else None
        current = self.service_secret.get_secret_value() if self.service_secret is not None else sample
        return Secrets(current, reveal(self.service_secret_previous))


def name_secret(caller: str) -> str:
    """Return the setting with a caller's own secret: ``POSTS_SERVICE_SECRET``, ``GATEWAY_SERVICE_SECRET``."""
    return f"{caller.removesuffix('_service')}_service_secret".upper()


def name_secret_in_use(settings: ServiceSecretSettings, caller: str) -> str:
    """Return the setting with the secret by which a caller signs: its own, or the one that all share."""
    return name_secret(caller) if settings.read_own_secrets(caller).current is not None else "SERVICE_SECRET"


def list_callers(settings_type: type[Settings]) -> tuple[str, ...]:
    """Return the callers whose secrets a class of settings has."""
    found = [match[1] for match in map(_OWN.fullmatch, settings_type.model_fields) if match]
    return tuple(name if name == GATEWAY else f"{name}_service" for name in found)


def _list_all(secrets: Secrets) -> tuple[str, ...]:
    return secrets.previous if secrets.current is None else (secrets.current, *secrets.previous)
