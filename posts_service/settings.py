"""The settings of the posts service: what every such service reads, and what only this one needs."""

from shared.settings import LogSettings, ResourceServerSettings, Secret


class PostsSettings(ResourceServerSettings):
    """What the posts service needs beside."""

    posts_database_url: Secret
    posts_replica_url: Secret | None = None


class PostsMigrationSettings(LogSettings):
    """What ``python -m posts_service migrate`` needs: no key of any kind."""

    posts_database_url: Secret
