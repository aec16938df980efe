"""The settings of the comments service: what every such service reads, its secret, and its database."""

from shared.settings import DatabaseUrl, PreviousSecrets, Secret
from shared.verifier_settings import ResourceServerSettings


class CommentsSettings(ResourceServerSettings):
    """What the comments service needs beside."""

    comments_service_secret: Secret | None = None
    comments_service_secret_previous: PreviousSecrets = ()
    comments_database_url: DatabaseUrl
