"""The settings of the posts service: what every such service reads, and what only this one needs."""

from typing import Annotated

from pydantic import Field

from shared.postgres.pool_settings import PoolSettings
from shared.settings import DatabaseUrl, PreviousSecrets
from shared.tokens.service_settings import CallerSecret
from shared.users_copy.retention import LONGEST_BACKUP, DeletionRetention
from shared.verifier_settings import ResourceServerSettings


class PostsSettings(ResourceServerSettings):
    """What the posts service needs besides.

    The answer to a write with an idempotency key is kept, and sent again, for ``idempotency_retention_hours``.
    """

    posts_service_secret: CallerSecret = None
    posts_service_secret_previous: PreviousSecrets = ()
    posts_database_url: DatabaseUrl
    posts_replica_url: DatabaseUrl | None = None
    deletion_retention_days: DeletionRetention = LONGEST_BACKUP
    idempotency_retention_hours: Annotated[int, Field(ge=1, le=8760)] = 24


class PostsMigrationSettings(PoolSettings):
    """What ``python -m posts_service migrate`` needs: no key of any kind."""

    posts_database_url: DatabaseUrl
