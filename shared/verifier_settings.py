"""Settings of the services that verify access tokens and sign none: by a shared secret, published keys, or both."""

from typing import Self

from pydantic import model_validator

from shared.service_settings import ServiceSecretSettings
from shared.settings import Settings, UpstreamSettings
from shared.web.page_settings import PageSettings


class VerifierSettings(Settings):
    """What a service needs that verifies access tokens and signs none.

    With ``published_keys`` it accepts the public keys that the auth service publishes; unless set, exactly when there
    is no ``secret_key``.
    """

    published_keys: bool | None = None

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.secret_key is None and self.published_keys is False:
            raise ValueError("PUBLISHED_KEYS=off needs SECRET_KEY: nobody's token could be verified")
        return self

    @property
    def follows_keys(self) -> bool:
        """Whether published keys are accepted."""
        return self.secret_key is None if self.published_keys is None else self.published_keys


class ResourceServerSettings(PageSettings, ServiceSecretSettings, UpstreamSettings, VerifierSettings):
    """What a service needs that verifies tokens and follows the auth service.

    Without ``NEXTAUTH_SECRET``: it can't open a session cookie.
    """

    auth_service_url: str
