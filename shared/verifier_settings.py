"""Settings of the services that verify access tokens and sign none: by a shared secret, published keys, or both."""

from typing import Self

from pydantic import model_validator

from shared.postgres.pool_settings import PoolSettings
from shared.settings import Settings, UpstreamSettings, reveal
from shared.tokens.keys import PublishedKeys
from shared.tokens.service_settings import ServiceSecretSettings
from shared.tokens.signed import KeyRing
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

    def read_keys(self) -> PublishedKeys:
        """Return the keys that verify access tokens; published ones are yet to come."""
        return PublishedKeys(KeyRing(self.shared_key, reveal(self.secret_key_previous)))


class FollowerSettings(ServiceSecretSettings, VerifierSettings):
    """What a service needs that verifies tokens and follows the auth service."""

    auth_service_url: str


class ResourceServerSettings(PageSettings, FollowerSettings, UpstreamSettings, PoolSettings):
    """What a service needs that holds users' resources.

    Without ``NEXTAUTH_SECRET``: it can't open a session cookie.
    """
