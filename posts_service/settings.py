"""The settings of the posts service: what every service reads, and what only this one needs."""

from shared.settings import LogSettings, PreviousSecrets, Secret, UpstreamSettings


class PostsSettings(UpstreamSettings):
    """Without ``NEXTAUTH_SECRET``: this service verifies tokens, but can't open a session cookie."""

    service_secret: Secret
    service_secret_previous: PreviousSecrets = ()
    posts_database_url: Secret
    posts_replica_url: Secret | None = None
    auth_service_url: str


class PostsMigrationSettings(LogSettings):
    """What ``python -m posts_service migrate`` needs: no key of any kind."""

    posts_database_url: Secret
